//! Whose program is meant, and where it lies.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::{env, fmt, fs};

use libtest_mimic::{Completion, Trial};

/// Names whose client or server takes part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Maker {
    /// The programs of this workspace.
    Ours,
    /// The Python programs that `tests/peers/install` puts in place.
    Python,
}

impl Maker {
    /// Returns the path of one of the maker's programs.
    ///
    /// # Errors
    ///
    /// [`Missing`] when a Python program is not installed; with `CI=true` that panics instead.
    ///
    /// # Panics
    ///
    /// When one of our own programs has not been built.
    pub fn program(self, name: &str) -> Result<PathBuf, Missing> {
        match self {
            Self::Ours => {
                let path = build_folder().join(name);
                assert!(path.is_file(), "{} is not built: run tests/run", path.display());
                Ok(path)
            }
            Self::Python => Missing::unless_file(peers_folder().join("py/bin").join(name)),
        }
    }
}

impl fmt::Display for Maker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ours => "ours",
            Self::Python => "python",
        })
    }
}

/// Names whose client takes part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// The program of this workspace.
    Ours,
    /// Python's, which `tests/peers/install` puts in place.
    Python,
    /// The Rust program of magic-wormhole.rs, likewise.
    Rust,
    /// wormhole-william, which `tests/peers/install-debian` puts in place.
    Go,
}

impl Peer {
    /// Returns the path of the client.
    ///
    /// # Errors
    ///
    /// [`Missing`] when it is not installed; with `CI=true` that panics instead.
    ///
    /// # Panics
    ///
    /// When our own program has not been built.
    pub fn program(self) -> Result<PathBuf, Missing> {
        match self {
            Self::Ours => Maker::Ours.program("wormhole"),
            Self::Python => Maker::Python.program("python"),
            Self::Rust => Missing::unless_file(peers_folder().join("rs/bin/wormhole-rs")),
            Self::Go => Missing::unless_installed("wormhole-william"),
        }
    }
}

impl From<Maker> for Peer {
    fn from(maker: Maker) -> Self {
        match maker {
            Maker::Ours => Self::Ours,
            Maker::Python => Self::Python,
        }
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ours => "ours",
            Self::Python => "python",
            Self::Rust => "rust",
            Self::Go => "go",
        })
    }
}

/// Tells why a peer's program cannot take part.
#[derive(Clone, Debug)]
pub struct Missing(String);

impl Missing {
    fn unless_file(path: PathBuf) -> Result<PathBuf, Self> {
        if path.is_file() {
            return Ok(path);
        }
        let reason = format!("peer {} is not installed: run tests/run", path.display());
        assert!(env::var("CI").as_deref() != Ok("true"), "{reason}");
        Err(Self(reason))
    }

    /// Says that this machine does not allow what a test needs, whoever installs what.
    pub(crate) fn because(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }

    /// Finds a program of the system, also where only its administrator looks.
    ///
    /// # Errors
    ///
    /// [`Missing`] when it is not installed.
    ///
    /// # Panics
    ///
    /// When it is missing with `CI=true`, although `tests/peers/install-debian` could have installed it.
    pub fn unless_installed(name: &str) -> Result<PathBuf, Self> {
        Self::unless_one_installed(&[name])
    }

    /// Finds a program of the system that has several names, likewise.
    ///
    /// # Errors
    ///
    /// As [`unless_installed`](Self::unless_installed).
    ///
    /// # Panics
    ///
    /// As [`unless_installed`](Self::unless_installed).
    pub fn unless_one_installed(names: &[&str]) -> Result<PathBuf, Self> {
        let path = env::var_os("PATH").unwrap_or_default();
        let system = ["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from);
        let folders = env::split_paths(&path).chain(system);
        let mut programs =
            folders.flat_map(|folder| names.iter().map(move |name| folder.join(name)));
        if let Some(program) = programs.find(|at| at.is_file()) {
            return Ok(program);
        }
        let reason = format!("{} is not installed", names.join(" or "));
        assert!(env::var("CI").as_deref() != Ok("true") || !can_install(), "{reason}");
        Err(Self(reason))
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Makes a test that is skipped, and says why, where a peer's program is missing.
pub fn trial(name: &str, test: impl FnOnce() -> Result<(), Missing> + Send + 'static) -> Trial {
    Trial::ignorable_test(name, move || match test() {
        Ok(()) => Ok(Completion::Completed),
        Err(missing) => Ok(Completion::ignored_with(missing.to_string())),
    })
}

/// Tells whether packages of Debian can be installed: by root, where there is apt-get.
fn can_install() -> bool {
    let root = fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0);
    root && Path::new("/usr/bin/apt-get").is_file()
}

/// Returns the path of a script of ours that runs Python's client.
pub fn peer_script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("peers").join(name)
}

/// The folder of the built programs: the test runs from `deps` inside it.
fn build_folder() -> PathBuf {
    let test = env::current_exe().expect("the running test has a path");
    let folder = test.parent().and_then(Path::parent);
    folder.expect("cargo puts tests into TARGET/PROFILE/deps").to_owned()
}

/// `WORMHOLE_PEERS`, or `peers` in the target folder.
fn peers_folder() -> PathBuf {
    env::var_os("WORMHOLE_PEERS").map_or_else(|| build_folder().with_file_name("peers"), Into::into)
}
