//! The header before each content, which other programs may believe instead of the directory.

use rawzip::{ZipEntry, ZipFileHeaderRecord};

use super::super::{UnpackError, member::shown, stored::Stored};

/// A name and what is noted besides, of 64 KiB each.
const LONGEST: usize = 2 * u16::MAX as usize;

/// Reads headers, into one piece of memory.
pub(super) struct Local(Vec<u8>);

impl Default for Local {
    fn default() -> Self {
        Self(vec![0; LONGEST])
    }
}

impl Local {
    /// Checks that the header of an entry says what its record does. Sum and sizes may be missing
    /// from it where they stand behind the content.
    ///
    /// # Errors
    /// [`UnpackError::EntryContradiction`].
    pub(super) fn check(
        &mut self,
        record: &ZipFileHeaderRecord<'_>,
        entry: &ZipEntry<'_, Stored>,
    ) -> Result<(), UnpackError> {
        let name = record.file_path();
        let contradiction =
            |what| Err(UnpackError::EntryContradiction { shown: shown(name.as_bytes()), what });
        let header = entry.local_header(&mut self.0)?;
        if header.file_path().as_bytes() != name.as_bytes() {
            return contradiction("it has another name before its content than in the directory");
        }
        let (own, listed) = (header.flags(), record.flags());
        let is_described = listed.has_data_descriptor();
        if header.compression_method() != record.compression_method()
            || own.is_encrypted() != listed.is_encrypted()
            || own.has_data_descriptor() != is_described
        {
            return contradiction(
                "it is packed in one way by its header, in another by the directory",
            );
        }
        let is_same = |own: u64, listed: u64| own == listed || is_described && own == 0;
        if !is_same(header.crc32().into(), record.crc32().into())
            || !is_same(header.compressed_size_hint(), record.compressed_size_hint())
            || !is_same(header.uncompressed_size_hint(), record.uncompressed_size_hint())
        {
            return contradiction("its header has another size or sum than the directory");
        }
        Ok(())
    }
}
