//! What a test needs and this machine does not have.

use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::{env, fmt, fs, thread};

use libtest_mimic::{Completion, Trial};

/// Tells why a peer's program cannot take part.
#[derive(Clone, Debug)]
pub struct Missing(String);

impl Missing {
    pub(crate) fn unless_file(path: PathBuf) -> Result<PathBuf, Self> {
        if path.is_file() {
            return Ok(path);
        }
        let reason = format!("peer {} is not installed: run tests/run", path.display());
        assert!(env::var("CI").as_deref() != Ok("true"), "{reason}");
        Err(Self(reason))
    }

    /// Says that this machine does not allow what a test needs, whoever installs what.
    pub fn because(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }

    /// Says that the running test is skipped, and why, past the harness, which hides what a passing
    /// test prints.
    pub fn skip(&self) {
        let test = thread::current().name().unwrap_or("a test").to_owned();
        // Where nobody can be told, the test is skipped all the same.
        let _ = writeln!(io::stderr(), "{test} skipped: {self}");
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

/// Returns what was found; what is missing is a reason to skip the running test, which is said.
pub fn unless_missing<T>(found: Result<T, Missing>) -> Option<T> {
    found.inspect_err(Missing::skip).ok()
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
