//! The block before each member of a tar archive.

use super::super::{TAR_BLOCK, UnpackError};

/// What follows a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type {
    File,
    Folder,
    /// The path of the next member, in GNU's form.
    LongName,
    /// What POSIX says of the next member besides its header.
    Extension,
    /// Something that holds for all members, or for links only.
    Ignored,
    /// A symbolic or a hard link.
    Link,
    /// A device, a pipe, a file with holes, or what nobody knows.
    Other,
}

/// A header whose sum is right.
pub(super) struct Header {
    pub(super) path: Vec<u8>,
    pub(super) kind: Type,
    /// Bytes that follow, without what fills up the last block.
    pub(super) size: u64,
    pub(super) mode: Option<u32>,
}

impl Header {
    /// Reads a block; one of zeros is none.
    ///
    /// # Errors
    /// [`UnpackError::BadTar`].
    pub(super) fn parse(block: &[u8; TAR_BLOCK as usize]) -> Result<Option<Self>, UnpackError> {
        if block.iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        let sum = block.iter().enumerate().map(|(at, byte)| match at {
            148..156 => u64::from(b' '),
            _ => u64::from(*byte),
        });
        if number(&block[148..156]) != Some(sum.sum()) {
            return Err(UnpackError::BadTar("a checksum in it is wrong"));
        }
        let size = number(&block[124..136]);
        let size = size.ok_or(UnpackError::BadTar("a size in it is none"))?;
        // Nothing depends on the permissions, so what cannot be read of them is not there.
        let is_there = !text(&block[100..108]).trim_ascii().is_empty();
        let mode = number(&block[100..108]).filter(|_| is_there).map(|mode| mode as u32 & 0o7777);
        Ok(Some(Self { path: path(block), kind: kind(block[156]), size, mode }))
    }
}

fn kind(flag: u8) -> Type {
    match flag {
        0 | b'0' | b'7' => Type::File,
        b'5' => Type::Folder,
        b'L' => Type::LongName,
        b'x' => Type::Extension,
        b'g' | b'K' => Type::Ignored,
        b'1' | b'2' => Type::Link,
        _ => Type::Other,
    }
}

/// The path, of which POSIX puts the beginning elsewhere where it is long.
fn path(block: &[u8; TAR_BLOCK as usize]) -> Vec<u8> {
    let name = text(&block[..100]);
    let prefix = if &block[257..263] == b"ustar\0" { text(&block[345..500]) } else { b"" };
    if prefix.is_empty() { name.to_vec() } else { [prefix, b"/", name].concat() }
}

/// What comes before the first zero.
fn text(field: &[u8]) -> &[u8] {
    field.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// Octal digits with spaces or zeros around them; nothing at all is 0. A first byte of 128 says
/// that the rest is the number itself, most significant byte first.
fn number(field: &[u8]) -> Option<u64> {
    if let Some((0x80, rest)) = field.split_first() {
        let (high, low) = rest.split_at(rest.len().saturating_sub(8));
        let is_small = high.iter().all(|byte| *byte == 0);
        return is_small.then(|| low.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)));
    }
    let digits = std::str::from_utf8(text(field)).ok()?.trim_matches(' ');
    if digits.is_empty() {
        return Some(0);
    }
    // A sign is no digit.
    digits.bytes().all(|byte| byte.is_ascii_digit()).then_some(())?;
    u64::from_str_radix(digits, 8).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_programs_write_them() {
        assert_eq!(number(b"0000644\0"), Some(0o644));
        assert_eq!(number(b"   644 \0"), Some(0o644));
        assert_eq!(number(b"\0\0\0\0\0\0\0\0"), Some(0));
        assert_eq!(number(b"77777777777\0"), Some(0o77_777_777_777));
        assert_eq!(number(b"\x80\0\0\0\0\0\0\x02\0\0\0\x05"), Some(0x2_0000_0005));
        for bad in [&b"9"[..], b"-1", b"+1", b"1 1", b"\xff\xff\xff", b"\x80\x01\0\0\0\0\0\0\0\0"] {
            assert_eq!(number(bad), None, "{bad:?}");
        }
    }
}
