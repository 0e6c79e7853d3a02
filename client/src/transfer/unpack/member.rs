//! One entry of a received archive, as far as it can be believed.

use rawzip::ZipFileHeaderRecord;

use super::{UnpackError, is_readable};
use crate::transfer::{escape, name::reserved_on_windows};

/// The longest path taken, in bytes; systems refuse longer ones.
const LONGEST: usize = 4096;
/// The bits of the Unix mode which tell the type, and the type of a symbolic link.
const TYPE: u32 = 0o170_000;
const LINK: u32 = 0o120_000;

/// An entry whose path lies strictly inside the folder.
pub(super) struct Member {
    /// Components joined by `/`, none of them empty, `.` or `..`; empty for the folder itself.
    pub(super) path: String,
    pub(super) kind: Kind,
    /// Read, write and execute bits, `None` where the archive has none.
    pub(super) mode: Option<u32>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Folder,
    /// With its claimed size in bytes.
    File(u64),
}

impl Member {
    /// Reads a record of the central directory.
    pub(super) fn of(record: &ZipFileHeaderRecord<'_>) -> Result<Self, UnpackError> {
        let file_path = record.file_path();
        let raw = file_path.as_bytes();
        let shown = || escape(&String::from_utf8_lossy(raw));
        let is_folder = raw.ends_with(b"/");
        let path = inside(raw).filter(|path| is_folder || !path.is_empty());
        let path = path.ok_or_else(|| UnpackError::Unsafe { shown: shown() })?;
        let mode = record.external_attributes() >> 16;
        if mode & TYPE == LINK {
            return Err(UnpackError::Link { shown: shown() });
        }
        if !is_folder && !is_readable(record) {
            return Err(UnpackError::Method { shown: shown() });
        }
        let size = record.uncompressed_size_hint();
        let kind = if is_folder { Kind::Folder } else { Kind::File(size) };
        Ok(Self { path, kind, mode: Some(mode & 0o777).filter(|mode| *mode != 0) })
    }
}

/// Returns a path without its empty and `.` components, unless it leads outside.
fn inside(raw: &[u8]) -> Option<String> {
    let path = std::str::from_utf8(raw).ok()?;
    let refused = path.is_empty() || path.starts_with('/') || path.contains('\0');
    if refused || path.len() > LONGEST {
        return None;
    }
    let mut components = Vec::new();
    for component in path.split('/') {
        match component {
            "" | "." => {}
            ".." => return None,
            name if cfg!(windows) && reserved_on_windows(name) => return None,
            name => components.push(name),
        }
    }
    Some(components.join("/"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::path::{Component, Path};

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn paths_stay_inside() {
        assert_eq!(inside(b"a//./b/").unwrap(), "a/b");
        assert_eq!(inside(b"./").unwrap(), "");
        let hostile: [&[u8]; 7] = [b"", b"/a", b"../a", b"a/../b", b"a/..", b"a\0", b"\xff"];
        for raw in hostile {
            assert_eq!(inside(raw), None, "{raw:?}");
        }
        assert_eq!(inside(&[b'a'; LONGEST + 1]), None);
    }

    proptest! {
        #[test]
        fn whatever_passes_has_only_normal_components(raw in "[ab./\\\\\0]{0,12}") {
            if let Some(path) = inside(raw.as_bytes()) {
                let normal = |c| matches!(c, Component::Normal(_));
                prop_assert!(Path::new(&path).components().all(normal));
                prop_assert_eq!(path.is_empty(), raw.split('/').all(|c| c.is_empty() || c == "."));
            }
        }
    }
}
