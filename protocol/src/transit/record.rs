//! The encrypted records of an established connection [transit.md: records].
//!
//! A record is its length (4 bytes, big-endian), a nonce (24), a tag (16) and the ciphertext; the
//! length counts all that follows it. The nonce is the record's number in its direction, from 0,
//! as a big-endian integer: nothing can be left out, repeated or reordered without notice.

use super::key::RecordKey;
use crate::secretbox::{NONCE_LEN as NONCE, SecretBox, TAG_LEN as TAG};

/// How many bytes of plaintext a record of ours normally holds: any size is read by everybody, and
/// this one costs both ends less than the 16 KiB of other programs.
pub const CHUNK: usize = 128 * 1024;

/// How many bytes a record is longer than its plaintext.
pub const OVERHEAD: usize = HEADER + NONCE + TAG;

const HEADER: usize = 4;

/// A record cannot be read, and nothing after it either: drop the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// Its length is outside the [window](RecordLength).
    #[error("the peer sent a record of {0} bytes where 40 to 67108864 are allowed")]
    Length(u64),
    /// Its nonce is not the number that is due.
    #[error("the peer sent a record out of order")]
    Nonce,
    /// It was not sealed with the key that is due, or was changed on the way.
    #[error("the peer sent a record that does not open")]
    Sealed,
}

/// How many bytes of a record follow its length field: 40 bytes to 64 MiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RecordLength(u32);

impl RecordLength {
    /// The length of a record without any plaintext.
    pub const MIN: Self = Self((NONCE + TAG) as u32);
    /// The longest record that is read or written.
    pub const MAX: Self = Self(64 * 1024 * 1024);

    /// Reads the length field, before any memory is set aside for the record.
    ///
    /// # Errors
    /// [`RecordError::Length`] outside the window.
    pub fn parse(field: [u8; 4]) -> Result<Self, RecordError> {
        Self::checked(u32::from_be_bytes(field).into())
    }

    /// Gives the number of bytes that follow the field.
    pub fn bytes(self) -> usize {
        self.0 as usize
    }

    /// Gives the length of a record that takes so many bytes with its length field.
    fn of(record: usize) -> Result<Self, RecordError> {
        Self::checked(record.saturating_sub(HEADER) as u64)
    }

    fn checked(length: u64) -> Result<Self, RecordError> {
        let known = u32::try_from(length).map(Self);
        let fits = known.ok().filter(|length| (Self::MIN..=Self::MAX).contains(length));
        fits.ok_or(RecordError::Length(length))
    }
}

/// Seals what this end sends.
pub struct Sealer {
    cipher: SecretBox,
    next: u64,
}

impl Sealer {
    /// Begins with record 0. A key serves one connection only.
    pub fn new(key: &RecordKey) -> Self {
        Self { cipher: SecretBox::new(key.bytes()), next: 0 }
    }

    /// Appends one record to `wire`.
    ///
    /// # Errors
    /// [`RecordError::Length`] when the plaintext makes a record of over 64 MiB; `wire` and the
    /// count are then as before.
    pub fn seal(&mut self, plaintext: &[u8], wire: &mut Vec<u8>) -> Result<(), RecordError> {
        let start = wire.len();
        let length = RecordLength::of(OVERHEAD + plaintext.len())?;
        wire.reserve(HEADER + length.bytes());
        wire.extend([0; OVERHEAD]);
        wire.extend(plaintext);
        self.seal_in_place(&mut wire[start..])
    }

    /// Makes one record of [`OVERHEAD`] bytes of any content and the plaintext behind them, which
    /// is sealed where it stands.
    ///
    /// # Errors
    /// [`RecordError::Length`] for fewer bytes than that, and when the plaintext makes a record of
    /// over 64 MiB; the bytes and the count are then as before.
    pub fn seal_in_place(&mut self, record: &mut [u8]) -> Result<(), RecordError> {
        let length = RecordLength::of(record.len())?;
        let nonce = nonce(self.next);
        let (header, text) = record.split_at_mut(OVERHEAD);
        let tag = self.cipher.seal(&nonce, text);
        header[..HEADER].copy_from_slice(&length.0.to_be_bytes());
        header[HEADER..][..NONCE].copy_from_slice(&nonce);
        header[HEADER + NONCE..].copy_from_slice(&tag);
        self.next += 1;
        Ok(())
    }
}

/// Opens what the peer sends.
pub struct Opener {
    cipher: SecretBox,
    next: u64,
}

impl Opener {
    /// Begins with record 0. A key serves one connection only.
    pub fn new(key: &RecordKey) -> Self {
        Self { cipher: SecretBox::new(key.bytes()), next: 0 }
    }

    /// Opens in place what followed a record's length field, and gives the plaintext's part of it.
    ///
    /// # Errors
    /// Any [`RecordError`]; the record's bytes and the count are then as before.
    pub fn open<'a>(&mut self, record: &'a mut [u8]) -> Result<&'a [u8], RecordError> {
        RecordLength::checked(record.len() as u64)?;
        let (number, sealed) = record.split_first_chunk_mut().ok_or(RecordError::Nonce)?;
        let due = nonce(self.next);
        if *number != due {
            return Err(RecordError::Nonce);
        }
        let (tag, text) = sealed.split_first_chunk_mut().ok_or(RecordError::Sealed)?;
        self.cipher.open(&due, tag, text).map_err(|_| RecordError::Sealed)?;
        self.next += 1;
        Ok(text)
    }
}

/// Cuts a stream of bytes, however it arrives, into opened records.
pub struct Framer {
    opener: Opener,
    unread: Vec<u8>,
    /// How much of `unread` has been handed out.
    done: usize,
}

impl Framer {
    /// Begins with record 0.
    pub fn new(opener: Opener) -> Self {
        Self { opener, unread: Vec::new(), done: 0 }
    }

    /// Takes bytes in. Memory grows with what has arrived, not with what a length field promises.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.unread.drain(..self.done);
        self.done = 0;
        self.unread.extend_from_slice(bytes);
    }

    /// Gives the next record's plaintext, or `None` until more has been fed.
    ///
    /// # Errors
    /// Any [`RecordError`], and the same again on every further call.
    pub fn next_record(&mut self) -> Result<Option<&[u8]>, RecordError> {
        let Some((field, rest)) = self.unread[self.done..].split_first_chunk_mut() else {
            return Ok(None);
        };
        let length = RecordLength::parse(*field)?.bytes();
        let Some(record) = rest.get_mut(..length) else {
            return Ok(None);
        };
        let plaintext = self.opener.open(record)?;
        self.done += HEADER + length;
        Ok(Some(plaintext))
    }

    /// Tells whether the stream may end here: no record has begun that is not handed out.
    pub fn is_between_records(&self) -> bool {
        self.done == self.unread.len()
    }
}

fn nonce(number: u64) -> [u8; NONCE] {
    let mut nonce = [0; NONCE];
    nonce[NONCE - size_of::<u64>()..].copy_from_slice(&number.to_be_bytes());
    nonce
}
