//! Requests, as a server reads them: whatever a stranger put into a frame.

use serde_json::{Map, Value};

/// What a request asks for, by its `type`; which keys it needs is judged when it is carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verb {
    /// `bind`
    Bind,
    /// `list`
    List,
    /// `allocate`
    Allocate,
    /// `claim`
    Claim,
    /// `release`
    Release,
    /// `open`
    Open,
    /// `add`
    Add,
    /// `close`
    Close,
    /// `ping`
    Ping,
    /// `submit-permissions`, as it is written, or `submit-permission`, as the Rust client does.
    SubmitPermissions,
    /// Anything else, types that are not text included.
    Unknown,
}

impl Verb {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Bind,
        Self::List,
        Self::Allocate,
        Self::Claim,
        Self::Release,
        Self::Open,
        Self::Add,
        Self::Close,
        Self::Ping,
        Self::SubmitPermissions,
        Self::Unknown,
    ];

    /// The `type` of such a request; `unknown` for the rest.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bind => "bind",
            Self::List => "list",
            Self::Allocate => "allocate",
            Self::Claim => "claim",
            Self::Release => "release",
            Self::Open => "open",
            Self::Add => "add",
            Self::Close => "close",
            Self::Ping => "ping",
            Self::SubmitPermissions => "submit-permissions",
            Self::Unknown => "unknown",
        }
    }
}

/// A JSON object with a `type`: the least that deserves an `ack`.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    object: Map<String, Value>,
}

/// A frame that deserves no `ack`.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Unreadable {
    /// It is not UTF-8.
    #[error("message is not UTF-8")]
    NotUtf8,
    /// It is not JSON, or deeper than 128 levels.
    #[error("message is not JSON")]
    NotJson,
    /// It is JSON, but no object.
    #[error("message is not an object")]
    NotAnObject,
    /// It is an object without the key `type`.
    #[error("missing 'type'")]
    NoType {
        /// The whole object.
        orig: Value,
    },
}

impl Unreadable {
    /// The whole object, for the `orig` of a refusal; null for what is no object.
    pub fn into_orig(self) -> Value {
        match self {
            Self::NoType { orig } => orig,
            Self::NotUtf8 | Self::NotJson | Self::NotAnObject => Value::Null,
        }
    }
}

impl Request {
    /// Reads a frame's bytes, be it a text frame or a binary one.
    ///
    /// # Errors
    /// [`Unreadable`], in the order of its variants.
    pub fn read(frame: &[u8]) -> Result<Self, Unreadable> {
        Self::parse(str::from_utf8(frame).map_err(|_| Unreadable::NotUtf8)?)
    }

    /// Reads a frame's text.
    ///
    /// # Errors
    /// [`Unreadable`], in the order of its variants.
    pub fn parse(frame: &str) -> Result<Self, Unreadable> {
        let value = serde_json::from_str(frame).map_err(|_| Unreadable::NotJson)?;
        let Value::Object(object) = value else { return Err(Unreadable::NotAnObject) };
        if !object.contains_key("type") {
            return Err(Unreadable::NoType { orig: Value::Object(object) });
        }
        Ok(Self { object })
    }

    /// What is asked for.
    pub fn verb(&self) -> Verb {
        let Some(name) = self.get("type").and_then(Value::as_str) else { return Verb::Unknown };
        match Verb::ALL.into_iter().find(|verb| verb.name() == name) {
            None if name == "submit-permission" => Verb::SubmitPermissions,
            found => found.unwrap_or(Verb::Unknown),
        }
    }

    /// The value under `key`, where there is one.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.object.get(key)
    }

    /// The mark that the `ack` repeats: a copy of `id`, null where there is none.
    pub fn id(&self) -> Value {
        self.get("id").cloned().unwrap_or_default()
    }

    /// The whole object, for the `orig` of a refusal.
    pub fn into_orig(self) -> Value {
        Value::Object(self.object)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_read_says_why() {
        assert_eq!(Request::parse("{"), Err(Unreadable::NotJson));
        assert_eq!(Request::parse("\u{feff}{}"), Err(Unreadable::NotJson));
        assert_eq!(Request::parse(&"[".repeat(10_000)), Err(Unreadable::NotJson));
        assert_eq!(Request::parse("[]"), Err(Unreadable::NotAnObject));
        assert_eq!(Request::read(b"\xff"), Err(Unreadable::NotUtf8));
        let untyped = Request::read(br#"{"id": 1}"#).unwrap_err();
        assert_eq!(untyped.into_orig(), serde_json::json!({"id": 1}));
    }

    #[test]
    fn a_type_may_be_anything() {
        for unknown in [r#"{"type": null}"#, r#"{"type": [1]}"#, r#"{"type": "Bind"}"#] {
            assert_eq!(Request::parse(unknown).unwrap().verb(), Verb::Unknown);
        }
        assert_eq!(Request::parse(r#"{"type": "bind"}"#).unwrap().verb(), Verb::Bind);
    }
}
