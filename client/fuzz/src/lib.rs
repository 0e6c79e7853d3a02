//! What the targets for archives have in common: they unpack for real, into a folder in memory
//! where the system has one.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use tempfile::TempDir;
use wormhole_client::transfer::{Begun, Target, TargetError, Unpacked};

/// A fresh folder, and what is in it.
pub struct Scene(TempDir);

impl Scene {
    /// Makes the folder.
    pub fn new() -> Self {
        let memory = Path::new("/dev/shm");
        let above = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
        Self(tempfile::tempdir_in(above).expect("the system has room for temporary files"))
    }

    /// Returns its path.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Unpacks an archive, of which all or nothing must be there, and nothing elsewhere.
    pub fn unpack(
        &self,
        archive: &[u8],
        target: Result<Target, TargetError>,
    ) -> Option<(PathBuf, Unpacked)> {
        let mut begun: Begun = target.ok()?.begin().ok()?;
        begun.write_all(archive).ok()?;
        let placed = begun.place();
        let there = fs::read_dir(self.path()).expect("the folder is ours").count();
        assert_eq!(there, usize::from(placed.is_ok()));
        let (path, unpacked) = placed.ok()?;
        let unpacked = unpacked?;
        let mut found = Found::default();
        found.visit(&path);
        assert_eq!(
            (found.files, found.folders, found.bytes),
            (unpacked.files, unpacked.folders, unpacked.bytes)
        );
        Some((path, unpacked))
    }
}

impl Default for Scene {
    fn default() -> Self {
        Self::new()
    }
}

/// What lies in a folder.
#[derive(Default)]
struct Found {
    files: u64,
    folders: u64,
    bytes: u64,
}

impl Found {
    fn visit(&mut self, folder: &Path) {
        for entry in fs::read_dir(folder).expect("it can be looked into") {
            let entry = entry.expect("it can be looked into");
            let about = entry.metadata().expect("it can be looked at");
            assert!(about.is_dir() || about.is_file());
            if about.is_dir() {
                self.folders += 1;
                self.visit(&entry.path());
            } else {
                self.files += 1;
                self.bytes += about.len();
            }
        }
    }
}
