//! What cannot be sent, and why.

use std::{
    io,
    path::{Path, PathBuf},
};

use thiserror::Error;

use super::{escape, shown};

/// Tells which path cannot be sent, and why.
#[derive(Debug, Error)]
#[error("'{}' cannot be sent: {reason}", shown(path))]
pub struct Unsendable {
    /// The path on this machine.
    pub path: PathBuf,
    /// What is wrong with it.
    pub reason: Reason,
}

/// What makes a path unsendable.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Reason {
    /// It does not exist, is a broken link, or may not be read.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It is a device, a pipe or a socket.
    #[error("it is neither a file nor a folder")]
    Special,
    /// It is a symbolic link, under [`Symlinks::Refuse`](super::Symlinks::Refuse).
    #[error("it is a symbolic link")]
    Link,
    /// Its name cannot be written in the protocol's UTF-8.
    #[error("its name is not valid UTF-8")]
    NotUtf8,
    /// Its name was escaped and is now that of another file beside it.
    #[error("its name is not valid UTF-8, and there is another '{}' beside it", escape(.0))]
    EscapedTwice(String),
    /// Another path of those that are sent together has the same last component.
    #[error("'{}' has the same name, and both would lie in one folder", shown(.0))]
    SameName(PathBuf),
    /// It leads to a folder that is in what is sent already, under another name. Nothing is wrong
    /// with that, and it is left out whatever the rules say.
    #[error("it leads to a folder that is sent under another name")]
    SentElsewhere,
    /// Its path inside the sent folder has more than 65535 bytes, the limit of a zip archive.
    #[error("its path is too long for a zip archive")]
    TooLong,
    /// It is the root of the file system.
    #[error("it has no name")]
    Nameless,
}

impl Reason {
    pub(super) fn at(self, path: &Path) -> Unsendable {
        Unsendable { path: path.to_owned(), reason: self }
    }
}
