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
/// make two of them meet: one of the path, and one of what is the same on every disk. Those of a
/// path are made of those of the folder it lies in and of its own name, so that every name is
/// looked at once however deep it lies.
pub(super) struct Layout {
    seen: HashMap<u64, Seen, Plain>,
    key: RandomState,
    trail: Trail,
    /// Whether the folder itself had an entry.
    top_named: bool,
    files: u64,
    /// Folders that have entries of their own, without the one that holds everything.
    named_folders: u64,
    bytes: u64,
    /// Bytes of the archive that hold what was added.
    packed: u64,
    /// By how much the files exceed what the archive gave back, at the worst moment.
    peak: u64,
    bounds: Bounds,
}

/// How many paths there are of each kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) files: u64,
    /// All but the one that holds everything.
    pub(super) folders: u64,
}

/// The fingerprint of a path as it is written, its last bits replaced by whether it is a folder,
/// and whether it has an entry of its own.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Seen(u64);

impl Seen {
    const FOLDER: u64 = 1;
    const NAMED: u64 = 2;
    const MARKS: u64 = Self::FOLDER | Self::NAMED;

    fn new(fingerprint: u64, marks: u64) -> Self {
        Self(fingerprint & !Self::MARKS | marks)
    }

    fn is_path(self, other: Self) -> bool {
        self.0 | Self::MARKS == other.0 | Self::MARKS
    }

    /// Whether both are one folder, of which at most one entry tells.
    fn is_folder_beside(self, other: Self) -> bool {
        let both = self.0 & other.0;
        both & Self::FOLDER != 0 && both & Self::NAMED == 0
    }
}

/// The fingerprints of one path: as it is written, and as every disk takes it.
#[derive(Clone, Copy, Default)]
struct Fingerprints {
    own: u64,
    common: u64,
}

/// The folders of the last path, in most of which the next one lies as well.
#[derive(Default)]
struct Trail {
    path: String,
    /// Of each folder where its path ends, and its fingerprints.
    folders: Vec<(usize, Fingerprints)>,
}

impl Trail {
    /// Leaves the folders in which another path does not lie; returns where the rest of that
    /// begins.
    fn follow(&mut self, path: &str) -> usize {
        let pairs = path.bytes().zip(self.path.bytes());
        let alike = pairs.take_while(|(new, old)| new == old).count();
        let holds = |end: usize| end <= alike && path.as_bytes().get(end) == Some(&b'/');
        let kept = self.folders.partition_point(|(end, _)| holds(*end));
        self.folders.truncate(kept);
        self.path.clear();
        self.path.push_str(path);
        self.folders.last().map_or(0, |(end, _)| end + 1)
    }

    fn innermost(&self) -> Fingerprints {
        self.folders.last().map(|(_, fingerprints)| *fingerprints).unwrap_or_default()
    }
}

impl Layout {
    pub(super) fn of(bounds: Bounds) -> Self {
        Self {
            seen: HashMap::default(),
            key: RandomState::new(),
            trail: Trail::default(),
            top_named: false,
            files: 0,
            named_folders: 0,
            bytes: 0,
            packed: 0,
            peak: 0,
            bounds,
        }
    }

    pub(super) fn add(&mut self, member: &Member) -> Result<(), UnpackError> {
        let path = &member.path[..];
        if path.is_empty() {
            return self.add_top();
        }
        let mut begin = self.trail.follow(path);
        while let Some(length) = path[begin..].find('/') {
            let end = begin + length;
            let fingerprints = self.fingerprints(&path[begin..end]);
            self.add_path(fingerprints, Seen::FOLDER, &path[..end])?;
            self.trail.folders.push((end, fingerprints));
            begin = end + 1;
        }
        let fingerprints = self.fingerprints(&path[begin..]);
        match member.kind {
            Kind::Folder => {
                self.add_path(fingerprints, Seen::FOLDER | Seen::NAMED, path)?;
                self.named_folders += 1;
            }
            Kind::File { size, packed } => {
                self.add_path(fingerprints, Seen::NAMED, path)?;
                self.files += 1;
                self.add_content(size, packed)?;
            }
        }
        let announced = self.bounds.limits.numfiles;
        let most = FOLDERS.saturating_add(announced.saturating_mul(FOLDERS_PER_FILE));
        if self.files > announced || self.folders() > most {
            return Err(UnpackError::TooMany { announced });
        }
        Ok(())
    }

    /// Counts what was added, unless it is less than was promised.
    pub(super) fn counts(&self) -> Result<Counts, UnpackError> {
        // Some programs announce the number of entries.
        let got = self.files + self.named_folders;
        match self.bounds.limits.promised {
            announced if got < announced => Err(UnpackError::TooFew { announced, got }),
            _ => Ok(Counts { files: self.files, folders: self.folders() }),
        }
    }

    fn folders(&self) -> u64 {
        self.seen.len() as u64 - self.files
    }

    /// Returns the bytes that the disk must have besides the archive.
    pub(super) fn room(&self) -> u64 {
        if self.bounds.give_back { self.peak } else { self.bytes }
    }

    fn add_top(&mut self) -> Result<(), UnpackError> {
        match std::mem::replace(&mut self.top_named, true) {
            true => Err(UnpackError::Twice { shown: ".".to_owned() }),
            false => Ok(()),
        }
    }

