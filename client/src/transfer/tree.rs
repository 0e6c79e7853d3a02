//! What is to be sent as one archive, walked and measured.

use std::{
    borrow::Cow,
    collections::{HashSet, VecDeque},
    ffi::OsStr,
    fs::{self, Metadata},
    io,
    path::{Path, PathBuf},
};

use super::{
    Reason, Rules, Symlinks, Unsendable, WhenUnsendable,
    listing::{Collecting, Content, Entry, Listing},
    names::{Kind, Names},
    native::{self, FolderId},
    zip::{ArchiveSize, DosTime},
};

/// The files and empty folders found so far.
///
/// Links are followed as the [`Rules`] say; each real folder of one tree is entered once, by its
/// own path rather than through a link where it has both, so loops end [file-transfer.md:
/// directory].
pub(super) struct Tree {
    rules: Rules,
    entries: Collecting,
    size: ArchiveSize,
    totals: Totals,
    skipped: Vec<Unsendable>,
    collision: Option<String>,
    /// The entries could not be written down.
    broken: Option<io::Error>,
}

/// How many files were found, and of how many bytes.
#[derive(Default)]
pub(super) struct Totals {
    pub(super) files: u64,
    pub(super) bytes: u64,
}

/// All that was found.
pub(super) struct Found {
    pub(super) entries: Listing,
    pub(super) zipsize: u64,
    pub(super) totals: Totals,
    pub(super) skipped: Vec<Unsendable>,
    /// What differs from something beside it only in case or in how a letter is encoded.
    pub(super) collision: Option<String>,
}

impl Tree {
    /// Begins with nothing. What lies below `root` by its own name takes the least memory.
    pub(super) fn new(root: PathBuf, rules: Rules) -> Self {
        Self {
            rules,
            entries: Collecting::below(root),
            size: ArchiveSize::default(),
            totals: Totals::default(),
            skipped: Vec::new(),
            collision: None,
            broken: None,
        }
    }

    /// Adds all below a folder, whose path is resolved already; itself too where it is empty and
    /// has a name in the archive.
    pub(super) fn folder(&mut self, name: String, place: PathBuf) -> Result<(), Unsendable> {
        let (seen, levels, links) = (HashSet::new(), Vec::new(), VecDeque::new());
        let mut walk = Walk { tree: self, seen, levels, place, name, links };
        walk.enter().map_err(|reason| reason.at(&walk.place))?;
        walk.down()?;
        while let Some(link) = walk.links.pop_front() {
            (walk.place, walk.name) = link;
            if let Err(reason) = walk.enter() {
                walk.refuse(reason)?;
            }
            walk.down()?;
        }
        Ok(())
    }

    /// Adds a file, if it is one that can be read.
    pub(super) fn file(
        &mut self,
        name: &str,
        place: &Path,
        about: &Metadata,
    ) -> Result<(), Reason> {
        let size = size_of(place, about)?;
        self.add(name, place, Content::File(size), about)?;
        self.totals.files += 1;
        self.totals.bytes += size;
        Ok(())
    }

    /// Notes that some disks take what is at this path for something else that is sent.
    pub(super) fn collides(&mut self, path: &str) {
        self.collision.get_or_insert_with(|| path.to_owned());
    }

    pub(super) fn finish(self) -> io::Result<Found> {
        let Self { entries, size, totals, skipped, collision, broken, .. } = self;
        if let Some(error) = broken {
            return Err(error);
        }
        let (entries, zipsize) = (entries.finish()?, size.total());
        Ok(Found { entries, zipsize, totals, skipped, collision })
    }

    fn add(
        &mut self,
        name: &str,
        place: &Path,
        content: Content,
        about: &Metadata,
    ) -> Result<(), Reason> {
        if name.len() > usize::from(u16::MAX) {
            return Err(Reason::TooLong);
        }
        let modified = about.modified().map_or(DosTime::EARLIEST, DosTime::of);
        let mode = native::mode(about);
        let (name, place) = (name.to_owned(), place.to_owned());
        let entry = Entry { name, place, content, mode, modified };
        self.size.add(&entry);
        if self.broken.is_none() {
            self.broken = self.entries.add(&entry).err();
        }
        Ok(())
    }
}

