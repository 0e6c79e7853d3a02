//! A folder held open, below which nothing is found by its path a second time.
//!
//! Whatever is done in a received thing's folder is done through such a handle and a single
//! component of a name, so that a folder which somebody swaps for a link in the meantime leads
//! nowhere else. Systems other than Unix have no such calls in the standard library; there the
//! handle is a path, and a temporary folder of random name is all that protects it.

#[cfg(not(unix))]
mod by_path;
#[cfg(unix)]
mod unix;

#[cfg(not(unix))]
pub(super) use by_path::{Dir, largest_file};
#[cfg(unix)]
pub(super) use unix::{Dir, largest_file};

/// What lies under a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    Nothing,
    /// A file, or a link that leads to a file or to nothing.
    File,
    /// A folder, a device, a pipe or a socket, or a link to one.
    Other,
}

#[cfg(test)]
#[cfg(unix)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::{
        fs,
        io::{ErrorKind, Write},
        os::unix::fs::{PermissionsExt, symlink},
    };

    use super::*;

    #[test]
    fn links_are_not_followed_and_nothing_is_opened_twice() {
        let scene = tempfile::tempdir().unwrap();
        fs::create_dir_all(scene.path().join("outside")).unwrap();
        let root = Dir::open(scene.path()).unwrap();
        let folder = root.make("folder", 0o700).unwrap();
        symlink("outside", scene.path().join("link")).unwrap();
        assert!(root.open_below("link").is_err());
        assert_eq!(root.make_file("link", 0o666).unwrap_err().kind(), ErrorKind::AlreadyExists);
        assert_eq!(root.make("folder", 0o700).unwrap_err().kind(), ErrorKind::AlreadyExists);

        fs::rename(scene.path().join("folder"), scene.path().join("moved")).unwrap();
        symlink("outside", scene.path().join("folder")).unwrap();
        folder.make_file("f", 0o600).unwrap().write_all(b"x").unwrap();
        assert_eq!(fs::read(scene.path().join("moved/f")).unwrap(), b"x");
        assert_eq!(fs::read_dir(scene.path().join("outside")).unwrap().count(), 0);
    }

    #[test]
    fn what_is_found_is_told() {
        let scene = tempfile::tempdir().unwrap();
        let root = Dir::open(scene.path()).unwrap();
        fs::create_dir(scene.path().join("d")).unwrap();
        fs::write(scene.path().join("f"), b"").unwrap();
        for (link, to) in [("to-d", "d"), ("to-f", "f"), ("broken", "nowhere")] {
            symlink(to, scene.path().join(link)).unwrap();
        }
        let found = |name| root.found(name).unwrap();
        assert_eq!(found("none"), Found::Nothing);
        assert_eq!([found("f"), found("to-f"), found("broken")], [Found::File; 3]);
        assert_eq!([found("d"), found("to-d")], [Found::Other; 2]);
    }

    #[test]
    fn a_rename_replaces_nothing_unless_asked() {
        let scene = tempfile::tempdir().unwrap();
        let root = Dir::open(scene.path()).unwrap();
        fs::write(scene.path().join("new"), b"new").unwrap();
        fs::write(scene.path().join("old"), b"old").unwrap();
        let refused = root.rename_new("new", &root, "old").unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::AlreadyExists);
        assert_eq!(fs::read(scene.path().join("old")).unwrap(), b"old");
        root.rename_over("new", &root, "old").unwrap();
        assert_eq!(fs::read(scene.path().join("old")).unwrap(), b"new");
        root.rename_new("old", &root, "free").unwrap();
        assert!(scene.path().join("free").exists());
    }

    #[test]
    fn a_tree_is_removed_whole_and_links_in_it_are_not_followed() {
        let scene = tempfile::tempdir().unwrap();
        let (tree, kept) = (scene.path().join("tree"), scene.path().join("kept"));
        fs::create_dir_all(tree.join("a/b")).unwrap();
        fs::create_dir(&kept).unwrap();
        fs::write(kept.join("f"), b"").unwrap();
        fs::write(tree.join("a/f"), b"").unwrap();
        symlink(&kept, tree.join("a/link")).unwrap();
        fs::set_permissions(tree.join("a"), fs::Permissions::from_mode(0o0)).unwrap();
        Dir::open(scene.path()).unwrap().remove_all("tree").unwrap();
        assert!(!tree.exists());
        assert!(kept.join("f").exists());
    }
}
