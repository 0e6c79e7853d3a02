//! Files that are written completely or not at all.

use std::{
    fs,
    io::{self, Write},
    path::Path,
};

use tempfile::NamedTempFile;

/// Writes a file, completely or not at all; only its owner may read it.
///
/// What is no regular file, such as a pipe, is written into as it is.
///
/// # Errors
/// The file cannot be made or written.
pub fn write_file(path: &Path, contents: &[u8]) -> io::Result<()> {
    if is_special(path) {
        return fs::write(path, contents);
    }
    let mut file = beside(path)?;
    file.write_all(contents)?;
    file.persist(path)?;
    Ok(())
}

/// Tells beforehand whether [`write_file`] can make a file there.
///
/// # Errors
/// The folder is missing or cannot be written, or the path is a folder's.
pub fn check_file(path: &Path) -> io::Result<()> {
    match fs::metadata(path) {
        Ok(there) if there.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
        _ if is_special(path) => Ok(()),
        _ => beside(path).map(drop),
    }
}

fn is_special(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|there| !there.is_file())
}

/// Makes a file in the same folder.
fn beside(path: &Path) -> io::Result<NamedTempFile> {
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    // The error would name a file that nobody has asked for.
    NamedTempFile::new_in(folder).map_err(|error| error.kind().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_written_is_known_beforehand() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("page.html");
        check_file(&file).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        write_file(&file, b"one").unwrap();
        check_file(&file).unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"one");
        assert_eq!(check_file(folder.path()).unwrap_err().kind(), io::ErrorKind::IsADirectory);
        let nowhere = check_file(&folder.path().join("no/page.html")).unwrap_err();
        assert_eq!(nowhere.to_string(), io::ErrorKind::NotFound.to_string());
    }
}
