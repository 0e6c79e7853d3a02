//! What ends a zip archive, checked number by number: where the directory lies and how much is in
//! it, twice where the archive is large (APPNOTE 4.3.14 to 4.3.16).

use std::io::Read;

use rawzip::ZipArchive;

use super::super::{UnpackError, stored::Stored};

const LOCATOR: &[u8] = b"PK\x06\x07";
const LARGE: &[u8] = b"PK\x06\x06";
const LOCATOR_LENGTH: u64 = 20;
const LARGE_LENGTH: u64 = 56;

/// Returns where the directory of an archive ends.
///
/// # Errors
/// [`UnpackError::Contradiction`].
pub(super) fn checked(archive: &ZipArchive<Stored>) -> Result<u64, UnpackError> {
    let stored = archive.get_ref();
    let contradiction = |what| Err(UnpackError::Contradiction(what));
    if archive.end_offset() != stored.length() {
        return contradiction("there is something behind its end");
    }
    let at = archive.eocd_offset();
    let last = End::last(&bytes::<22>(stored, at)?);
    let (end, said) = match at.checked_sub(LOCATOR_LENGTH) {
        Some(locator_at) => match bytes::<20>(stored, locator_at)? {
            locator if locator.starts_with(LOCATOR) => large(stored, locator_at, &locator, &last)?,
            _ => (at, last),
        },
        None => (at, last),
    };
    if said.disks != [0; 2] || said.entries_here != said.entries {
        return contradiction("it is a part of several");
    }
    if archive.directory_offset() != said.begin || archive.entries_hint() != said.entries {
        return contradiction("there is something before its beginning");
    }
    if said.begin.checked_add(said.size) != Some(end) {
        return contradiction("its directory ends elsewhere than it says");
    }
    Ok(end)
}

/// What one of the records at the end says.
struct End {
    /// This disk, and that on which the directory begins.
    disks: [u32; 2],
    entries_here: u64,
    entries: u64,
    size: u64,
    begin: u64,
}

impl End {
    fn last(bytes: &[u8; 22]) -> Self {
        let short = |at| number::<2>(bytes, at);
        Self {
            disks: [short(4) as u32, short(6) as u32],
            entries_here: short(8),
            entries: short(10),
            size: number::<4>(bytes, 12),
            begin: number::<4>(bytes, 16),
        }
    }

    fn large(bytes: &[u8; LARGE_LENGTH as usize]) -> Self {
        let long = |at| number::<8>(bytes, at);
        Self {
            disks: [number::<4>(bytes, 16) as u32, number::<4>(bytes, 20) as u32],
            entries_here: long(24),
            entries: long(32),
            size: long(40),
            begin: long(48),
        }
    }

    /// Whether each number is that of the other, or says that it stands there.
    fn agrees(&self, other: &Self) -> bool {
        let short = |own, other| own == u64::from(u16::MAX) || own == other;
        let long = |own, other| own == u64::from(u32::MAX) || own == other;
        short(self.entries_here, other.entries_here)
            && short(self.entries, other.entries)
            && long(self.size, other.size)
            && long(self.begin, other.begin)
    }
}

/// Reads the record for large archives, which ends where the one that tells its place begins.
fn large(
    stored: &Stored,
    locator_at: u64,
    locator: &[u8],
    last: &End,
) -> Result<(u64, End), UnpackError> {
    let at = number::<8>(locator, 8);
    let contradiction = Err(UnpackError::Contradiction("its two ends do not agree"));
    if at.checked_add(LARGE_LENGTH).is_none_or(|end| end > locator_at) {
        return contradiction;
    }
    let bytes = bytes::<{ LARGE_LENGTH as usize }>(stored, at)?;
    let length = number::<8>(&bytes, 4).checked_add(12);
    let said = End::large(&bytes);
    let is_next = length.and_then(|length| at.checked_add(length)) == Some(locator_at);
    if !bytes.starts_with(LARGE) || !is_next || !last.agrees(&said) {
        return contradiction;
    }
    Ok((at, said))
}

fn bytes<const N: usize>(stored: &Stored, at: u64) -> Result<[u8; N], UnpackError> {
    let mut bytes = [0; N];
    stored.range(at, N as u64).read_exact(&mut bytes).map_err(UnpackError::Archive)?;
    Ok(bytes)
}

/// A number of so many bytes, the least significant first.
fn number<const N: usize>(bytes: &[u8], at: usize) -> u64 {
    bytes[at..at + N].iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}
