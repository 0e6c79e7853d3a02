//! What the two databases have in common: what can be wrong with their files, how a file is made,
//! and how one is looked at without being touched [mailbox-server.md: databases].

mod copy;
mod import;
mod lock;
mod replace;
mod restore;

use std::{
    fmt,
    fs::{File, OpenOptions},
    io,
    path::{Path, PathBuf},
};

use rusqlite::{Connection, OpenFlags, OptionalExtension};

use crate::config::Database;

pub use copy::{CopyError, backup};
pub(crate) use copy::{copy_into, with_suffix};
pub use import::{Imported, import, kind_of};
pub(crate) use lock::Lock;
pub use restore::{Restore, Restored};

/// A database cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DatabaseError {
    /// The file cannot be made or opened.
    #[error("cannot open {path}: {reason}")]
    Unopened {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: io::Error,
    },
    /// Another server has it open.
    #[error(
        "another server uses {path}: {} holds {path}-lock",
        holder.map_or("it".to_owned(), |id| format!("process {id}"))
    )]
    InUse {
        /// The file.
        path: PathBuf,
        /// The process that holds the lock, where it is known.
        holder: Option<u32>,
    },
    /// What it holds contradicts itself.
    #[error("{path} is damaged: {found}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What SQLite finds first.
        found: String,
    },
    /// It is of a version which this server does not know.
    #[error("{path}: unable to handle db version {found} of a {kind}: expected {}", kind.versions())]
    Version {
        /// The file.
        path: PathBuf,
        /// What it is.
        kind: DatabaseKind,
        /// What its `version` table says.
        found: i64,
    },
    /// It holds something else.
    #[error("{path} holds {found}: expected a {expected} of a {}", expected.owner())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What its tables are.
        found: String,
        /// What they should be.
        expected: DatabaseKind,
    },
    /// A row points to one that does not exist.
    #[error("{path} has dangling references in table {table}")]
    Dangling {
        /// The file.
        path: PathBuf,
        /// The table of the row.
        table: String,
    },
    /// A file of an old version is copied before it is changed, and the copy's place is taken.
    #[error("{path} is of an old version, and the place of its copy is taken: move {copy} away")]
    CopyExists {
        /// The file.
        path: PathBuf,
        /// Where its copy belongs.
        copy: PathBuf,
    },
    /// SQLite refused.
    #[error("cannot use {path}: {reason}")]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: rusqlite::Error,
    },
}

impl DatabaseError {
    /// Says of which file SQLite speaks.
    pub(crate) fn at(path: &Path) -> impl Fn(rusqlite::Error) -> Self + Copy {
        move |reason| Self::Sqlite { path: path.to_owned(), reason }
    }
}

/// What a server's database is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DatabaseKind {
    /// Nameplates, mailboxes and messages.
    Channel,
    /// What came of them.
    Usage,
    /// What came of connections to a transit relay.
    Relay,
}

impl fmt::Display for DatabaseKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Channel => "channel database",
            Self::Usage | Self::Relay => "usage database",
        })
    }
}

/// Tables of foreign files that an error names.
const NAMED: usize = 5;

