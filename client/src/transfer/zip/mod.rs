//! The archive a folder is sent as: stored, streamed, its length known beforehand
//! [file-transfer.md: directory].

mod record;
mod stream;
mod time;

pub(super) use record::{ArchiveSize, EMPTY_ARCHIVE};
pub(super) use stream::ZipStream;
pub(super) use time::DosTime;
