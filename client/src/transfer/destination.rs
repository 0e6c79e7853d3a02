//! Where a person wants what is offered.

use std::{
    ffi::OsString,
    io::ErrorKind,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    Announced, SafeName, Target, TargetError,
    dir::{Dir, Found},
    unpack::Packing,
};

/// A folder, and the name in it where a person chose one; nothing is touched.
///
/// The folder is held open from now on: whoever swaps it for another, or for a link, changes
/// nothing about where the received thing goes.
///
/// A permission goes no further than the path that it was given for: only a file that was named is
/// overwritten, never one whose name the peer chose, unless somebody was [asked](Self::overwriting).
#[derive(Clone, Debug)]
pub struct Destination {
    folder: Arc<Dir>,
    /// The folder's path, or that of the name in it.
    path: PathBuf,
    name: Option<OsString>,
    overwrites: bool,
}

impl Destination {
    /// Finds the folder, after the rules of the Python client, but for one [file-transfer.md:
    /// receiving].
    ///
    /// Without an `output`, it is `folder`. An `output` (relative to `folder`; an empty one counts
    /// as none) that is a folder is the place for something of whatever name; there Python's
    /// overwrites what has that name, and ours does not. Any other `output` is a name: that of a
    /// new thing, or of a file to be overwritten. One that ends in a separator must be a folder.
    ///
    /// # Errors
    /// [`TargetError::Io`]: there is no such folder, or nothing may be put in the one that was
    /// chosen; without an `output` that is found out when a file or folder is offered, as a text
    /// needs no place;
    /// [`TargetError::NotAFile`]: what has the name cannot be overwritten.
    pub fn of(folder: &Path, output: Option<&Path>) -> Result<Self, TargetError> {
        let found = Self::find(folder, output)?;
        let failed = |source| TargetError::Io { path: found.path.clone(), source };
        if output.is_some_and(|output| !output.as_os_str().is_empty()) {
            found.folder.check_writable().map_err(failed)?;
        }
        match &found.name {
            Some(name) if found.folder.found(name).map_err(failed)? == Found::Other => {
                Err(TargetError::NotAFile(found.path))
            }
            _ => Ok(found),
        }
    }

    fn find(folder: &Path, output: Option<&Path>) -> Result<Self, TargetError> {
        let Some(output) = output.filter(|output| !output.as_os_str().is_empty()) else {
            return Ok(Self::inside(open(folder)?, folder.to_owned()));
        };
        let output = folder.join(output);
        match (Dir::open(&output), named(&output)) {
            (Ok(folder), _) => Ok(Self::inside(folder, output)),
            (Err(error), Some((parent, name))) if is_no_folder(error.kind()) => Ok(Self {
                folder: Arc::new(open(parent)?),
                name: Some(name),
                path: output,
                overwrites: true,
            }),
            (Err(source), _) => Err(TargetError::Io { path: output, source }),
        }
    }

    fn inside(folder: Dir, path: PathBuf) -> Self {
        Self { folder: Arc::new(folder), path, name: None, overwrites: false }
    }

    /// Says that somebody was told which file is there, and wants it overwritten.
    pub fn overwriting(self) -> Self {
        Self { overwrites: true, ..self }
    }

    /// Finds the place of something that is offered by this name, which counts only where the
    /// person chose none.
    ///
    /// A link counts as existing, also a broken one; overwriting replaces the link and not what it
    /// leads to. Only files are ever overwritten.
    ///
    /// # Errors
    /// [`TargetError`].
    pub fn target(&self, offered: &str, announced: Announced) -> Result<Target, TargetError> {
        let packing = match announced {
            Announced::Folder { .. } => Some(Packing::Zip),
            _ => None,
        };
        let name = || Ok(offered.parse::<SafeName>()?.as_str().into());
        self.place(offered, name, announced, packing)
    }

    /// Finds the place for what an archive unpacks to, which is a file by what was announced.
    ///
    /// The place of `photos.tar` is the folder `photos`, unless the person chose another name; and
    /// where all that is in the archive lies in one folder `photos`, as the Rust client makes it,
    /// that is the folder [file-transfer.md: sending a directory or several files from rs]. The
    /// place of anything but a file whose name ends in `.tar` is that of [`Self::target`].
    ///
    /// # Errors
    /// [`TargetError`].
    pub fn unpacked(&self, offered: &str, announced: Announced) -> Result<Target, TargetError> {
        let top = offered.parse().ok().and_then(|name: SafeName| name.without_tar());
        let (Announced::File { .. }, Some(top)) = (announced, top) else {
            return self.target(offered, announced);
        };
        let top = top.as_str().to_owned();
        let packing = Some(Packing::Tar { top: top.clone() });
        self.place(offered, || Ok(top.into()), announced, packing)
    }

