//! A file whose long runs of zeros take no room on the disk.

use std::{
    fs::File,
    io::{self, Seek, SeekFrom, Write},
};

/// The shortest run that is left out, in bytes: a block of most disks.
const BLOCK: usize = 4096;

/// Writes a new file, and leaves out what is zero there anyway.
///
/// Only runs that make up all of one write are looked for, so that it costs no more than to read
/// what is written once. The file has its length when it is [settled](Self::settle).
pub(super) struct Sparse {
    file: File,
    /// Bytes left out since the last that were written.
    hole: u64,
}

impl Sparse {
    /// Begins at the beginning of an empty file.
    pub(super) fn of(file: File) -> Self {
        Self { file, hole: 0 }
    }

    /// The file, which may be shorter than what was written.
    pub(super) fn file(&self) -> &File {
        &self.file
    }

    /// Makes the end of the file a hole where it is one.
    pub(super) fn settle(&mut self) -> io::Result<()> {
        if self.hole == 0 {
            return Ok(());
        }
        let end = i64::try_from(self.hole).map_err(io::Error::other)?;
        let length = self.file.seek(SeekFrom::Current(end))?;
        self.hole = 0;
        self.file.set_len(length)
    }
}

impl Write for Sparse {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.len() >= BLOCK && bytes.iter().all(|byte| *byte == 0) {
            self.hole = self.hole.saturating_add(bytes.len() as u64);
            return Ok(bytes.len());
        }
        if self.hole > 0 {
            let hole = i64::try_from(self.hole).map_err(io::Error::other)?;
            self.file.seek(SeekFrom::Current(hole))?;
            self.hole = 0;
        }
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::io::Read;

    use proptest::prelude::*;

    use super::*;

    fn written(pieces: &[Vec<u8>]) -> File {
        let file = tempfile::tempfile().unwrap();
        let mut sparse = Sparse::of(file.try_clone().unwrap());
        pieces.iter().for_each(|piece| sparse.write_all(piece).unwrap());
        sparse.settle().unwrap();
        file
    }

    proptest! {
        #[test]
        fn what_is_written_is_what_is_read(
            pieces in prop::collection::vec((any::<bool>(), 0_usize..3 * BLOCK), 0..8),
        ) {
            let pieces: Vec<_> =
                pieces.into_iter().map(|(zero, length)| vec![u8::from(!zero); length]).collect();
            let mut file = written(&pieces);
            let mut read = Vec::new();
            file.rewind().unwrap();
            file.read_to_end(&mut read).unwrap();
            prop_assert!(read == pieces.concat());
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn zeros_take_no_room() {
        use std::os::unix::fs::MetadataExt;

        let piece = vec![0; 64 * 1024];
        let zeros = written(&vec![piece; 64]).metadata().unwrap();
        assert_eq!(zeros.len(), 4 << 20);
        assert!(zeros.blocks() * 512 < 1 << 20, "{}", zeros.blocks());
    }
}
