//! [`Dir`] by the calls of Unix that take an open folder and a name in it.

use std::{
    ffi::OsStr,
    fs::File,
    io,
    os::fd::{AsRawFd, OwnedFd},
    path::Path,
};

use rustix::{
    fs::{self, Access, AtFlags, FileType, Mode, OFlags, RawMode},
    io::Errno,
};

use super::Found;

/// An open folder.
#[derive(Debug)]
pub(in crate::transfer) struct Dir(OwnedFd);

/// A folder opened by one component, which must not be a link.
const BELOW: OFlags =
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
const OLD_FILE: OFlags =
    OFlags::RDWR.union(OFlags::NONBLOCK).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
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

    /// Opens an ordinary file in it, for reading and writing.
    pub(in crate::transfer) fn open_file(&self, name: impl AsRef<OsStr>) -> io::Result<File> {
        // Whatever else it is does not block.
        let file = File::from(fs::openat(&self.0, name.as_ref(), OLD_FILE, Mode::empty())?);
        if !file.metadata()?.is_file() {
            return Err(io::Error::other("it is no ordinary file"));
        }
        Ok(file)
    }

    /// Makes a file in it without a name, for reading and writing, to which [`Self::link_new`] can
    /// give one; `None` where the system or its disk has no such files.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub(in crate::transfer) fn make_unnamed(&self, mode: u32) -> io::Result<Option<File>> {
        let flags = OFlags::RDWR | OFlags::TMPFILE | OFlags::CLOEXEC;
        let file = match fs::openat(&self.0, ".", flags, raw(mode)) {
            // What disks without them say, and old kernels.
            Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::NOENT | Errno::INVAL | Errno::NOSYS) => {
                return Ok(None);
            }
            made => File::from(made?),
        };
        // Without /proc it would never get a name.
        let by_path = fs::statat(fs::CWD, descriptor(&file), AtFlags::empty());
        let own = fs::fstat(&file)?;
        Ok(by_path.is_ok_and(|found| is_same(&found, &own)).then_some(file))
    }

    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    pub(in crate::transfer) fn make_unnamed(&self, _mode: u32) -> io::Result<Option<File>> {
        Ok(None)
    }

    /// Gives a file of [`Self::make_unnamed`] a name in it, which nothing may have.
    pub(in crate::transfer) fn link_new(
        &self,
        file: &File,
        name: impl AsRef<OsStr>,
    ) -> io::Result<()> {
        let follow = AtFlags::SYMLINK_FOLLOW;
        Ok(fs::linkat(fs::CWD, descriptor(file), &self.0, name.as_ref(), follow)?)
    }

    /// Tells whether what lies under a name in it is this very file.
    pub(in crate::transfer) fn holds(
        &self,
        name: impl AsRef<OsStr>,
        file: &File,
    ) -> io::Result<bool> {
        self.holds_what(name.as_ref(), &fs::fstat(file)?)
    }

    /// The same for a folder.
    pub(in crate::transfer) fn holds_folder(
        &self,
        name: impl AsRef<OsStr>,
        folder: &Self,
    ) -> io::Result<bool> {
        self.holds_what(name.as_ref(), &fs::fstat(&folder.0)?)
    }

    fn holds_what(&self, name: &OsStr, wanted: &fs::Stat) -> io::Result<bool> {
        match fs::statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(found) => Ok(is_same(&found, wanted)),
            Err(Errno::NOENT) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Returns what tells it from all others on its disk, where it belongs to this user.
    pub(in crate::transfer) fn own_number(&self) -> io::Result<Option<u64>> {
        let own = fs::fstat(&self.0)?;
        Ok((own.st_uid == rustix::process::geteuid().as_raw()).then_some(own.st_ino))
    }

    /// Lists the names in it that begin so, as far as they are text.
    pub(in crate::transfer) fn names(&self, beginning: &str) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::Dir::read_from(&self.0)? {
            let entry = entry?;
            let name = entry.file_name().to_str().unwrap_or_default();
            if name.starts_with(beginning) {
                names.push(name.to_owned());
            }
        }
        Ok(names)
    }

    /// Returns the permissions of what lies under a name in it, through links.
    #[allow(clippy::useless_conversion, reason = "the type is shorter on some systems")]
    pub(in crate::transfer) fn mode_of(&self, name: impl AsRef<OsStr>) -> Option<u32> {
        let found = fs::statat(&self.0, name.as_ref(), AtFlags::empty()).ok()?;
        Some(u32::from(found.st_mode) & 0o777)
    }

    /// Gives a file the permissions of what lies under a name in it, through links; and its owner
    /// and group, as far as this user may. A group that is not the same is allowed no more than
    /// everybody.
    #[allow(clippy::useless_conversion, reason = "the type is shorter on some systems")]
    pub(in crate::transfer) fn liken(
        &self,
        file: &File,
        name: impl AsRef<OsStr>,
    ) -> io::Result<()> {
        let Ok(old) = fs::statat(&self.0, name.as_ref(), AtFlags::empty()) else { return Ok(()) };
        let (user, group) = (fs::Uid::from_raw(old.st_uid), fs::Gid::from_raw(old.st_gid));
        let new = fs::fstat(file)?;
        let mut mode = u32::from(old.st_mode) & 0o777;
        if (new.st_uid, new.st_gid) != (old.st_uid, old.st_gid)
            && fs::fchown(file, Some(user), Some(group)).is_err()
            && fs::fchown(file, None, Some(group)).is_err()
        {
            mode &= 0o707 | (mode & 0o007) << 3;
        }
        Ok(fs::fchmod(file, raw(mode))?)
    }

    /// Fails where this user may make nothing in it.
    pub(in crate::transfer) fn check_writable(&self) -> io::Result<()> {
        let access = Access::WRITE_OK | Access::EXEC_OK;
        Ok(fs::accessat(&self.0, ".", access, AtFlags::EACCESS)?)
    }

    /// Tells whether names that differ only in case, or in how a letter is encoded, are one in it.
    /// For a moment there is a file in it.
    pub(in crate::transfer) fn folds_names(&self) -> io::Result<bool> {
        for (own, others) in [("k", &["K"][..]), ("\u{e4}", &["\u{c4}", "a\u{308}"])] {
            match self.make_file(own, 0o600) {
                // A disk that cannot even write such a letter does not fold it.
                Err(_) if !own.is_ascii() => continue,
                made => drop(made?),
            }
            let folded =
                others.iter().any(|other| !matches!(self.found(other), Ok(Found::Nothing)));
            self.remove_file(own)?;
            if folded {
                return Ok(true);
            }
        }
        Ok(false)
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
        folder.remove_content()?;
        self.remove_folder(name)
    }

    /// Removes all that it holds.
    pub(in crate::transfer) fn remove_content(&self) -> io::Result<()> {
        // Only who may write into a folder can remove what is in it.
        fs::fchmod(&self.0, raw(0o700))?;
        for entry in fs::Dir::read_from(&self.0)? {
            let entry = entry?;
            let inside = entry.file_name();
            match inside.to_bytes() {
                b"." | b".." => continue,
                _ => {}
            }
            match fs::unlinkat(&self.0, inside, AtFlags::empty()) {
                // What Linux says of a folder, and what POSIX says.
                Err(Errno::ISDIR | Errno::PERM) => self.remove_all(os_str(inside))?,
                removed => removed?,
            }
        }
        Ok(())
    }

    /// Removes an empty folder in it.
    pub(in crate::transfer) fn remove_folder(&self, name: impl AsRef<OsStr>) -> io::Result<()> {
        Ok(fs::unlinkat(&self.0, name.as_ref(), AtFlags::REMOVEDIR)?)
    }

    /// Returns its permissions.
    #[allow(clippy::useless_conversion, reason = "the type is shorter on some systems")]
    pub(in crate::transfer) fn mode(&self) -> io::Result<u32> {
        // Sixteen bits on some systems.
        #[allow(clippy::useless_conversion)]
        Ok(u32::from(fs::fstat(&self.0)?.st_mode) & 0o777)
    }

    /// Sets its permissions, whatever the umask is.
    pub(in crate::transfer) fn set_mode(&self, mode: u32) -> io::Result<()> {
        Ok(fs::fchmod(&self.0, raw(mode))?)
    }

    /// Returns the bytes that an ordinary user may still write on its disk; `None` where that does
    /// not know, as one in memory without a limit.
    pub(in crate::transfer) fn free_space(&self) -> io::Result<Option<u64>> {
        let disk = fs::fstatvfs(&self.0)?;
        let knows = disk.f_blocks > 0;
        Ok(knows.then_some(disk.f_bavail.saturating_mul(disk.f_frsize)))
    }
}

fn is_same(one: &fs::Stat, other: &fs::Stat) -> bool {
    (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino)
}

/// The path that leads to an open file, whatever its name is.
fn descriptor(file: &File) -> String {
    format!("/proc/self/fd/{}", file.as_raw_fd())
}

/// Returns how large a file of this program may become, in bytes, where that is limited
/// (`ulimit -f`).
pub(in crate::transfer) fn largest_file() -> Option<u64> {
    rustix::process::getrlimit(rustix::process::Resource::Fsize).current
}

/// Permissions without setuid, setgid and sticky bits.
fn raw(mode: u32) -> Mode {
    Mode::from_raw_mode((mode & 0o777) as RawMode)
}

fn os_str(name: &std::ffi::CStr) -> &OsStr {
    std::os::unix::ffi::OsStrExt::from_bytes(name.to_bytes())
}
