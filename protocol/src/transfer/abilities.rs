//! What a program of file transfer can do beyond what all of them can, as it says in its
//! `app_versions` [abilities.md: app_versions; client.md: version message].

use serde_json::{Value, json};

use crate::transit::Role;

/// The ability of the ordinary transfer, which every program has whether it says so or not.
const TRANSFER: &str = "transfer-v1";

/// Something that is announced among ourselves, and ignored by all others [abilities.md:
/// app_versions].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ability {
    /// It takes data of unknown length: the offer [`Stream`](super::Offer::Stream), answered as a
    /// file is. The data comes over the transit connection in records of any size, until one of no
    /// bytes, which says that it is complete; the [`Ack`](super::Ack) confirms the hash of all of
    /// it. A connection that ends before has lost something.
    Streams,
    /// It understands entries for folders, with their modes, in the zip archive of a folder.
    FolderModes,
    /// As a receiver it says [`Placing`](super::Message::Placing) while it works, and repeats its
    /// [`Ack`](super::Message::Ack) over the mailbox; as a sender it listens to both.
    Ack,
    /// It makes offers here.
    Sends,
    /// It waits for offers here.
    Receives,
}

impl Ability {
    /// All of them, in the order in which they are announced.
    pub const ALL: [Self; 5] =
        [Self::Streams, Self::FolderModes, Self::Ack, Self::Sends, Self::Receives];

    /// What a program in this role does.
    pub const fn of(role: Role) -> Self {
        match role {
            Role::Sender => Self::Sends,
            Role::Receiver => Self::Receives,
        }
    }

    /// The name under which it is announced.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Streams => "stream-v1",
            Self::FolderModes => "folder-modes-v1",
            Self::Ack => "ack-v1",
            Self::Sends => "sends-v1",
            Self::Receives => "receives-v1",
        }
    }
}

/// What a program says of itself: its versions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AppVersions {
    abilities: Vec<Ability>,
    /// Whether there is anything in them at all.
    speaks: bool,
}

impl AppVersions {
    /// What our own program can do in this role.
    pub fn ours(role: Role) -> Self {
        Self::with(&[Ability::Streams, Ability::FolderModes, Ability::Ack, Ability::of(role)])
    }

    /// Those of a program that can do this.
    pub fn with(abilities: &[Ability]) -> Self {
        Self { abilities: abilities.to_vec(), speaks: true }
    }

    /// Tells whether the program can do this.
    pub fn has(&self, ability: Ability) -> bool {
        self.abilities.contains(&ability)
    }

    /// Tells whether the program does what one in this role does, and nothing else: two of those
    /// would wait for each other for ever.
    pub fn only(&self, role: Role) -> bool {
        self.has(Ability::of(role)) && !self.has(Ability::of(role.peer()))
    }

    /// Tells whether the program announces nothing at all, as those of Python and Go do; those of
    /// Rust and ours announce at least the ordinary transfer.
    pub fn is_silent(&self) -> bool {
        !self.speaks
    }

    /// Reads the versions; those that are in no form we know tell of no ability.
    pub fn read(versions: &Value) -> Self {
        let announced = versions["abilities"].as_array().map_or(&[][..], Vec::as_slice);
        let has = |ability: &Ability| announced.iter().any(|name| name == ability.name());
        let speaks = versions.as_object().is_some_and(|versions| !versions.is_empty());
        Self { abilities: Ability::ALL.into_iter().filter(has).collect(), speaks }
    }

    /// Writes the versions, `{"abilities": [..]}`, or `{}` where nothing is announced.
    pub fn write(&self) -> Value {
        if self.is_silent() {
            return json!({});
        }
        let mut names = vec![TRANSFER];
        names.extend(self.abilities.iter().map(|ability| ability.name()));
        json!({ "abilities": names })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = include_str!("../../docs/abilities.md");

    #[test]
    fn what_is_announced_is_what_the_table_says() {
        let rows = TABLE.lines().filter_map(|line| line.strip_prefix("| `"));
        let names = rows.filter_map(|row| row.split('`').next());
        let mut listed: Vec<_> = names.filter(|name| name.ends_with("-v1")).collect();
        listed.sort_unstable();
        let versions = [Role::Sender, Role::Receiver].map(|role| AppVersions::ours(role).write());
        let names = versions.iter().flat_map(|ours| ours["abilities"].as_array());
        let mut announced: Vec<_> = names.flatten().filter_map(Value::as_str).collect();
        announced.sort_unstable();
        announced.dedup();
        assert_eq!(announced, listed);
    }

    #[test]
    fn what_is_written_is_read() {
        for ability in Ability::ALL {
            let versions = AppVersions::with(&[ability]);
            assert!(versions.has(ability));
            assert_eq!(AppVersions::read(&versions.write()), versions);
        }
        assert_eq!(AppVersions::default().write(), json!({}));
    }

    #[test]
    fn only_empty_versions_announce_nothing() {
        for (versions, is_silent) in [
            (json!({}), true),
            (json!(null), true),
            (json!([]), true),
            (json!({ "abilities": [] }), false),
            (json!({ "abilities": ["transfer-v1", "tomorrow-v1", 1] }), false),
            (json!({ "abilities": "stream-v1" }), false),
            (json!({ "transfer": {} }), false),
        ] {
            let read = AppVersions::read(&versions);
            assert_eq!(read.is_silent(), is_silent, "{versions}");
            assert!(Ability::ALL.into_iter().all(|ability| !read.has(ability)), "{versions}");
        }
    }
}
