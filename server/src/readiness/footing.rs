//! The files on which the server stands: it goes on writing into one that has no name any more,
//! and the next start finds nothing of that.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use crate::{
    config::{Config, Database},
    database::{Lock, with_suffix},
};

/// The files of one server, which clones share.
#[derive(Clone)]
pub(crate) struct Footing(Arc<[Stone]>);

/// One file.
struct Stone {
    path: PathBuf,
    /// None where it may be another of the same name.
    identity: Option<Identity>,
    /// Whether clients lose by it what they were told.
    vital: bool,
    lost: AtomicBool,
}

/// What tells a file from others that had its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Identity(u64, u64);

impl Footing {
    /// Remembers the files of a server that has just opened its databases.
    pub(crate) fn of(config: &Config) -> Self {
        let mut stones = Vec::new();
        if let Database::File(path) = &config.database {
            stones.push(Stone::at(path.clone(), true));
            stones.push(Stone::at(Lock::place(path), true));
            // SQLite makes a new one where it likes.
            stones.push(Stone { identity: None, ..Stone::at(with_suffix(path, "-wal"), true) });
        }
        if let Some(Database::File(path)) = config.usage.as_ref().map(|usage| &usage.database) {
            stones.push(Stone::at(path.clone(), false));
        }
        Self(stones.into())
    }

    /// Looks whether all are there, logs what has changed, and tells whether clients can be
    /// served. It asks the disk.
    pub(crate) fn is_firm(&self) -> bool {
        let lost = self.0.iter().filter(|stone| !stone.look());
        lost.count() == 0
    }
}

impl Stone {
    fn at(path: PathBuf, vital: bool) -> Self {
        let identity = Identity::of(&path).ok();
        Self { path, identity, vital, lost: AtomicBool::new(false) }
    }

    fn look(&self) -> bool {
        let lost = match Identity::of(&self.path) {
            Ok(found) => self.identity.is_some_and(|identity| identity != found),
            Err(reason) => reason.kind() == io::ErrorKind::NotFound,
        };
        if self.lost.swap(lost, Relaxed) != lost {
            let path = self.path.display();
            match (lost, self.vital) {
                (true, true) => tracing::error!(
                    "{path} was deleted or replaced while the server uses it: what clients are \
                     told now is lost at the next start; stop the server, put the file back, and \
                     start it again"
                ),
                (true, false) => tracing::error!(
                    "{path} was deleted or replaced while the server uses it: what is recorded \
                     now is lost"
                ),
                (false, _) => tracing::info!("{path} is back"),
            }
        }
        !(lost && self.vital)
    }
}

impl Identity {
    #[cfg(unix)]
    fn of(path: &Path) -> io::Result<Self> {
        use std::os::unix::fs::MetadataExt;
        let file = fs::metadata(path)?;
        Ok(Self(file.dev(), file.ino()))
    }

    /// The system tells nothing by which files differ.
    #[cfg(not(unix))]
    fn of(path: &Path) -> io::Result<Self> {
        fs::metadata(path).map(|_| Self(0, 0))
    }
}

#[cfg(all(test, unix))]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::config::UsageConfig;

    #[test]
    fn a_file_that_is_gone_or_another_is_missed_until_it_is_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for name in ["db", "db-lock", "db-wal", "usage"] {
            fs::write(path(name), "").unwrap();
        }
        let usage = UsageConfig { database: Database::File(path("usage")), blur: None };
        let database = Database::File(path("db"));
        let config = Config { database, usage: Some(usage), ..Config::default() };
        let footing = Footing::of(&config);
        assert!(footing.is_firm());
        for name in ["db", "db-lock", "db-wal"] {
            fs::rename(path(name), path("away")).unwrap();
            assert!(!footing.is_firm(), "{name}");
            fs::write(path(name), "").unwrap();
            assert_eq!(footing.is_firm(), name == "db-wal", "another {name}");
            fs::rename(path("away"), path(name)).unwrap();
            assert!(footing.is_firm(), "{name}");
        }
        fs::remove_file(path("usage")).unwrap();
        assert!(footing.is_firm(), "clients do not need it");
        assert!(footing.0[3].lost.load(Relaxed), "but it is missed");
    }
}
