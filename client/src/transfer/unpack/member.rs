//! One member of a received archive, as far as it can be believed.

use std::borrow::Cow;

use super::UnpackError;
use crate::transfer::{escape, name::tamed};

/// The longest path taken, in bytes; systems refuse longer ones.
pub(super) const LONGEST: usize = 4096;
/// The deepest path taken, in components.
const DEEPEST: usize = 128;

/// A member whose path lies strictly inside the folder.
pub(super) struct Member {
    /// Components joined by `/`, none of them empty, `.` or `..`; empty for the folder itself.
    pub(super) path: String,
    pub(super) kind: Kind,
    /// Read, write and execute bits, `None` where the archive has none.
    pub(super) mode: Option<u32>,
    /// Whether something in its path had to be written out.
    pub(super) renamed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Folder,
    /// With its claimed size, and what it takes of the archive, in bytes.
    File {
        size: u64,
        packed: u64,
    },
}

impl Member {
    /// Checks the path of a member, and forgets all bits of its mode but the permissions.
    ///
    /// Each component becomes what a name from outside may be here.
    pub(super) fn of(raw: &[u8], kind: Kind, mode: Option<u32>) -> Result<Self, UnpackError> {
        let is_folder = kind == Kind::Folder;
        let inside = inside(raw).filter(|(path, _)| is_folder || !path.is_empty());
        let (path, renamed) = inside.ok_or_else(|| UnpackError::Unsafe { shown: shown(raw) })?;
        Ok(Self { path, kind, mode: mode.map(|mode| mode & 0o777), renamed })
    }

    /// Whether its mode locks out everybody, even who receives it: a file that its owner may not
    /// read, or a folder that its owner may not look into.
    pub(super) fn locks_out(&self) -> bool {
        let needed = if self.kind == Kind::Folder { 0o500 } else { 0o400 };
        self.mode.is_some_and(|mode| mode & needed != needed)
    }

    /// Its mode, or this one where it has none; whoever receives it may use it, and nobody else
    /// may who could not before.
    pub(super) fn mode_or(&self, usual: u32) -> u32 {
        let own = if self.kind == Kind::Folder { 0o700 } else { 0o600 };
        match self.mode {
            Some(mode) if self.locks_out() => mode | own,
            Some(mode) => mode,
            None => usual,
        }
    }
}

/// Shows a path that may not even be text.
pub(super) fn shown(raw: &[u8]) -> String {
    escape(&String::from_utf8_lossy(raw))
}

/// Returns a path without its empty and `.` components, and whether something in it was written
/// out; unless it leads outside.
fn inside(raw: &[u8]) -> Option<(String, bool)> {
    let refused = raw.is_empty() || raw.starts_with(b"/") || raw.len() > LONGEST;
    if refused {
        return None;
    }
    let mut inside = String::with_capacity(raw.len());
    let (mut depth, mut renamed) = (0, false);
    for component in raw.split(|byte| *byte == b'/') {
        if matches!(component, b"" | b".") {
            continue;
        }
        depth += 1;
        if depth > 1 {
            inside.push('/');
        }
        let name = tamed(component).ok()?;
        renamed |= matches!(name, Cow::Owned(_));
        inside.push_str(&name);
    }
    (depth <= DEEPEST).then_some((inside, renamed))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::path::{Component, Path};

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn paths_stay_inside() {
        assert_eq!(inside(b"a//./b/").unwrap(), ("a/b".to_owned(), false));
        assert_eq!(inside(b"./").unwrap(), (String::new(), false));
        assert_eq!(inside(b"a\x1b/\xff/b\\").unwrap(), ("a␛/%FF/b\\".to_owned(), true));
        let hostile: [&[u8]; 6] = [b"", b"/a", b"../a", b"a/../b", b"a/..", b"a\0"];
        for raw in hostile {
            assert_eq!(inside(raw), None, "{raw:?}");
        }
        assert_eq!(inside(&[b'a'; 256]), None);
        assert_eq!(inside("aa/".repeat(LONGEST).as_bytes()), None);
        assert!(inside("a/".repeat(DEEPEST).as_bytes()).is_some());
        assert_eq!(inside("a/".repeat(DEEPEST + 1).as_bytes()), None);
    }

    #[test]
    fn only_permissions_are_taken() {
        let mode = |mode| Member::of(b"a", Kind::Folder, mode).unwrap().mode;
        assert_eq!(mode(Some(0o107_755)), Some(0o755));
        assert_eq!(mode(Some(0o104_000)), Some(0));
        assert_eq!(mode(None), None);
    }

    #[test]
    fn a_mode_that_locks_out_its_owner_is_widened_for_the_owner_alone() {
        let file = Kind::File { size: 0, packed: 0 };
        for (kind, mode, becomes, locks_out) in [
            (file, Some(0), 0o600, true),
            (file, Some(0o244), 0o644, true),
            (file, Some(0o444), 0o444, false),
            (file, None, 0o666, false),
            (Kind::Folder, Some(0), 0o700, true),
            (Kind::Folder, Some(0o355), 0o755, true),
            (Kind::Folder, Some(0o655), 0o755, true),
            (Kind::Folder, Some(0o500), 0o500, false),
        ] {
            let member = Member { path: "a".to_owned(), kind, mode, renamed: false };
            assert_eq!(
                (member.mode_or(0o666), member.locks_out()),
                (becomes, locks_out),
                "{mode:?}"
            );
        }
    }

    proptest! {
        #[test]
        fn whatever_passes_has_only_normal_components(raw in "[ab./\\\\\0]{0,12}") {
            if let Some((path, _)) = inside(raw.as_bytes()) {
                let normal = |c| matches!(c, Component::Normal(_));
                prop_assert!(Path::new(&path).components().all(normal));
                prop_assert_eq!(path.is_empty(), raw.split('/').all(|c| c.is_empty() || c == "."));
            }
        }
    }
}
