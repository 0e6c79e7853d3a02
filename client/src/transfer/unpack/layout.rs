//! All paths of a received archive together, before the first is made.

use std::{
    collections::{HashMap, hash_map::Entry},
    hash::{BuildHasher, Hasher, RandomState},
};

use super::{
    Bounds, SLACK, UnpackError,
    fold::folded,
    member::{Kind, Member},
};
use crate::transfer::escape;

/// Folders allowed besides eight for each announced file: paths of a few bytes make thousands.
const FOLDERS: u64 = 1 << 17;
const FOLDERS_PER_FILE: u64 = 8;

/// Grows by one member at a time and refuses the first that does not fit to the others or to what
/// was announced.
///
/// Of each path it keeps two fingerprints of 64 bits, made with a key of chance so that no peer can
/// make two of them meet: one of the path, and one of what is the same on every disk.
pub(super) struct Layout {
    seen: HashMap<u64, Seen, Plain>,
    key: RandomState,
    files: u64,
    bytes: u64,
    /// Bytes of the archive that hold what was added.
    packed: u64,
    /// By how much the files exceed what the archive gave back, at the worst moment.
    peak: u64,
    bounds: Bounds,
}

/// The fingerprint of a path as it is written, its last bit replaced by whether it is a folder.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Seen(u64);

impl Seen {
    fn new(fingerprint: u64, is_folder: bool) -> Self {
        Self(fingerprint & !1 | u64::from(is_folder))
    }

    fn is_path(self, other: Self) -> bool {
        self.0 | 1 == other.0 | 1
    }
}

impl Layout {
    pub(super) fn of(bounds: Bounds) -> Self {
        let (seen, key) = (HashMap::default(), RandomState::new());
        Self { seen, key, files: 0, bytes: 0, packed: 0, peak: 0, bounds }
    }

    pub(super) fn add(&mut self, member: &Member) -> Result<(), UnpackError> {
        for (end, _) in member.path.match_indices('/') {
            self.add_path(&member.path[..end], true)?;
        }
        match member.kind {
            Kind::File { size, packed } => {
                self.add_path(&member.path, false)?;
                self.add_content(size, packed)?;
            }
            Kind::Folder if member.path.is_empty() => {}
            Kind::Folder => self.add_path(&member.path, true)?,
        }
        let announced = self.bounds.limits.numfiles;
        let folders = self.seen.len() as u64 - self.files;
        let crowded = folders > FOLDERS.saturating_add(announced.saturating_mul(FOLDERS_PER_FILE));
        if self.files > announced || crowded {
            return Err(UnpackError::TooMany { announced });
        }
        Ok(())
    }

    /// Returns the bytes that the disk must have besides the archive.
    pub(super) fn room(&self) -> u64 {
        if self.bounds.give_back { self.peak } else { self.bytes }
    }

    fn add_path(&mut self, path: &str, is_folder: bool) -> Result<(), UnpackError> {
        let new = Seen::new(self.fingerprint(path), is_folder);
        let common = match self.bounds.accept_collisions {
            true => new.0 | 1,
            false => self.fingerprint(&folded(path)),
        };
        let shown = || escape(path);
        match self.seen.entry(common) {
            Entry::Vacant(entry) => {
                entry.insert(new);
                self.files += u64::from(!is_folder);
                Ok(())
            }
            Entry::Occupied(entry) if !entry.get().is_path(new) => {
                Err(UnpackError::Collision { shown: shown() })
            }
            Entry::Occupied(entry) if is_folder && *entry.get() == new => Ok(()),
            Entry::Occupied(_) => Err(UnpackError::Twice { shown: shown() }),
        }
    }

    fn add_content(&mut self, size: u64, packed: u64) -> Result<(), UnpackError> {
        self.bytes = self.bytes.saturating_add(size);
        self.packed = self.packed.saturating_add(packed);
        self.peak = self.peak.max(self.bytes.saturating_sub(self.packed));
        let announced = self.bounds.limits.numbytes;
        if self.bytes > announced.saturating_add(SLACK) {
            return Err(UnpackError::TooLarge { announced });
        }
        Ok(())
    }

    fn fingerprint(&self, path: &str) -> u64 {
        self.key.hash_one(path)
    }
}

/// Keys are fingerprints already.
type Plain = std::hash::BuildHasherDefault<Fingerprint>;

