//! The files and folders of a checked archive, written.

use std::io::{self, ErrorKind, Read, Write};

use super::{
    UnpackError, Unpacked,
    member::{Kind, Member},
};
use crate::transfer::{
    dir::Dir,
    escape,
    sparse::Sparse,
    spill::{self, Writer as Spill},
};

/// Bytes written at a time.
const CHUNK: usize = 64 * 1024;
/// The permissions of what an archive has none for, before the umask.
const FOLDER: u32 = 0o777;
const FILE: u32 = 0o666;
/// What their owner must be allowed in a folder while it fills.
const OWNER: u32 = 0o700;

/// Writes members below one open folder, never through a link.
pub(super) struct Writer<'a> {
    root: &'a Dir,
    /// The permissions that the umask leaves to a folder.
    allowed: u32,
    /// The folder of the last member: mostly the next one is in it too, or below.
    parent: Option<(String, Dir)>,
    /// Folders which their owner may not fill, and which get their permissions last: of each the
    /// length of its path, its permissions and its path.
    restricted: Spill,
    unpacked: Unpacked,
    /// Bytes that may still be written.
    left: u64,
    buffer: Vec<u8>,
}

impl<'a> Writer<'a> {
    /// Writes below a new folder, at most so many bytes.
    pub(super) fn into(root: &'a Dir, most: u64) -> io::Result<Self> {
        Ok(Self {
            root,
            allowed: root.mode()?,
            parent: None,
            restricted: spill::begin(),
            unpacked: Unpacked::default(),
            left: most,
            buffer: vec![0; CHUNK],
        })
    }

    pub(super) fn write(
        &mut self,
        member: &Member,
        content: &mut dyn Read,
    ) -> Result<(), UnpackError> {
        let written = match member.kind {
            Kind::Folder if member.path.is_empty() => self.top(member),
            Kind::Folder => self.folder(member),
            Kind::File { .. } => self.file(member, content),
        };
        self.unpacked.freed += u64::from(member.locks_out());
        self.unpacked.renamed += u64::from(member.renamed);
        written.map_err(|source| entry_failed(&member.path, source))
    }

    /// Sets the permissions of folders that nothing could be written into.
    pub(super) fn finish(self) -> Result<Unpacked, UnpackError> {
        let Self { root, allowed, restricted, unpacked, .. } = self;
        let mut restricted = spill::read(restricted).map_err(UnpackError::Archive)?;
        let mut head = [0; 6];
        loop {
            match restricted.read(&mut head[..1]).map_err(UnpackError::Archive)? {
                0 => return Ok(unpacked),
                _ => restricted.read_exact(&mut head[1..]).map_err(UnpackError::Archive)?,
            }
            let [mode @ .., low, high] = head;
            let mut path = vec![0; u16::from_le_bytes([low, high]).into()];
            restricted.read_exact(&mut path).map_err(UnpackError::Archive)?;
            let path = String::from_utf8_lossy(&path);
            // They may all be looked into, so that none is in the way of another.
            let set = walk(root, &path)
                .and_then(|folder| folder.set_mode(u32::from_le_bytes(mode) & allowed));
            set.map_err(|source| entry_failed(&path, source))?;
        }
    }

    /// The folder that holds everything gets its permissions at its place: to move it there, one
    /// must be allowed to write into it.
    fn top(&mut self, member: &Member) -> io::Result<()> {
        let mode = member.mode_or(FOLDER) & self.allowed;
        self.unpacked.top_mode = Some(mode);
        self.root.set_mode(mode | OWNER)
    }

    fn folder(&mut self, member: &Member) -> io::Result<()> {
        let mode = member.mode_or(FOLDER);
        let allowed = self.allowed;
        let (parent, name) = self.parent_of(&member.path)?;
        match parent.make(name, mode | OWNER) {
            // It held something before it was named itself.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                let folder = parent.open_below(name)?;
                folder.set_mode((mode & allowed) | OWNER)?;
            }
            made => drop(made?),
        }
        if mode & OWNER != OWNER {
            // No path is longer than four kibibytes.
            let length = u16::try_from(member.path.len()).map_err(io::Error::other)?;
            self.restricted.write_all(&mode.to_le_bytes())?;
            self.restricted.write_all(&length.to_le_bytes())?;
            self.restricted.write_all(member.path.as_bytes())?;
        }
        Ok(())
    }

    fn file(&mut self, member: &Member, content: &mut dyn Read) -> io::Result<()> {
        let (parent, name) = self.parent_of(&member.path)?;
        let mut file = Sparse::of(parent.make_file(name, member.mode_or(FILE))?);
        self.unpacked.files += 1;
        loop {
            let n = content.read(&mut self.buffer)?;
            if n == 0 {
                return file.settle();
            }
            let left = self.left.checked_sub(n as u64);
            self.left = left.ok_or_else(|| io::Error::other("more than was announced"))?;
            self.unpacked.bytes += n as u64;
            file.write_all(&self.buffer[..n])?;
        }
    }

    /// Opens the folder of a path, and makes it where it is missing.
    fn parent_of<'p>(&mut self, path: &'p str) -> io::Result<(&Dir, &'p str)> {
        let Some((parent, name)) = path.rsplit_once('/') else { return Ok((self.root, path)) };
        if self.parent.as_ref().is_none_or(|(last, _)| last != parent) {
            let below = self.parent.as_ref().and_then(|(last, folder)| {
                Some((folder, parent.strip_prefix(last.as_str())?.strip_prefix('/')?))
            });
            let (from, rest) = below.unwrap_or((self.root, parent));
            self.parent = Some((parent.to_owned(), make_all(from, rest)?));
        }
        let folder = self.parent.as_ref().map_or(self.root, |(_, folder)| folder);
        Ok((folder, name))
    }
}

