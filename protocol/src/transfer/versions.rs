//! What a program of file transfer says of itself in the version message [client.md: version
//! message].

use serde_json::{Value, json};

/// The ability of the ordinary transfer, which every program has whether it says so or not.
const TRANSFER: &str = "transfer-v1";
/// The ability to take data of unknown length. It is ours: no other program announces it, and none
/// minds it.
const STREAM: &str = "stream-v1";

/// What a program can do, from `abilities` in its versions.
///
/// Whoever announces `stream-v1` takes the offer `{"stream": {"filename": NAME}}`
/// ([`Offer::Stream`](super::Offer::Stream)). It answers as to a file; then the data comes over the
/// transit connection in records of any size, until one of no bytes, which says that it is
/// complete; the [`Ack`](super::Ack) confirms the hash of all of it. A connection that ends before
/// has lost something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AppVersions {
    /// Whether it takes data of unknown length.
    pub streams: bool,
}

impl AppVersions {
    /// What our own program can do.
    pub const OURS: Self = Self { streams: true };

    /// Reads the versions; those that are in no form we know tell of no ability.
    pub fn read(versions: &Value) -> Self {
        let abilities = versions["abilities"].as_array().map_or(&[][..], Vec::as_slice);
        Self { streams: abilities.iter().any(|ability| ability == STREAM) }
    }

    /// Writes the versions, `{"abilities": [..]}`.
    pub fn write(self) -> Value {
        let mut abilities = vec![TRANSFER];
        if self.streams {
            abilities.push(STREAM);
        }
        json!({ "abilities": abilities })
    }
}
