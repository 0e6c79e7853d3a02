//! What can be known of a place before anything is offered.

use std::{
    fs,
    io::{self, ErrorKind},
    path::Path,
};

use super::TargetError;

/// Finds out whether something offered could be put at this output: a folder to put it in, a file
/// to overwrite, or a new name in a folder. It blocks as long as the file system does.
///
/// Most that can go wrong later shows here, before a code is used up for it;
/// [`Target::plan`](super::Target::plan) judges in the end.
///
/// # Errors
/// [`TargetError::NotAFile`] for a device, a pipe or a socket; [`TargetError::Io`] where the folder
/// is missing or cannot be written.
pub fn check_output(output: &Path) -> Result<(), TargetError> {
    let failed = |path: &Path, source| TargetError::Io { path: path.to_owned(), source };
    let folder = match fs::metadata(output) {
        Ok(about) if about.is_dir() => output,
        Ok(about) if about.is_file() => around(output),
        Ok(_) => return Err(TargetError::NotAFile(output.to_owned())),
        Err(error) if error.kind() == ErrorKind::NotFound => around(output),
        Err(error) => return Err(failed(output, error)),
    };
    let about = fs::metadata(folder).map_err(|error| failed(folder, error))?;
    if !about.is_dir() {
        return Err(failed(folder, ErrorKind::NotADirectory.into()));
    }
    writable(folder).map_err(|error| failed(folder, error))
}

/// The folder in which a path lies.
fn around(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(unix)]
fn writable(folder: &Path) -> io::Result<()> {
    use rustix::fs::{Access, AtFlags, CWD, accessat};
    Ok(accessat(CWD, folder, Access::WRITE_OK | Access::EXEC_OK, AtFlags::EACCESS)?)
}

#[cfg(not(unix))]
fn writable(folder: &Path) -> io::Result<()> {
    tempfile::tempfile_in(folder).map(drop)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn folders_files_and_new_names_are_told_apart() {
        let scene = tempfile::tempdir().unwrap();
        let at = |name: &str| scene.path().join(name);
        fs::create_dir(at("folder")).unwrap();
        fs::write(at("file"), b"").unwrap();
        for good in ["folder", "folder/", "file", "new", "new/", "folder/new"] {
            assert!(check_output(&at(good)).is_ok(), "{good}");
        }
        for bad in ["nowhere/new", "file/new", "nowhere/folder/"] {
            assert!(matches!(check_output(&at(bad)), Err(TargetError::Io { .. })), "{bad}");
        }
        assert!(check_output(Path::new("new")).is_ok());
    }

    #[cfg(unix)]
    #[test]
    fn what_cannot_be_written_is_refused() {
        let null = Path::new("/dev/null");
        assert!(matches!(check_output(null), Err(TargetError::NotAFile(_))));
        // Nobody can write there, root neither.
        if Path::new("/proc/1").exists() {
            assert!(matches!(check_output(Path::new("/proc/1/new")), Err(TargetError::Io { .. })));
        }
    }
}