/// The way down from one folder. It holds the names in the folders above and nothing beside them.
struct Walk<'a> {
    tree: &'a mut Tree,
    /// The folders entered.
    seen: HashSet<FolderId>,
    /// The folders above, each with the rest of its names.
    levels: Vec<Level>,
    /// Where the walk stands, and what the archive calls it.
    place: PathBuf,
    name: String,
    /// Links to folders, with their names, wait until no folder of the tree itself is left.
    links: VecDeque<(PathBuf, String)>,
}

struct Level {
    names: Names,
    /// The length of the folder's own name in the archive.
    name_len: usize,
}

impl Walk<'_> {
    /// Goes through all below the folder that was entered, if one was.
    fn down(&mut self) -> Result<(), Unsendable> {
        while let Some(level) = self.levels.last_mut() {
            let Some((own, kind)) = level.names.next() else {
                self.levels.pop();
                self.up();
                continue;
            };
            self.place.push(&own);
            match self.child(&own, kind) {
                Ok(true) => continue,
                Ok(false) => {}
                Err(reason) => self.refuse(reason)?,
            }
            self.up();
        }
        Ok(())
    }

    fn up(&mut self) {
        self.place.pop();
        self.name.truncate(self.levels.last().map_or(0, |level| level.name_len));
    }

    /// Looks at what the walk stands at; whether it is a folder that was entered.
    fn child(&mut self, own: &OsStr, kind: Kind) -> Result<bool, Reason> {
        let own = self.tree.rules.non_utf8.name(own)?;
        if let (Cow::Owned(escaped), Some(level)) = (&own, self.levels.last())
            && level.names.contains(escaped)
        {
            return Err(Reason::EscapedTwice(escaped.clone()));
        }
        if !self.name.is_empty() {
            self.name.push('/');
        }
        self.name.push_str(&own);
        match kind {
            Kind::Folder => return self.enter(),
            Kind::Link if self.tree.rules.symlinks == Symlinks::Refuse => return Err(Reason::Link),
            Kind::Link | Kind::Other => {}
        }
        let about = fs::metadata(&self.place)?;
        if about.is_dir() {
            self.links.push_back((self.place.clone(), self.name.clone()));
        } else {
            self.tree.file(&self.name, &self.place, &about)?;
        }
        Ok(false)
    }

    /// Enters the folder that the walk stands at, unless it is empty or was entered before.
    fn enter(&mut self) -> Result<bool, Reason> {
        let about = fs::metadata(&self.place)?;
        if !self.seen.insert(FolderId::of(&self.place, &about)?) {
            return Ok(false);
        }
        let names = Names::of(&self.place)?;
        if let Some(collision) = names.collision() {
            let above = if self.name.is_empty() { "" } else { "/" };
            self.tree.collides(&format!("{}{above}{collision}", self.name));
        }
        if !names.is_empty() {
            self.levels.push(Level { names, name_len: self.name.len() });
            return Ok(true);
        }
        if !self.name.is_empty() {
            self.name.push('/');
            self.tree.add(&self.name, &self.place, Content::EmptyFolder, &about)?;
        }
        Ok(false)
    }

    fn refuse(&mut self, reason: Reason) -> Result<(), Unsendable> {
        let unsendable = reason.at(&self.place);
        if self.tree.rules.unsendable == WhenUnsendable::Refuse {
            return Err(unsendable);
        }
        self.tree.skipped.push(unsendable);
        Ok(())
    }
}

/// Returns the size of a regular file that may be read.
pub(super) fn size_of(path: &Path, metadata: &Metadata) -> Result<u64, Reason> {
    if !metadata.is_file() {
        return Err(Reason::Special);
    }
    native::check_readable(path)?;
    Ok(metadata.len())
}
