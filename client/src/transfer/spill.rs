//! Long lists that are written once and read in order: in memory while they are short, then in a
//! temporary file without a name.

use std::io::{self, BufReader, BufWriter, Seek};

use tempfile::SpooledTempFile;

/// How many bytes of one list stay in memory.
const KEPT: usize = 64 * 1024;

pub(super) type Writer = BufWriter<SpooledTempFile>;
pub(super) type Reader = BufReader<SpooledTempFile>;

pub(super) fn begin() -> Writer {
    BufWriter::new(SpooledTempFile::new(KEPT))
}

/// Reads from the beginning what was written.
pub(super) fn read(written: Writer) -> io::Result<Reader> {
    let mut file = written.into_inner()?;
    file.rewind()?;
    Ok(BufReader::new(file))
}