#[derive(Default)]
struct Fingerprint(u64);

impl Hasher for Fingerprint {
    fn write_u64(&mut self, fingerprint: u64) {
        self.0 = fingerprint;
    }

    fn write(&mut self, bytes: &[u8]) {
        debug_assert!(false, "a key is one number: {bytes:?}");
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::{super::Limits, *};

    const EMPTY: Kind = Kind::File { size: 0, packed: 0 };

    fn bounds(numfiles: u64, numbytes: u64) -> Bounds {
        let limits = Limits { numfiles, numbytes };
        Bounds { limits, accept_collisions: false, give_back: false }
    }

    fn add_all(members: &[(&str, Kind)], bounds: Bounds) -> Result<Layout, UnpackError> {
        let mut layout = Layout::of(bounds);
        for (path, kind) in members {
            layout.add(&Member { path: (*path).to_owned(), kind: *kind, mode: None })?;
        }
        Ok(layout)
    }

    fn error(members: &[(&str, Kind)], bounds: Bounds) -> UnpackError {
        add_all(members, bounds).err().unwrap()
    }

    #[test]
    fn a_path_is_a_file_or_a_folder_and_a_file_once() {
        for members in [
            [("a", EMPTY), ("a", EMPTY)],
            [("a", EMPTY), ("a/b", EMPTY)],
            [("a/b", EMPTY), ("a", EMPTY)],
            [("a", Kind::Folder), ("a", EMPTY)],
            [("a", EMPTY), ("a", Kind::Folder)],
        ] {
            for accept_collisions in [false, true] {
                let bounds = Bounds { accept_collisions, ..bounds(9, 0) };
                let error = error(&members, bounds);
                assert!(matches!(error, UnpackError::Twice { shown } if shown == "a"));
            }
        }
        let folder = [("a", Kind::Folder), ("a/b", EMPTY), ("a", Kind::Folder), ("", Kind::Folder)];
        add_all(&folder, bounds(9, 0)).unwrap();
    }

    #[test]
    fn names_that_are_one_on_some_disk_are_refused_unless_accepted() {
        for members in [
            [("Makefile", EMPTY), ("makefile", EMPTY)],
            [("d/\u{e9}", EMPTY), ("d/e\u{301}", EMPTY)],
            [("A/x", EMPTY), ("a/y", EMPTY)],
            [("A/x", EMPTY), ("a", EMPTY)],
            [("A", Kind::Folder), ("a", Kind::Folder)],
        ] {
            let refused = error(&members, bounds(9, 0));
            assert!(
                matches!(refused, UnpackError::Collision { .. }),
                "{members:?}",
                members = members[0].0
            );
            add_all(&members, Bounds { accept_collisions: true, ..bounds(9, 0) }).unwrap();
        }
    }

    #[test]
    fn announced_numbers_are_limits() {
        let two = [
            ("a", Kind::File { size: SLACK, packed: 0 }),
            ("b", Kind::File { size: 7, packed: 0 }),
        ];
        add_all(&two, bounds(2, 7)).unwrap();
        assert!(matches!(error(&two, bounds(1, 7)), UnpackError::TooMany { announced: 1 }));
        assert!(matches!(error(&two, bounds(2, 6)), UnpackError::TooLarge { announced: 6 }));
        let most = Kind::File { size: u64::MAX, packed: 0 };
        let huge = error(&[("a", most), ("b", most)], bounds(2, 0));
        assert!(matches!(huge, UnpackError::TooLarge { announced: 0 }));
    }

    #[test]
    fn folders_have_a_limit_too() {
        let mut layout = Layout::of(bounds(0, 0));
        let added = (0..=FOLDERS).try_for_each(|n| {
            layout.add(&Member { path: n.to_string(), kind: Kind::Folder, mode: None })
        });
        assert!(matches!(added, Err(UnpackError::TooMany { announced: 0 })));
    }

    #[test]
    fn the_room_is_what_is_needed_at_the_worst_moment() {
        let file = |size, packed| Kind::File { size, packed };
        let members =
            [("a", file(10, 10)), ("b", file(50, 5)), ("c", file(0, 45)), ("d", file(9, 9))];
        let room =
            |give_back| add_all(&members, Bounds { give_back, ..bounds(9, 99) }).unwrap().room();
        assert_eq!((room(false), room(true)), (69, 45));
    }
}