impl DatabaseKind {
    /// The tables by which it is known.
    const fn tables(self) -> &'static [&'static str] {
        match self {
            Self::Channel => &["version", "nameplates", "mailboxes", "messages"],
            Self::Usage => &["version", "nameplates", "mailboxes", "current"],
            Self::Relay => &["version", "current", "usage"],
        }
    }

    /// The newest version that is known; older ones are too.
    const fn newest(self) -> i64 {
        match self {
            Self::Channel | Self::Usage => 2,
            Self::Relay => 1,
        }
    }

    const fn versions(self) -> &'static str {
        match self {
            Self::Channel | Self::Usage => "1 or 2",
            Self::Relay => "1",
        }
    }

    const fn owner(self) -> &'static str {
        match self {
            Self::Channel | Self::Usage => "mailbox server",
            Self::Relay => "transit relay",
        }
    }

    /// Tells which kind a database is.
    ///
    /// # Errors
    /// [`DatabaseError::Foreign`] and [`DatabaseError::Version`] where it is none that this server
    /// can use.
    pub(crate) fn of(connection: &Connection, path: &Path) -> Result<Self, DatabaseError> {
        let tables = tables(connection).map_err(DatabaseError::at(path))?;
        let known = [Self::Usage, Self::Relay].into_iter().find(|kind| kind.has(&tables));
        let kind = known.unwrap_or(Self::Channel);
        match kind.version_of(connection, path)? {
            Some(_) => Ok(kind),
            None => Err(DatabaseError::Foreign {
                path: path.to_owned(),
                found: "no tables".to_owned(),
                expected: kind,
            }),
        }
    }

    fn has(self, tables: &[String]) -> bool {
        self.tables().iter().all(|name| tables.iter().any(|table| table == name))
    }

    /// Reads the version; none of a database without tables, which is about to be filled.
    ///
    /// # Errors
    /// [`DatabaseError::Foreign`] and [`DatabaseError::Version`] where this server cannot use it.
    pub(crate) fn version_of(
        self,
        connection: &Connection,
        path: &Path,
    ) -> Result<Option<i64>, DatabaseError> {
        let failed = DatabaseError::at(path);
        let tables = tables(connection).map_err(failed)?;
        if tables.is_empty() {
            return Ok(None);
        }
        if !self.has(&tables) {
            let kinds = [Self::Channel, Self::Usage, Self::Relay];
            let other = kinds.into_iter().find(|kind| kind.has(&tables));
            let found = match other {
                None => listed(&tables),
                Some(kind) if kind.owner() == self.owner() => format!("a {kind}"),
                Some(kind) => format!("a {kind} of a {}", kind.owner()),
            };
            return Err(DatabaseError::Foreign { path: path.to_owned(), found, expected: self });
        }
        let version = "SELECT version FROM version";
        match connection.query_row(version, [], |row| row.get(0)).map_err(failed)? {
            known if (1..=self.newest()).contains(&known) => Ok(Some(known)),
            found => Err(DatabaseError::Version { path: path.to_owned(), kind: self, found }),
        }
    }

    /// Tells whether a server could use the file, without touching it; one that is missing will be
    /// made.
    ///
    /// # Errors
    /// [`DatabaseError`] where it could not.
    pub(crate) fn check(self, path: &Path) -> Result<(), DatabaseError> {
        match path.try_exists() {
            Ok(true) => self.version_of(&open_read_only(path)?, path).map(drop),
            Ok(false) => has_folder(path)
                .map_err(|reason| DatabaseError::Unopened { path: path.to_owned(), reason }),
            Err(reason) => Err(DatabaseError::Unopened { path: path.to_owned(), reason }),
        }
    }
}

/// Asks whether the folder in which a file is to be made is there.
fn has_folder(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.metadata().map(drop),
        _ => Ok(()),
    }
}

fn tables(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut names = connection.prepare(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'",
    )?;
    names.query_map([], |row| row.get(0))?.collect()
}

fn listed(tables: &[String]) -> String {
    let named: Vec<_> =
        tables.iter().take(NAMED).map(|name| name.escape_debug().to_string()).collect();
    let more = if tables.len() > NAMED { " and others" } else { "" };
    format!("the tables {}{more}", named.join(", "))
}

/// Opens a database; a file that is missing is made, and only its owner may read it.
///
/// # Errors
/// [`DatabaseError::Unopened`] and [`DatabaseError::Sqlite`].
pub(crate) fn open(path: &Path) -> Result<Connection, DatabaseError> {
    if !path.exists() {
        private(path)
            .map_err(|reason| DatabaseError::Unopened { path: path.to_owned(), reason })?;
    }
    Connection::open(path).map_err(DatabaseError::at(path))
}

/// An open database.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) connection: Connection,
    /// None where it is in memory; given back after the connection.
    pub(crate) lock: Option<Lock>,
}

/// Opens a usage database in a file or in memory, and tells the path that errors name.
///
/// # Errors
/// As [`open`], and [`DatabaseError::InUse`] while it is replaced.
pub(crate) fn open_either(database: &Database) -> Result<(Opened, &Path), DatabaseError> {
    match database {
        Database::File(path) => {
            let lock = Some(Lock::shared(path)?);
            Ok((Opened { connection: open(path)?, lock }, path))
        }
        Database::Memory => {
            let path = Path::new(":memory:");
            let connection = Connection::open_in_memory().map_err(DatabaseError::at(path))?;
            Ok((Opened { connection, lock: None }, path))
        }
    }
}

/// Names a table that has a row which points to nothing.
pub(crate) fn dangling(connection: &Connection) -> rusqlite::Result<Option<String>> {
    connection.query_row("PRAGMA foreign_key_check", [], |row| row.get(0)).optional()
}

/// Has what is committed survive the process: a power cut may take the last rows, but leaves the
/// file whole. The log stays at a mebibyte or so.
pub(crate) fn write_ahead(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;
         PRAGMA wal_autocheckpoint = 256; PRAGMA journal_size_limit = 1048576;",
    )
}

