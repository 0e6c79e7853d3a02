//! Putting another file in a database's place, all at once: a kill at any moment leaves the old
//! database or the new one, never files of both.
//!
//! SQLite replays whatever log lies beside a database, also another's. So the new file is made
//! whole under a name of its own; from the moment that it has that name, whoever takes the
//! database's [lock](super::lock) moves the old files out of the way and puts the new one in
//! place, before it looks at any of them.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::with_suffix;

/// Where the new database waits for the old one's place.
pub(super) fn waiting(path: &Path) -> PathBuf {
    with_suffix(path, "-restored")
}

/// What SQLite keeps beside a database; the first is the database.
const SUFFIXES: [&str; 3] = ["", "-wal", "-shm"];

/// Tells whether a new database waits for its place.
pub(super) fn is_unfinished(path: &Path) -> bool {
    waiting(path).exists()
}

/// Puts a database that waits in its place, and gives where the old one is now, if there was one.
/// The caller has the lock.
///
/// # Errors
/// What the system says; whoever comes next goes on from there.
pub(super) fn finish(path: &Path) -> io::Result<Option<PathBuf>> {
    let waiting = waiting(path);
    if !waiting.try_exists()? {
        return Ok(None);
    }
    let aside = aside(path)?;
    for suffix in SUFFIXES {
        let old = with_suffix(path, suffix);
        if old.try_exists()? {
            fs::rename(old, with_suffix(&aside, suffix))?;
        }
    }
    sync_folder(path)?;
    fs::rename(waiting, path)?;
    sync_folder(path)?;
    Ok(aside.exists().then_some(aside))
}

/// Names the place for the old files: where the database itself has gone before, or a free one.
fn aside(path: &Path) -> io::Result<PathBuf> {
    let named = |number: u64| with_suffix(path, &format!("-before-restore-{number}"));
    let mut free = 1;
    while any(&named(free), |_| Ok(true))? {
        free += 1;
    }
    let latest = named(free.saturating_sub(1));
    let is_unfinished = !path.try_exists()? && latest.try_exists()?;
    // Not over what lies there of another.
    let clashes = any(path, |suffix| with_suffix(&latest, suffix).try_exists())?;
    Ok(if is_unfinished && !clashes { latest } else { named(free) })
}

/// Asks of each of a database's files that is there.
fn any(path: &Path, ask: impl Fn(&str) -> io::Result<bool>) -> io::Result<bool> {
    for suffix in SUFFIXES {
        if with_suffix(path, suffix).try_exists()? && ask(suffix)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Has the names in a file's folder survive a power cut.
pub(super) fn sync_folder(path: &Path) -> io::Result<()> {
    // Elsewhere a folder cannot be opened.
    if cfg!(unix) {
        fs::File::open(folder(path))?.sync_all()?;
    }
    Ok(())
}

/// Gives the folder of a file.
pub(super) fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn files(folder: &Path) -> BTreeMap<String, String> {
        let read = |entry: io::Result<fs::DirEntry>| {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            (name, fs::read_to_string(entry.path()).unwrap())
        };
        fs::read_dir(folder).unwrap().map(read).collect()
    }

    /// The states in which a kill can leave the folder, in their order.
    #[test]
    fn whoever_comes_after_a_kill_finishes_it() {
        let all = ["", "-wal", "-shm"];
        for moved in 0..=all.len() {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("db");
            // Of an earlier restore.
            fs::write(with_suffix(&path, "-before-restore-1"), "older").unwrap();
            for (place, suffix) in all.into_iter().enumerate() {
                let behind = if place < moved { "-before-restore-2" } else { "" };
                fs::write(with_suffix(&path, &format!("{behind}{suffix}")), "old").unwrap();
            }
            fs::write(waiting(&path), "new").unwrap();
            let aside = finish(&path).unwrap();
            assert_eq!(aside, Some(with_suffix(&path, "-before-restore-2")));
            let expected = [
                ("db", "new"),
                ("db-before-restore-1", "older"),
                ("db-before-restore-2", "old"),
                ("db-before-restore-2-shm", "old"),
                ("db-before-restore-2-wal", "old"),
            ];
            let expected = expected.map(|(name, text)| (name.to_owned(), text.to_owned()));
            assert_eq!(files(folder.path()), expected.into(), "{moved}");
            assert_eq!(finish(&path).unwrap(), None, "nothing waits any more");
        }
    }
}
