//! What the sending side has to give [file-transfer.md: messages].

use std::fmt;

use serde_json::{Value, json};

use super::Refusal;

/// A text, a file, a folder, or data of unknown length.
#[derive(Clone, PartialEq, Eq)]
pub enum Offer {
    /// The text itself.
    Text(String),
    /// A file, whose bytes follow by transit.
    File(FileOffer),
    /// A folder, which follows by transit as a zip archive.
    Directory(DirectoryOffer),
    /// Data of unknown length, which follows by transit until a record without any: an offer of
    /// ours, made to nobody who has not [said](super::Ability::Streams) that it takes such.
    Stream(StreamOffer),
}

/// What is known of a file beforehand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileOffer {
    /// Its name as the sender gives it: any text, `../` included.
    pub filename: String,
    /// Its length in bytes.
    pub filesize: u64,
}

/// What is known beforehand of data whose length is not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamOffer {
    /// Its name as the sender gives it: any text, `../` included.
    pub filename: String,
}

/// What is known of a folder beforehand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectoryOffer {
    /// Its name as the sender gives it: any text, `../` included.
    pub dirname: String,
    /// How many bytes the zip archive has.
    pub zipsize: u64,
    /// How many bytes its files have together.
    pub numbytes: u64,
    /// How many files it has.
    pub numfiles: u64,
    /// The path of something in it whose name differs from another's beside it only in case or in
    /// how a letter is encoded, where there is such: a word of ours, which others ignore. Not every
    /// disk can hold both.
    pub collision: Option<String>,
}

/// An offer cannot be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadOffer {
    /// It is of no kind that we know, or something in it is missing or of the wrong type.
    #[error("the peer made an offer of an unknown or incomplete kind")]
    Unknown,
    /// It is a folder that is not sent as a zip archive.
    #[error("the peer offered a directory in a form other than a zip file")]
    UnknownMode,
}

impl BadOffer {
    /// Gives what to tell the peer.
    pub fn refusal(self) -> Refusal {
        match self {
            Self::Unknown => Refusal::UnknownOffer,
            Self::UnknownMode => Refusal::UnknownMode,
        }
    }
}

impl Offer {
    /// Reads an offer; of several kinds in one, the first of text, file, stream and folder.
    pub(super) fn read(offer: &Value) -> Result<Self, BadOffer> {
        if let Some(text) = offer.get("message") {
            return text.as_str().map(|text| Self::Text(text.to_owned())).ok_or(BadOffer::Unknown);
        }
        if let Some(file) = offer.get("file") {
            let filename = text(file, "filename")?;
            return Ok(Self::File(FileOffer { filename, filesize: number(file, "filesize")? }));
        }
        if let Some(stream) = offer.get("stream") {
            return Ok(Self::Stream(StreamOffer { filename: text(stream, "filename")? }));
        }
        let directory = offer.get("directory").ok_or(BadOffer::Unknown)?;
        // Programs that store without compressing say `zipfile/deflated` as well.
        if !text(directory, "mode")?.starts_with("zipfile") {
            return Err(BadOffer::UnknownMode);
        }
        Ok(Self::Directory(DirectoryOffer {
            dirname: text(directory, "dirname")?,
            zipsize: number(directory, "zipsize")?,
            numbytes: number(directory, "numbytes")?,
            numfiles: number(directory, "numfiles")?,
            collision: text(directory, "collision").ok(),
        }))
    }

    pub(super) fn write(&self) -> Value {
        match self {
            Self::Text(text) => json!({ "message": text }),
            Self::File(FileOffer { filename, filesize }) => {
                json!({ "file": { "filename": filename, "filesize": filesize } })
            }
            Self::Stream(StreamOffer { filename }) => {
                json!({ "stream": { "filename": filename } })
            }
            Self::Directory(DirectoryOffer { dirname, zipsize, numbytes, numfiles, collision }) => {
                let mut directory = json!({
                    "mode": "zipfile/deflated",
                    "dirname": dirname,
                    "zipsize": zipsize,
                    "numbytes": numbytes,
                    "numfiles": numfiles,
                });
                if let Some(collision) = collision {
                    directory["collision"] = json!(collision);
                }
                json!({ "directory": directory })
            }
        }
    }
}

fn text(object: &Value, key: &str) -> Result<String, BadOffer> {
    object.get(key).and_then(Value::as_str).map(str::to_owned).ok_or(BadOffer::Unknown)
}

fn number(object: &Value, key: &str) -> Result<u64, BadOffer> {
    object.get(key).and_then(Value::as_u64).ok_or(BadOffer::Unknown)
}

/// Leaves a text out, which may be a password.
impl fmt::Debug for Offer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "Text({} bytes)", text.len()),
            Self::File(file) => file.fmt(f),
            Self::Directory(directory) => directory.fmt(f),
            Self::Stream(stream) => stream.fmt(f),
        }
    }
}