/// Opens a file that only its owner may read, and makes it where it is missing.
pub(crate) fn private(path: impl AsRef<Path>) -> io::Result<File> {
    private_options().create(true).truncate(false).open(path)
}

/// Makes a file that only its owner may read, and that was not there.
pub(crate) fn private_new(path: impl AsRef<Path>) -> io::Result<File> {
    private_options().create_new(true).open(path)
}

fn private_options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Opens a database that is there, to read; nothing is made beside it.
///
/// # Errors
/// [`DatabaseError::Unopened`] where there is none, [`DatabaseError::Sqlite`].
pub(crate) fn open_read_only(path: &Path) -> Result<Connection, DatabaseError> {
    // Not by opening it: to close it again would take away the locks that this process has on it.
    path.metadata().map_err(|reason| DatabaseError::Unopened { path: path.to_owned(), reason })?;
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let opened = match is_written(path) {
        true => Connection::open_with_flags(path, flags),
        false => Connection::open_with_flags(immutable(path), flags | OpenFlags::SQLITE_OPEN_URI),
    };
    opened.map_err(DatabaseError::at(path))
}

/// Tells whether the database has a write-ahead log, as it has while a server of ours uses it.
/// Without this question SQLite would make one also to read, and leave it there.
fn is_written(path: &Path) -> bool {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    Path::new(&log).exists()
}

/// Names the file as one that nobody writes to, as a URI: then SQLite takes no lock.
fn immutable(path: &Path) -> String {
    let mut uri = String::from("file:");
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' => {
                uri.push(char::from(*byte));
            }
            #[cfg(windows)]
            b'\\' => uri.push('/'),
            other => uri.push_str(&format!("%{other:02x}")),
        }
    }
    uri + "?immutable=1"
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::fs;

    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_check_tells_what_is_wrong_and_touches_nothing() {
        let folder = tempfile::tempdir().unwrap();
        // A name that needs care in a URI.
        let path = folder.path().join("a b%41?#ß.sqlite");
        let check = |kind: DatabaseKind| kind.check(&path).err().map(|e| e.to_string());
        assert_eq!(check(DatabaseKind::Usage), None);
        assert_eq!(names(folder.path()), [""; 0], "a missing file stays missing");

        for journal in ["WAL", "DELETE"] {
            let connection = Connection::open(&path).unwrap();
            connection.pragma_update(None, "journal_mode", journal).unwrap();
            connection
                .execute_batch(
                    "CREATE TABLE IF NOT EXISTS version (version INTEGER);
                     DELETE FROM version; INSERT INTO version VALUES (2);
                     CREATE TABLE IF NOT EXISTS nameplates (x);
                     CREATE TABLE IF NOT EXISTS mailboxes (x);
                     CREATE TABLE IF NOT EXISTS current (x);",
                )
                .unwrap();
            assert_eq!(check(DatabaseKind::Usage), None, "while it is open elsewhere");
            drop(connection);
            let (before, bytes) = (names(folder.path()), fs::read(&path).unwrap());
            assert_eq!(check(DatabaseKind::Usage), None);
            let found = check(DatabaseKind::Channel).unwrap();
            assert!(found.ends_with(
                "holds a usage database: expected a channel database of a mailbox server"
            ));
            assert!(found.starts_with(path.to_str().unwrap()), "{found}");
            assert_eq!((names(folder.path()), fs::read(&path).unwrap()), (before, bytes));
        }

        let connection = Connection::open(&path).unwrap();
        connection.execute("UPDATE version SET version = 3", []).unwrap();
        drop(connection);
        let found = check(DatabaseKind::Usage).unwrap();
        assert!(found.ends_with("db version 3 of a usage database: expected 1 or 2"), "{found}");

        fs::write(&path, "x".repeat(5000)).unwrap();
        let found = check(DatabaseKind::Usage).unwrap();
        assert!(found.contains("ß.sqlite") && found.contains("not a database"), "{found}");
        fs::write(&path, "").unwrap();
        assert_eq!(check(DatabaseKind::Usage), None);
        let found = DatabaseKind::Usage.check(&path.join("below")).err();
        assert!(found.is_none_or(|e| e.to_string().starts_with("cannot open")));
    }

    #[test]
    fn a_foreign_file_is_told_by_its_tables() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("other.sqlite");
        let connection = Connection::open(&path).unwrap();
        connection.execute_batch("CREATE TABLE a (x); CREATE TABLE \"b\u{1b}\" (x)").unwrap();
        let found = DatabaseKind::Channel.check(&path).unwrap_err().to_string();
        assert!(found.contains(r"holds the tables a, b\u{1b}: expected a channel"), "{found}");
    }
}