fn entry_failed(path: &str, source: io::Error) -> UnpackError {
    UnpackError::Entry { shown: escape(path), source }
}

/// Opens a folder below another, component by component.
fn walk(root: &Dir, path: &str) -> io::Result<Dir> {
    let (first, rest) = path.split_once('/').unwrap_or((path, ""));
    let folder = root.open_below(first)?;
    if rest.is_empty() { Ok(folder) } else { walk(&folder, rest) }
}

/// Opens a folder below another, and makes what is missing of it.
fn make_all(root: &Dir, path: &str) -> io::Result<Dir> {
    let mut folder: Option<Dir> = None;
    for name in path.split('/') {
        let above = folder.as_ref().unwrap_or(root);
        folder = Some(match above.open_below(name) {
            Err(error) if error.kind() == ErrorKind::NotFound => above.make(name, FOLDER)?,
            opened => opened?,
        });
    }
    folder.ok_or_else(|| ErrorKind::NotFound.into())
}

#[cfg(test)]
#[cfg(unix)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::{
        fs,
        os::unix::fs::{PermissionsExt, symlink},
        path::Path,
    };

    use super::*;

    fn file(path: &str) -> Member {
        let kind = Kind::File { size: 1, packed: 1 };
        Member { path: path.to_owned(), kind, mode: None, renamed: false }
    }

    fn scene() -> (tempfile::TempDir, Dir) {
        let scene = tempfile::tempdir().unwrap();
        fs::create_dir(scene.path().join("root")).unwrap();
        fs::create_dir(scene.path().join("outside")).unwrap();
        let root = Dir::open(&scene.path().join("root")).unwrap();
        (scene, root)
    }

    fn is_empty(folder: &Path) -> bool {
        fs::read_dir(folder).unwrap().next().is_none()
    }

    #[test]
    fn a_folder_swapped_for_a_link_in_the_middle_leads_nowhere() {
        let (scene, root) = scene();
        let (inner, outside) = (scene.path().join("root/a"), scene.path().join("outside"));
        let mut writer = Writer::into(&root, 99).unwrap();
        writer.write(&file("a/first"), &mut &b"1"[..]).unwrap();
        fs::rename(&inner, scene.path().join("root/moved")).unwrap();
        symlink(&outside, &inner).unwrap();
        // The open folder is still the one that was made.
        writer.write(&file("a/second"), &mut &b"2"[..]).unwrap();
        assert!(scene.path().join("root/moved/second").exists());
        // Once it is looked up again, the link is not followed.
        writer.write(&file("b/third"), &mut &b"3"[..]).unwrap();
        assert!(writer.write(&file("a/fourth"), &mut &b"4"[..]).is_err());
        assert!(is_empty(&outside));
    }

    #[test]
    fn a_link_in_the_place_of_a_file_is_not_written_through() {
        let (scene, root) = scene();
        symlink("../outside/f", scene.path().join("root/f")).unwrap();
        let mut writer = Writer::into(&root, 99).unwrap();
        assert!(writer.write(&file("f"), &mut &b"1"[..]).is_err());
        assert!(is_empty(&scene.path().join("outside")));
    }

    #[test]
    fn no_more_than_announced_is_written_in_all() {
        let (_scene, root) = scene();
        let mut writer = Writer::into(&root, 3).unwrap();
        writer.write(&file("a"), &mut &b"12"[..]).unwrap();
        let refused = writer.write(&file("b"), &mut &b"34"[..]).unwrap_err();
        assert!(refused.to_string().contains("more than was announced"), "{refused}");
    }

    #[test]
    fn a_folder_that_may_not_be_filled_is_filled_before() {
        let (scene, root) = scene();
        let mut writer = Writer::into(&root, 99).unwrap();
        let folder = |path: &str| {
            let path = path.to_owned();
            Member { path, kind: Kind::Folder, mode: Some(0o555), renamed: false }
        };
        writer.write(&file("b/f"), &mut &b"2"[..]).unwrap();
        for path in ["a", "a/inner", "b"] {
            writer.write(&folder(path), &mut io::empty()).unwrap();
        }
        writer.write(&file("a/inner/f"), &mut &b"1"[..]).unwrap();
        writer.finish().unwrap();
        for path in ["a", "a/inner", "b"] {
            let mode = fs::metadata(scene.path().join("root").join(path)).unwrap().permissions();
            assert_eq!(mode.mode() & 0o777, 0o555, "{path}");
        }
        assert!(scene.path().join("root/a/inner/f").exists());
    }
}
