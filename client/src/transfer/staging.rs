//! A hidden folder beside the target, for what needs a name before it is in its place.

use std::{
    fs::{File, TryLockError},
    io::{self, Read, Write},
    sync::Arc,
};

use data_encoding::BASE32_NOPAD;

use super::dir::{Dir, Found};
use crate::random::random;

/// The beginning of its name; random characters follow.
const PREFIX: &str = ".wormhole-";
/// How many random characters.
const CHANCE: usize = 8;
/// In it: the file that its owner keeps locked,
const OWNER: &str = "owner";
/// what came,
pub(super) const CONTENT: &str = "content";
/// and the file that makes way for it.
pub(super) const REPLACED: &str = "replaced";

/// Random characters for a name.
pub(super) fn chance() -> String {
    BASE32_NOPAD.encode(&random::<{ CHANCE * 5 / 8 }>()).to_ascii_lowercase()
}

/// A folder that only this user can enter, which removes itself with all that is in it.
///
/// Where the program is killed, it stays; whoever receives into the same folder next
/// [clears](clear) it. That its owner is gone shows by a file in it, which the system unlocks when
/// a program ends; that it is one of ours, by what that file says.
pub(super) struct Staging {
    folder: Arc<Dir>,
    name: String,
    dir: Dir,
    owner: Option<File>,
}

impl Staging {
    pub(super) fn beside(folder: &Arc<Dir>) -> io::Result<Self> {
        let name = format!("{PREFIX}{}", chance());
        let dir = folder.make(&name, 0o700)?;
        let mut made = Self { folder: Arc::clone(folder), name, dir, owner: None };
        let mut owner = made.dir.make_file(OWNER, 0o600)?;
        match owner.try_lock() {
            // On a disk without locks nobody else gets it either, and nothing is cleared.
            Ok(()) | Err(TryLockError::Error(_)) => {}
            Err(TryLockError::WouldBlock) => return Err(io::ErrorKind::ResourceBusy.into()),
        }
        // Only now: what has a mark and no lock is abandoned.
        owner.write_all(mark(&made.name, &made.dir)?.as_bytes())?;
        made.owner = Some(owner);
        Ok(made)
    }

    pub(super) fn dir(&self) -> &Dir {
        &self.dir
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // Some systems remove no file that is open.
        drop(self.owner.take());
        let _ = self.dir.remove_content();
        let _ = self.folder.remove_folder(&self.name);
    }
}

/// Removes from a folder what killed programs of this user have left there, and tells its names.
///
/// It removes nothing that it cannot prove to be such, and nothing where it cannot look.
pub(super) fn clear(folder: &Dir) -> Vec<String> {
    let left = |name: &String| remove_abandoned(folder, name).is_ok_and(|removed| removed);
    folder.names(PREFIX).unwrap_or_default().into_iter().filter(left).collect()
}

fn remove_abandoned(folder: &Dir, name: &str) -> io::Result<bool> {
    if name.len() != PREFIX.len() + CHANCE {
        return Ok(false);
    }
    let dir = folder.open_below(name)?;
    let mut owner = dir.open_file(OWNER)?;
    let expected = mark(name, &dir)?;
    let mut found = Vec::new();
    (&mut owner).take(expected.len() as u64 + 1).read_to_end(&mut found)?;
    if found != expected.as_bytes() || owner.try_lock().is_err() {
        return Ok(false);
    }
    // Killed in the one moment in which this is all there is of a file of the person's.
    if dir.found(REPLACED)? != Found::Nothing || !folder.holds_folder(name, &dir)? {
        return Ok(false);
    }
    drop(owner);
    dir.remove_content()?;
    folder.remove_folder(name)?;
    Ok(true)
}

/// What stands in the file of an owner: nobody who sends something knows it beforehand.
fn mark(name: &str, dir: &Dir) -> io::Result<String> {
    let number = dir.own_number()?.ok_or(io::ErrorKind::PermissionDenied)?;
    Ok(format!("{name} {number}: what is on its way in, or left by a program that was killed\n"))
}

#[cfg(all(test, unix))]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use super::*;

    fn scene() -> (tempfile::TempDir, Arc<Dir>) {
        let scene = tempfile::tempdir().unwrap();
        let folder = Arc::new(Dir::open(scene.path()).unwrap());
        (scene, folder)
    }

    /// Leaves one as a killed program does: unlocked, and not removed.
    fn abandoned(folder: &Arc<Dir>) -> String {
        let mut staging = Staging::beside(folder).unwrap();
        drop(staging.owner.take());
        staging.dir().make(CONTENT, 0o700).unwrap().make_file("f", 0o600).unwrap();
        let name = staging.name.clone();
        std::mem::forget(staging);
        name
    }

    #[test]
    fn what_a_killed_program_left_is_removed_and_nothing_else() {
        let (scene, folder) = scene();
        let running = Staging::beside(&folder).unwrap();
        let left = [abandoned(&folder), abandoned(&folder)];
        let at = |name: &str| scene.path().join(name);

        // One whose mark is of another folder, as where somebody sent it or moved it.
        let (sent, moved) = (at(".wormhole-aaaaaaaa"), at(".wormhole-bbbbbbbb"));
        fs::create_dir(&sent).unwrap();
        fs::copy(at(&left[0]).join(OWNER), sent.join(OWNER)).unwrap();
        fs::rename(at(&abandoned(&folder)), &moved).unwrap();
        // One that holds what was to be replaced.
        let last = at(&abandoned(&folder));
        fs::write(last.join(REPLACED), b"the person's").unwrap();
        // Others that are only called so.
        fs::create_dir(at(".wormhole-cccccccc")).unwrap();
        fs::write(at(".wormhole-dddddddd"), b"").unwrap();
        fs::write(at(".wormhole-rc"), b"").unwrap();
        symlink(&last, at(".wormhole-eeeeeeee")).unwrap();

        let before = fs::read_dir(scene.path()).unwrap().count();
        let mut cleared = clear(&folder);
        cleared.sort();
        let mut expected = left.to_vec();
        expected.sort();
        assert_eq!(cleared, expected);
        assert_eq!(fs::read_dir(scene.path()).unwrap().count(), before - 2);
        assert!(clear(&folder).is_empty());

        let own = running.name.clone();
        assert!(at(&own).exists());
        drop(running);
        assert!(!at(&own).exists());
    }
}
