//! All paths of a received archive together, before the first is made.

use std::collections::HashMap;

use super::{
    Limits, SLACK, UnpackError,
    member::{Kind, Member},
};
use crate::transfer::escape;

/// Folders allowed for each entry; a deep path of a few bytes would otherwise make thousands.
const FOLDERS_PER_ENTRY: u64 = 64;

/// Grows by one member at a time and refuses the first that does not fit to the others or to what
/// was announced.
pub(super) struct Layout {
    is_folder: HashMap<Box<str>, bool>,
    files: u64,
    folders: u64,
    bytes: u64,
    entries: u64,
    limits: Limits,
}

impl Layout {
    pub(super) fn of(limits: Limits) -> Self {
        let is_folder = HashMap::new();
        Self { is_folder, files: 0, folders: 0, bytes: 0, entries: 0, limits }
    }

    pub(super) fn add(&mut self, member: &Member) -> Result<(), UnpackError> {
        self.entries += 1;
        for (end, _) in member.path.match_indices('/') {
            self.add_folder(&member.path[..end])?;
        }
        match member.kind {
            Kind::File(size) => self.add_file(&member.path, size)?,
            Kind::Folder if member.path.is_empty() => {}
            Kind::Folder => self.add_folder(&member.path)?,
        }
        let crowded = self.folders / FOLDERS_PER_ENTRY > self.entries;
        if self.files > self.limits.numfiles || crowded {
            return Err(UnpackError::TooMany { announced: self.limits.numfiles });
        }
        if self.bytes > self.limits.numbytes.saturating_add(SLACK) {
            return Err(UnpackError::TooLarge { announced: self.limits.numbytes });
        }
        Ok(())
    }

    fn add_folder(&mut self, path: &str) -> Result<(), UnpackError> {
        match self.is_folder.get(path) {
            Some(true) => Ok(()),
            Some(false) => Err(twice(path)),
            None => {
                self.folders += 1;
                self.is_folder.insert(path.into(), true);
                Ok(())
            }
        }
    }

    fn add_file(&mut self, path: &str, size: u64) -> Result<(), UnpackError> {
        self.files += 1;
        self.bytes = self.bytes.saturating_add(size);
        match self.is_folder.insert(path.into(), false) {
            None => Ok(()),
            Some(_) => Err(twice(path)),
        }
    }
}

fn twice(path: &str) -> UnpackError {
    UnpackError::Twice { shown: escape(path) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn add_all(members: &[(&str, Kind)], numfiles: u64, numbytes: u64) -> Result<(), UnpackError> {
        let mut layout = Layout::of(Limits { numfiles, numbytes });
        members.iter().try_for_each(|(path, kind)| {
            layout.add(&Member { path: (*path).to_owned(), kind: *kind, mode: None })
        })
    }

    #[test]
    fn a_path_is_a_file_or_a_folder_and_a_file_once() {
        let file = Kind::File(0);
        let refused = |members: &[(&str, Kind)]| {
            let error = add_all(members, 9, 0).unwrap_err();
            matches!(error, UnpackError::Twice { shown } if shown == "a")
        };
        assert!(refused(&[("a", file), ("a", file)]));
        assert!(refused(&[("a", file), ("a/b", file)]));
        assert!(refused(&[("a/b", file), ("a", file)]));
        assert!(refused(&[("a", Kind::Folder), ("a", file)]));
        assert!(refused(&[("a", file), ("a", Kind::Folder)]));
        let folder = [("a", Kind::Folder), ("a/b", file), ("a", Kind::Folder), ("", Kind::Folder)];
        add_all(&folder, 9, 0).unwrap();
    }

    #[test]
    fn announced_numbers_are_limits() {
        let two = [("a", Kind::File(SLACK)), ("b", Kind::File(7))];
        add_all(&two, 2, 7).unwrap();
        assert!(matches!(add_all(&two, 1, 7), Err(UnpackError::TooMany { announced: 1 })));
        assert!(matches!(add_all(&two, 2, 6), Err(UnpackError::TooLarge { announced: 6 })));
        let huge = [("a", Kind::File(u64::MAX)), ("b", Kind::File(u64::MAX))];
        assert!(matches!(add_all(&huge, 2, 0), Err(UnpackError::TooLarge { announced: 0 })));
    }

    #[test]
    fn deep_paths_do_not_multiply_folders() {
        let deep = vec!["d"; 2000].join("/");
        let crowd = add_all(&[(&deep, Kind::Folder)], 0, 0);
        assert!(matches!(crowd, Err(UnpackError::TooMany { announced: 0 })));
    }
}
