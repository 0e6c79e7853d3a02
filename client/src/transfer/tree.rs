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
    native::{self, FileId, FolderId},
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
    sizes: Sizes,
    totals: Totals,
    skipped: Vec<Unsendable>,
    collision: Option<String>,
    /// The entries could not be written down.
    broken: Option<io::Error>,
}

/// How many files were found, of how many bytes, and in how many folders with names.
#[derive(Default)]
pub(super) struct Totals {
    pub(super) files: u64,
    pub(super) bytes: u64,
    pub(super) folders: u64,
}

/// The lengths of the archive for every program, and for those that may be told of all folders.
#[derive(Default)]
struct Sizes {
    plain: ArchiveSize,
    with_folders: ArchiveSize,
}

/// All that was found.
pub(super) struct Found {
    pub(super) entries: Listing,
    pub(super) zipsize: u64,
    /// The same with entries for all folders.
    pub(super) zipsize_with_folders: u64,
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
            sizes: Sizes::default(),
            totals: Totals::default(),
            skipped: Vec::new(),
            collision: None,
            broken: None,
        }
    }

    /// Adds all below a folder, whose path is resolved already, and itself. Where nothing below it
    /// can be sent, it is sent as an empty one, unless it has no name in the archive.
    pub(super) fn folder(&mut self, name: String, place: PathBuf) -> Result<(), Unsendable> {
        let mut walk = Walk::begin(self, name, place);
        walk.enter().map_err(|reason| reason.at(&walk.place))?;
        walk.down()?;
        while let Some(link) = walk.links.pop_front() {
            walk.link(link)?;
        }
        walk.leave_hollow().map_err(|reason| reason.at(&walk.place))
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
        let Self { entries, sizes, totals, skipped, collision, broken, .. } = self;
        match broken {
            Some(error) => Err(error),
            None => Ok(Found {
                entries: entries.finish()?,
                zipsize: sizes.plain.total(),
                zipsize_with_folders: sizes.with_folders.total(),
                totals,
                skipped,
                collision,
            }),
        }
    }

    /// Adds a folder after what it holds; one without a name holds everything.
    fn add_folder(
        &mut self,
        name: &str,
        place: &Path,
        is_empty: bool,
        about: &Metadata,
    ) -> Result<(), Reason> {
        if name.is_empty() {
            return self.add("./", place, Content::Folder, about);
        }
        let content = if is_empty { Content::EmptyFolder } else { Content::Folder };
        self.add(&format!("{name}/"), place, content, about)?;
        self.totals.folders += 1;
        Ok(())
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
        let (id, mode) = (FileId::of(about), native::mode(about));
        let (name, place) = (name.to_owned(), place.to_owned());
        let entry = Entry { name, place, content, id, mode, modified };
        self.sizes.with_folders.add(&entry);
        if content != Content::Folder {
            self.sizes.plain.add(&entry);
        }
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
    /// Links to folders wait until no folder of the tree itself is left.
    links: VecDeque<Spot>,
    /// Folders in which nothing was found but such links.
    hollow: Vec<(Spot, Metadata)>,
    /// The names of folders above what such links lead to.
    filled: HashSet<String>,
}

/// A place and its name in the archive.
struct Spot {
    place: PathBuf,
    name: String,
}

struct Level {
    names: Names,
    /// The length of the folder's own name in the archive.
    name_len: usize,
    about: Metadata,
    /// How many entries and waiting links there were before those below it.
    entries: u64,
    links: u64,
}

impl<'a> Walk<'a> {
    fn begin(tree: &'a mut Tree, name: String, place: PathBuf) -> Self {
        Self {
            tree,
            seen: HashSet::new(),
            levels: Vec::new(),
            place,
            name,
            links: VecDeque::new(),
            hollow: Vec::new(),
            filled: HashSet::new(),
        }
    }

    /// Goes through all below the folder that was entered, if one was.
    fn down(&mut self) -> Result<(), Unsendable> {
        while let Some(level) = self.levels.last_mut() {
            let Some((own, kind)) = level.names.next() else {
                if let Err(reason) = self.leave() {
                    self.refuse(reason)?;
                }
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
            self.links.push_back(Spot { place: self.place.clone(), name: self.name.clone() });
        } else {
            self.tree.file(&self.name, &self.place, &about)?;
        }
        Ok(false)
    }

    /// Enters the folder that the walk stands at, unless it was entered before.
    fn enter(&mut self) -> Result<bool, Reason> {
        let about = fs::metadata(&self.place)?;
        let id = FolderId::of(&self.place, &about)?;
        if self.seen.contains(&id) {
            return Err(Reason::SentElsewhere);
        }
        let names = Names::of(&self.place)?;
        if let Some(collision) = names.collision() {
            let above = if self.name.is_empty() { "" } else { "/" };
            self.tree.collides(&format!("{}{above}{collision}", self.name));
        }
        self.seen.insert(id);
        let (entries, links) = (self.tree.entries.count(), self.links.len() as u64);
        self.levels.push(Level { names, name_len: self.name.len(), about, entries, links });
        Ok(true)
    }

    /// Adds the folder that the walk has been through, behind all that is below it.
    fn leave(&mut self) -> Result<(), Reason> {
        let Some(level) = self.levels.pop() else { return Ok(()) };
        let is_empty = self.tree.entries.count() == level.entries;
        if is_empty && self.links.len() as u64 > level.links {
            let (place, name) = (self.place.clone(), self.name.clone());
            self.hollow.push((Spot { place, name }, level.about));
            return Ok(());
        }
        self.tree.add_folder(&self.name, &self.place, is_empty, &level.about)
    }

    /// Goes through the folder that a link leads to.
    fn link(&mut self, link: Spot) -> Result<(), Unsendable> {
        let before = self.tree.entries.count();
        (self.place, self.name) = (link.place, link.name.clone());
        if let Err(reason) = self.enter() {
            self.refuse(reason)?;
        }
        self.down()?;
        if self.tree.entries.count() > before {
            self.fill_above(&link.name);
        }
        Ok(())
    }

    /// Adds the folders in which there were only links, now that it is known what they lead to.
    fn leave_hollow(&mut self) -> Result<(), Reason> {
        let hollow = std::mem::take(&mut self.hollow);
        hollow.iter().for_each(|(spot, _)| self.fill_above(&spot.name));
        for (Spot { place, name }, about) in hollow {
            let is_empty = !self.filled.contains(&name);
            self.tree.add_folder(&name, &place, is_empty, &about)?;
        }
        Ok(())
    }

    /// Notes that the folders above something are not empty.
    fn fill_above(&mut self, name: &str) {
        let mut folder = name;
        while let Some((above, _)) = folder.rsplit_once('/')
            && self.filled.insert(above.to_owned())
        {
            folder = above;
        }
    }

    fn refuse(&mut self, reason: Reason) -> Result<(), Unsendable> {
        let is_wrong = !matches!(reason, Reason::SentElsewhere);
        let unsendable = reason.at(&self.place);
        if is_wrong && self.tree.rules.unsendable == WhenUnsendable::Refuse {
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
