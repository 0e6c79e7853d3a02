//! A file descriptor that whoever started the program has opened for it.

use std::{fs::File, io};

/// Opens it once more, to write at its end.
///
/// # Errors
/// What the system says: there is no such descriptor, or it cannot be written.
#[cfg(unix)]
pub(crate) fn open(number: u32) -> io::Result<File> {
    use std::{fs::OpenOptions, os::fd::AsFd};

    match number {
        1 => io::stdout().as_fd().try_clone_to_owned().map(File::from),
        2 => io::stderr().as_fd().try_clone_to_owned().map(File::from),
        // By its name: to take a bare number for a descriptor is not safe.
        other => OpenOptions::new().append(true).open(format!("/dev/fd/{other}")),
    }
}

/// Other systems have no such numbers.
#[cfg(not(unix))]
pub(crate) fn open(_: u32) -> io::Result<File> {
    Err(io::ErrorKind::Unsupported.into())
}
