//! [`Dir`] by the calls of Unix that take an open folder and a name in it.

use std::{ffi::OsStr, fs::File, io, os::fd::OwnedFd, path::Path};

use rustix::{
    fs::{self, AtFlags, FileType, Mode, OFlags, RawMode},
    io::Errno,
};

use super::Found;

/// An open folder.
#[derive(Debug)]
pub(in crate::transfer) struct Dir(OwnedFd);

/// A folder opened by one component, which must not be a link.
const BELOW: OFlags =
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
const NEW_FILE: OFlags = OFlags::RDWR
    .union(OFlags::CREATE)
    .union(OFlags::EXCL)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

impl Dir {
    /// Opens the folder at a path of this machine, through links.
    pub(in crate::transfer) fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Self(fs::open(path, flags, Mode::empty())?))
    }

    /// Opens a folder in it.
    pub(in crate::transfer) fn open_below(&self, name: impl AsRef<OsStr>) -> io::Result<Self> {
        Ok(Self(fs::openat(&self.0, name.as_ref(), BELOW, Mode::empty())?))
    }

    /// Makes a folder in it, of these permissions as far as the umask allows them.
    ///
    /// Where somebody else swaps it before it is opened, that is an error.
    pub(in crate::transfer) fn make(&self, name: impl AsRef<OsStr>, mode: u32) -> io::Result<Self> {
        let name = name.as_ref();
        fs::mkdirat(&self.0, name, raw(mode))?;
        let made = self.open_below(name)?;
        if fs::fstat(&made.0)?.st_uid != rustix::process::geteuid().as_raw() {
            return Err(io::Error::other("somebody replaced a new folder"));
        }
        Ok(made)
    }

    /// Makes a file in it, for reading and writing.
    pub(in crate::transfer) fn make_file(
        &self,
        name: impl AsRef<OsStr>,
        mode: u32,
    ) -> io::Result<File> {
        Ok(File::from(fs::openat(&self.0, name.as_ref(), NEW_FILE, raw(mode))?))
    }

    /// Tells what lies under a name in it.
    pub(in crate::transfer) fn found(&self, name: impl AsRef<OsStr>) -> io::Result<Found> {
        let name = name.as_ref();
        match fs::statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(_) => {}
            Err(Errno::NOENT) => return Ok(Found::Nothing),
            Err(error) => return Err(error.into()),
        }
        let is_other = |stat: fs::Stat| !FileType::from_raw_mode(stat.st_mode).is_file();
        let other = fs::statat(&self.0, name, AtFlags::empty()).is_ok_and(is_other);
        Ok(if other { Found::Other } else { Found::File })
    }

    /// Renames something in it into a folder, where nothing may have that name.
    pub(in crate::transfer) fn rename_new(
        &self,
        from: impl AsRef<OsStr>,
        to: &Self,
        name: impl AsRef<OsStr>,
    ) -> io::Result<()> {
        let (from, name) = (from.as_ref(), name.as_ref());
        match self.rename_exclusively(from, to, name) {
            Err(error) if error.kind() == io::ErrorKind::Unsupported => {}
            renamed => return renamed,
        }
        // What is made now is surely ours, and a rename replaces it at once.
        let is_folder = self.open_below(from).is_ok();
        if is_folder {
            fs::mkdirat(&to.0, name, raw(0o700))?;
        } else {
            drop(to.make_file(name, 0o600)?);
        }
        self.rename_over(from, to, name).inspect_err(|_| {
            let flags = if is_folder { AtFlags::REMOVEDIR } else { AtFlags::empty() };
            let _ = fs::unlinkat(&to.0, name, flags);
        })
    }

    /// Renames something in it into a folder, in place of what has that name there.
    pub(in crate::transfer) fn rename_over(
        &self,
        from: impl AsRef<OsStr>,
        to: &Self,
        name: impl AsRef<OsStr>,
    ) -> io::Result<()> {
        Ok(fs::renameat(&self.0, from.as_ref(), &to.0, name.as_ref())?)
    }

    #[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
    fn rename_exclusively(&self, from: &OsStr, to: &Self, name: &OsStr) -> io::Result<()> {
        match fs::renameat_with(&self.0, from, &to.0, name, fs::RenameFlags::NOREPLACE) {
            // What kernels and file systems without the flag say.
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {
                Err(io::ErrorKind::Unsupported.into())
            }
            renamed => Ok(renamed?),
        }
    }

    #[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
    fn rename_exclusively(&self, _from: &OsStr, _to: &Self, _name: &OsStr) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Removes a file in it.
    pub(in crate::transfer) fn remove_file(&self, name: impl AsRef<OsStr>) -> io::Result<()> {
        Ok(fs::unlinkat(&self.0, name.as_ref(), AtFlags::empty())?)
    }

    /// Removes a folder in it with all that it holds.
    pub(in crate::transfer) fn remove_all(&self, name: impl AsRef<OsStr>) -> io::Result<()> {
        let name = name.as_ref();
        let folder = match self.open_below(name) {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                fs::chmodat(&self.0, name, raw(0o700), AtFlags::empty())?;
                self.open_below(name)?
            }
            opened => opened?,
        };
        // Only who may write into a folder can remove what is in it.
        fs::fchmod(&folder.0, raw(0o700))?;
        for entry in fs::Dir::read_from(&folder.0)? {
            let entry = entry?;
            let inside = entry.file_name();
            match inside.to_bytes() {
                b"." | b".." => continue,
                _ => {}
            }
            match fs::unlinkat(&folder.0, inside, AtFlags::empty()) {
                // What Linux says of a folder, and what POSIX says.
                Err(Errno::ISDIR | Errno::PERM) => folder.remove_all(os_str(inside))?,
                removed => removed?,
            }
        }
        Ok(fs::unlinkat(&self.0, name, AtFlags::REMOVEDIR)?)
    }

    /// Returns its permissions.
    pub(in crate::transfer) fn mode(&self) -> io::Result<u32> {
        // Sixteen bits on some systems.
        #[allow(clippy::useless_conversion)]
        Ok(u32::from(fs::fstat(&self.0)?.st_mode) & 0o777)
    }

    /// Sets its permissions, whatever the umask is.
    pub(in crate::transfer) fn set_mode(&self, mode: u32) -> io::Result<()> {
        Ok(fs::fchmod(&self.0, raw(mode))?)
    }

    /// Returns the bytes that an ordinary user may still write on its disk.
    pub(in crate::transfer) fn free_space(&self) -> io::Result<Option<u64>> {
        let disk = fs::fstatvfs(&self.0)?;
        Ok(Some(disk.f_bavail.saturating_mul(disk.f_frsize)))
    }
}

/// Permissions without setuid, setgid and sticky bits.
fn raw(mode: u32) -> Mode {
    Mode::from_raw_mode((mode & 0o777) as RawMode)
}

fn os_str(name: &std::ffi::CStr) -> &OsStr {
    std::os::unix::ffi::OsStrExt::from_bytes(name.to_bytes())
}
