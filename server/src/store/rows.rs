//! The rows of one app, as memory holds them, and the ways in which they change.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use wormhole_protocol::name::{AppId, MailboxId, Mood, Side};

use crate::{app::Seats, engine::StoredMessage};

/// All rows of one app but its messages.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Rows {
    /// By name; an old file may hold names that are no numbers.
    pub(crate) nameplates: BTreeMap<String, NameplateRow>,
    pub(crate) mailboxes: HashMap<MailboxId, MailboxRow>,
}

/// A nameplate in use.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct NameplateRow {
    pub(crate) mailbox: MailboxId,
    pub(crate) seats: Seats,
}

impl NameplateRow {
    pub(crate) fn new(mailbox: MailboxId) -> Self {
        Self { mailbox, seats: Seats::default() }
    }
}

/// A mailbox in use.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct MailboxRow {
    pub(crate) key: Key,
    /// Not always what the key says: in a file of the Python server's every key is plain.
    pub(crate) for_nameplate: bool,
    /// When it was last touched, in unix seconds.
    updated: f64,
    /// What the store has been told of that.
    stored: f64,
    pub(crate) seats: Seats,
    pub(crate) held: Held,
    /// The nameplates that lead here; more than one only in an old file.
    pub(crate) nameplates: Vec<String>,
}

impl MailboxRow {
    pub(crate) fn new(key: Key, updated: f64) -> Self {
        let (for_nameplate, nameplates) = (key.is_for_nameplate(), Vec::new());
        let (seats, held) = (Seats::default(), Held::default());
        Self { key, for_nameplate, updated, stored: updated, seats, held, nameplates }
    }

    /// When it was last touched, in unix seconds.
    pub(crate) fn updated(&self) -> f64 {
        self.updated
    }

    /// Notes that it is touched. The store is told now and then only: nothing is pruned soon after
    /// a start, so that a minute does not matter there.
    pub(crate) fn touch(&mut self, now: f64) -> Option<Change> {
        self.updated = now;
        if (now - self.stored).abs() < TOUCH_EVERY {
            return None;
        }
        self.stored = now;
        Some(Change::Touched { mailbox: self.key.clone(), updated: now })
    }
}

impl MailboxRow {
    /// Bytes that it takes with all that belongs to it, as the limits count them.
    pub(crate) fn room(&self, app: &AppId) -> u64 {
        let Held { messages, bytes } = self.held;
        let id = self.key.id();
        mailbox_room(app, id) + messages * message_room(app, id, 0) + bytes
    }
}

/// Bytes that a mailbox takes without its messages, by and large: its own row, those of its sides
/// and its nameplate, and what the indexes hold of them.
pub(crate) fn mailbox_room(app: &AppId, mailbox: &MailboxId) -> u64 {
    1_024 + 8 * names(app, mailbox)
}

/// Bytes that a message of so many takes, which is more: many empty ones fill a disk too.
pub(crate) fn message_room(app: &AppId, mailbox: &MailboxId, bytes: u64) -> u64 {
    128 + 2 * names(app, mailbox) + bytes
}

fn names(app: &AppId, mailbox: &MailboxId) -> u64 {
    (app.as_str().len() + mailbox.as_str().len()) as u64
}

/// Seconds.
const TOUCH_EVERY: f64 = 60.0;

/// How much a mailbox holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) messages: u64,
    pub(crate) bytes: u64,
}

impl Held {
    /// What it is with one more message.
    pub(crate) fn with(self, bytes: usize) -> Self {
        Self { messages: self.messages + 1, bytes: self.bytes + bytes as u64 }
    }
}

/// The text by which the tables know a mailbox, unique over all apps as the Python server's
/// tables demand. A client may invent an id that another app has, so that an invented one is
/// kept with its app behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    /// The id alone: it was made up here, at random.
    Plain(MailboxId),
    /// The id's length, the id and the app, with unit separators: so no two apps can have the same.
    Scoped(MailboxId),
}

const SEPARATOR: char = '\u{1f}';

impl Key {
    /// The key of a mailbox that was made for a nameplate.
    pub(crate) fn of_nameplate(mailbox: &MailboxId) -> Self {
        Self::Plain(mailbox.clone())
    }

    /// The key of a mailbox whose id came from a client.
    pub(crate) fn of_invented(mailbox: &MailboxId) -> Self {
        Self::Scoped(mailbox.clone())
    }

    /// Reads what the tables hold.
    pub(crate) fn parse(text: &str, app: &AppId) -> Self {
        let id = || {
            let (length, rest) = text.split_once(SEPARATOR)?;
            let (id, behind) = rest.split_at_checked(length.parse().ok()?)?;
            (behind.strip_prefix(SEPARATOR)? == app.as_str()).then(|| MailboxId::new(id))
        };
        id().map_or_else(|| Self::Plain(MailboxId::new(text)), Self::Scoped)
    }

    /// The id as clients know it.
    pub(crate) fn id(&self) -> &MailboxId {
        match self {
            Self::Plain(id) | Self::Scoped(id) => id,
        }
    }

    /// Writes what the tables hold.
    pub(crate) fn text(&self, app: &AppId) -> String {
        match self {
            Self::Plain(id) => id.to_string(),
            Self::Scoped(id) => {
                format!("{}{SEPARATOR}{id}{SEPARATOR}{app}", id.as_str().len())
            }
        }
    }

    /// Tells whether the mailbox was made for a nameplate.
    pub(crate) fn is_for_nameplate(&self) -> bool {
        matches!(self, Self::Plain(_))
    }
}

/// One change of the rows of one app.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Change {
    MailboxMade { mailbox: Key, updated: f64 },
    Touched { mailbox: Key, updated: f64 },
    Opened { mailbox: Key, side: Side, added: f64 },
    Reopened { mailbox: Key, side: Side },
    Closed { mailbox: Key, side: Side, mood: Option<Mood> },
    Added { mailbox: Key, message: Arc<StoredMessage> },
    MailboxGone { mailbox: Key },
    NameplateMade { name: String, mailbox: Key },
    Claimed { nameplate: String, side: Side, added: f64 },
    Released { nameplate: String, side: Side },
    NameplateGone { name: String },
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_store_hears_of_a_touch_once_a_minute() {
        let mut row = MailboxRow::new(Key::of_invented(&MailboxId::new("m")), 100.0);
        assert_eq!((row.touch(159.0), row.updated()), (None, 159.0));
        assert!(row.touch(160.0).is_some());
        assert_eq!(row.touch(161.0), None);
        assert!(row.touch(100.0).is_some(), "the clock was set back");
    }

    #[test]
    fn a_plain_key_is_read_back() {
        let app = AppId::new("one");
        let plain = Key::of_nameplate(&MailboxId::new("abc"));
        assert_eq!(Key::parse(&plain.text(&app), &app), plain);
    }

    proptest! {
        /// Also where ids and apps hold separators and digits.
        #[test]
        fn keys_of_two_mailboxes_differ_and_are_read_back(
            [id, other_id] in ["[1-3a\u{1f}]{0,5}", "[1-3a\u{1f}]{0,5}"],
            [app, other_app] in ["[1-3a\u{1f}]{0,5}", "[1-3a\u{1f}]{0,5}"],
        ) {
            let [app, other_app] = [app, other_app].map(AppId::new);
            let [key, other_key] = [id, other_id].map(|id| Key::of_invented(&MailboxId::new(id)));
            prop_assert_eq!(&Key::parse(&key.text(&app), &app), &key);
            let same = key == other_key && app == other_app;
            prop_assert_eq!(key.text(&app) == other_key.text(&other_app), same);
        }
    }
}
