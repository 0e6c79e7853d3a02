//! Whose program is meant, and where it lies.

use std::path::{Path, PathBuf};
use std::{env, fmt};

use crate::Missing;

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