    fn place(
        &self,
        offered: &str,
        own: impl FnOnce() -> Result<OsString, TargetError>,
        announced: Announced,
        packing: Option<Packing>,
    ) -> Result<Target, TargetError> {
        let (name, path) = match &self.name {
            Some(name) => (name.clone(), self.path.clone()),
            None => {
                let name = own()?;
                let path = self.path.join(&name);
                (name, path)
            }
        };
        let failed = |source| TargetError::Io { path: path.clone(), source };
        self.folder.check_writable().map_err(failed)?;
        let found = self.folder.found(&name).map_err(failed)?;
        match found {
            Found::Other => return Err(TargetError::NotAFile(path)),
            Found::File if !self.overwrites => return Err(TargetError::Occupied(path)),
            Found::File | Found::Nothing => {}
        }
        let target = Target {
            folder: Arc::clone(&self.folder),
            name,
            path,
            replaces: found == Found::File,
            announced,
            offered: offered.to_owned(),
            packing,
            keep_partial: false,
            accept_collisions: false,
            collision: None,
        };
        target.check_size()?;
        target.check_room(announced.room())?;
        Ok(target)
    }
}

fn open(folder: &Path) -> Result<Dir, TargetError> {
    Dir::open(folder).map_err(|source| TargetError::Io { path: folder.to_owned(), source })
}

fn is_no_folder(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::NotFound | ErrorKind::NotADirectory)
}

/// The folder and the name of a path that may be a file's: one with a separator or a dot behind the
/// name is not.
fn named(path: &Path) -> Option<(&Path, OsString)> {
    let name = path.file_name()?;
    let ends_so = path.as_os_str().as_encoded_bytes().ends_with(name.as_encoded_bytes());
    let parent = path.parent()?;
    let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
    ends_so.then(|| (parent, name.to_owned()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::fs;

    use super::*;

    const FILE: Announced = Announced::File { filesize: 0 };

    /// A folder with a file and a folder in it, each with files in it.
    fn scene() -> tempfile::TempDir {
        let scene = tempfile::tempdir().unwrap();
        fs::write(scene.path().join("file"), b"").unwrap();
        fs::create_dir_all(scene.path().join("folder/inner")).unwrap();
        fs::write(scene.path().join("folder/file"), b"").unwrap();
        scene
    }

    #[test]
    fn only_what_the_person_named_is_overwritten() {
        let scene = scene();
        for (output, offered, place) in [
            ("", "new", Ok(("new", false))),
            ("", "file", Err("overwrite existing")),
            ("", "folder", Err("not a file")),
            ("folder", "new", Ok(("folder/new", false))),
            ("folder/", "new", Ok(("folder/new", false))),
            ("folder/.", "new", Ok(("folder/new", false))),
            ("folder", "file", Err("overwrite existing")),
            ("folder/", "file", Err("overwrite existing")),
            ("folder", "inner", Err("not a file")),
            ("file", "x", Ok(("file", true))),
            ("folder/file", "x", Ok(("folder/file", true))),
            ("other", "file", Ok(("other", false))),
            // What the peer calls it does not matter there.
            ("other", "../a\0b", Ok(("other", false))),
            ("folder", "../x", Err("a path")),
            // These name folders, which are not there.
            ("file/", "x", Err("file/")),
            ("file/.", "x", Err("file/.")),
            ("other/", "x", Err("other/")),
            ("other/new", "x", Err("other")),
        ] {
            let found = Destination::of(scene.path(), Some(Path::new(output)))
                .and_then(|destination| destination.target(offered, FILE));
            match (found, place) {
                (Ok(target), Ok((path, replaces))) => {
                    assert_eq!(target.path(), scene.path().join(path), "{output} {offered}");
                    assert_eq!(target.replaces(), replaces, "{output} {offered}");
                }
                (Err(error), Err(why)) => assert!(error.to_string().contains(why), "{error}"),
                (found, place) => panic!("{output} {offered}: {found:?}, expected {place:?}"),
            }
        }
    }

    #[test]
    fn who_was_asked_may_overwrite_a_file_and_nothing_else() {
        let scene = scene();
        let asked = Destination::of(scene.path(), None).unwrap().overwriting();
        assert!(asked.target("file", FILE).unwrap().replaces());
        assert!(matches!(asked.target("folder", FILE), Err(TargetError::NotAFile(_))));
    }

    #[test]
    fn an_archive_has_a_place_by_the_same_rules() {
        let scene = scene();
        let unpacked = |output: Option<&str>, offered: &str| {
            let destination = Destination::of(scene.path(), output.map(Path::new)).unwrap();
            destination.unpacked(offered, FILE).map(|target| target.path().to_owned())
        };
        assert_eq!(unpacked(None, "new.tar").unwrap(), scene.path().join("new"));
        assert_eq!(unpacked(Some("other"), "new.tar").unwrap(), scene.path().join("other"));
        assert!(matches!(unpacked(None, "file.tar"), Err(TargetError::Occupied(_))));
        assert!(matches!(unpacked(Some("folder"), "file.tar"), Err(TargetError::Occupied(_))));
    }
}
