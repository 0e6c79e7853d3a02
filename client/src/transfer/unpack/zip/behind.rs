//! What may lie behind a content: its descriptor, and nothing else.

use std::io::Read;

use rawzip::ZipFileHeaderRecord;

use super::super::{UnpackError, member::shown, stored::Stored};

const SIGNATURE: [u8; 4] = *b"PK\x07\x08";
/// Signature and sum, and two sizes of eight bytes.
const LONGEST: usize = 24;

/// Where the next content may begin.
pub(super) struct Behind {
    content: u64,
    /// How long the descriptor may be. It does not say itself whether it has a signature, and how
    /// wide its sizes are, so that one of an empty file may be read in two ways.
    lengths: Lengths,
    name: Vec<u8>,
}

type Lengths = [Option<u64>; 5];

const NOTHING: Lengths = [Some(0), None, None, None, None];

impl Behind {
    /// Before the first content there is nothing.
    pub(super) fn beginning() -> Self {
        Self { content: 0, lengths: NOTHING, name: Vec::new() }
    }

    /// Looks at what lies behind the content of an entry.
    ///
    /// # Errors
    /// [`UnpackError::EntryContradiction`] where there should be a descriptor and is none that
    /// says what the directory does.
    pub(super) fn of(
        record: &ZipFileHeaderRecord<'_>,
        content: u64,
        stored: &Stored,
        directory: u64,
    ) -> Result<Self, UnpackError> {
        let name = record.file_path().as_bytes().to_vec();
        let lengths = match record.flags().has_data_descriptor() {
            true => descriptors(record, content, stored, directory)?,
            false => NOTHING,
        };
        if lengths.iter().all(Option::is_none) {
            let shown = shown(&name);
            let what = "behind its content is another size or sum than in the directory";
            return Err(UnpackError::EntryContradiction { shown, what });
        }
        Ok(Self { content, lengths, name })
    }

    /// The least of what the next content may begin at.
    pub(super) fn least(&self) -> u64 {
        self.content + self.lengths.iter().flatten().min().copied().unwrap_or_default()
    }

    /// Checks that the next thing begins where nothing is left in between.
    pub(super) fn check(&self, next: u64) -> Result<(), UnpackError> {
        let is_next = |length: &u64| self.content.checked_add(*length) == Some(next);
        if self.lengths.iter().flatten().any(is_next) {
            return Ok(());
        }
        if self.content == 0 {
            return Err(UnpackError::Contradiction("there is something before its beginning"));
        }
        let (shown, what) = (shown(&self.name), "there is something behind it that nobody lists");
        Err(UnpackError::EntryContradiction { shown, what })
    }
}

/// The lengths that a descriptor at this place may have.
fn descriptors(
    record: &ZipFileHeaderRecord<'_>,
    at: u64,
    stored: &Stored,
    directory: u64,
) -> Result<Lengths, UnpackError> {
    let mut there = Vec::with_capacity(LONGEST);
    let room = directory.saturating_sub(at).min(LONGEST as u64);
    stored.range(at, room).read_to_end(&mut there).map_err(UnpackError::Archive)?;
    let sizes = [record.compressed_size_hint(), record.uncompressed_size_hint()];
    let narrow = sizes.map(|size| u32::try_from(size).ok().map(u32::to_le_bytes));
    let narrow = match narrow {
        [Some(packed), Some(size)] => Some([packed, size].concat()),
        _ => None,
    };
    let wide = Some(sizes.map(u64::to_le_bytes).concat());
    let length = |signature: &[u8], sizes: &Option<Vec<u8>>| {
        let descriptor = [signature, &record.crc32().to_le_bytes(), sizes.as_ref()?].concat();
        there.starts_with(&descriptor).then_some(descriptor.len() as u64)
    };
    Ok([
        length(&SIGNATURE, &narrow),
        length(&SIGNATURE, &wide),
        length(&[], &narrow),
        length(&[], &wide),
        // Some programs write none behind a folder, and say that there is one.
        record.is_dir().then_some(0),
    ])
}