    fn add_path(
        &mut self,
        fingerprints: Fingerprints,
        marks: u64,
        path: &str,
    ) -> Result<(), UnpackError> {
        let new = Seen::new(fingerprints.own, marks);
        let common = match self.bounds.accept_collisions {
            true => new.0 | Seen::MARKS,
            false => fingerprints.common,
        };
        let shown = || escape(path);
        match self.seen.entry(common) {
            Entry::Vacant(entry) => {
                entry.insert(new);
                Ok(())
            }
            Entry::Occupied(entry) if !entry.get().is_path(new) => {
                Err(UnpackError::Collision { shown: shown() })
            }
            Entry::Occupied(mut entry) if entry.get().is_folder_beside(new) => {
                entry.get_mut().0 |= marks;
                Ok(())
            }
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

    /// Returns those of a name in the innermost folder of the trail.
    fn fingerprints(&self, name: &str) -> Fingerprints {
        let folder = self.trail.innermost();
        let own = self.key.hash_one((folder.own, name));
        if self.bounds.accept_collisions {
            return Fingerprints { own, common: 0 };
        }
        Fingerprints { own, common: self.key.hash_one((folder.common, &folded(name)[..])) }
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
    use proptest::prelude::*;

    use super::{
        super::{Limits, fold::FOLDED},
        *,
    };

    const EMPTY: Kind = Kind::File { size: 0, packed: 0 };

    fn bounds(numfiles: u64, numbytes: u64) -> Bounds {
        let limits = Limits { numfiles, numbytes, promised: 0 };
        Bounds { limits, accept_collisions: false, give_back: false }
    }

    fn add_all(members: &[(&str, Kind)], bounds: Bounds) -> Result<Layout, UnpackError> {
        let mut layout = Layout::of(bounds);
        for (path, kind) in members {
            layout.add(&Member {
                path: (*path).to_owned(),
                kind: *kind,
                mode: None,
                renamed: false,
            })?;
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
        let folder = [("", Kind::Folder), ("a/b", EMPTY), ("a", Kind::Folder), ("a/c", EMPTY)];
        let counts = add_all(&folder, bounds(9, 0)).unwrap().counts().unwrap();
        assert_eq!(counts, Counts { files: 2, folders: 1 });
        for twice in ["a", ""] {
            let members = [(twice, Kind::Folder), ("b", EMPTY), (twice, Kind::Folder)];
            assert!(matches!(error(&members, bounds(9, 0)), UnpackError::Twice { .. }));
        }
    }

    #[test]
    fn fewer_than_promised_are_told() {
        let limits = Limits { numfiles: 3, numbytes: 0, promised: 3 };
        let bounds = Bounds { limits, accept_collisions: false, give_back: false };
        let members = [("a", EMPTY), ("b", Kind::Folder), ("c/d", EMPTY)];
        assert!(add_all(&members, bounds).unwrap().counts().is_ok());
        let few = add_all(&members[..2], bounds).unwrap().counts();
        assert!(matches!(few, Err(UnpackError::TooFew { announced: 3, got: 2 })));
    }

    /// Looks only at the bytes that are folded, which cost the most: time would be the machine's.
    #[test]
    fn each_name_of_a_deep_path_is_folded_once() {
        let deep = vec!["\u{e4}\u{f6}\u{fc}\u{3a3}"; 127].join("/");
        let mut layout = Layout::of(bounds(300, 0));
        let before = FOLDED.get();
        for n in 0..300 {
            let path = format!("{deep}/{n}");
            layout.add(&Member { path, kind: EMPTY, mode: None, renamed: false }).unwrap();
        }
        assert!(FOLDED.get() - before <= deep.len() + 300 * 3, "{}", FOLDED.get() - before);
    }

    proptest! {
        #[test]
        fn whatever_the_shape_no_more_is_folded_than_there_is(
            members in prop::collection::vec(("[a\u{e4}]{1,2}(/[a\u{e4}]{1,2}){0,9}", any::<bool>()), 0..40),
        ) {
            let mut layout = Layout::of(bounds(99, 0));
            let (before, mut length) = (FOLDED.get(), 0);
            for (path, is_folder) in members {
                length += path.len();
                let kind = if is_folder { Kind::Folder } else { EMPTY };
                if layout.add(&Member { path, kind, mode: None, renamed: false }).is_err() {
                    break;
                }
            }
            prop_assert!(FOLDED.get() - before <= length);
        }

        /// The trail changes nothing about what is refused.
        #[test]
        fn a_layout_with_a_short_memory_says_the_same(
            members in prop::collection::vec(("[aA](/[aAb]){0,3}", any::<bool>()), 0..12),
        ) {
            let (mut with, mut without) = (Layout::of(bounds(99, 0)), Layout::of(bounds(99, 0)));
            for (path, is_folder) in members {
                let kind = if is_folder { Kind::Folder } else { EMPTY };
                let member = Member { path, kind, mode: None, renamed: false };
                without.trail = Trail::default();
                let said = [&mut with, &mut without].map(|layout| layout.add(&member).map_err(|error| error.to_string()));
                prop_assert_eq!(&said[0], &said[1]);
                if said[0].is_err() {
                    break;
                }
            }
        }
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
            layout.add(&Member {
                path: n.to_string(),
                kind: Kind::Folder,
                mode: None,
                renamed: false,
            })
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
