//! What a client has to show before it may bind [mailbox-server.md: permissions].

use std::str::FromStr;

use serde_json::{Value, json};
use wormhole_protocol::{
    hashcash::{self, MAX_BITS},
    wire::Request,
};

use crate::random;

/// What a server demands of its clients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Permission {
    /// Nothing, and permissions are not mentioned.
    #[default]
    Unmentioned,
    /// Nothing, which the welcome says.
    Nothing,
    /// A stamp that took work.
    Hashcash {
        /// The zero bits with which its hash begins, 1 to [`MAX_BITS`].
        bits: u32,
    },
}

/// A demand was expected and something else came.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected none, hashcash or hashcash:BITS with 1 to {MAX_BITS} bits")]
pub struct BadPermission;

/// A second of a phone's time.
const DEFAULT_BITS: u32 = 20;

impl FromStr for Permission {
    type Err = BadPermission;

    fn from_str(text: &str) -> Result<Self, BadPermission> {
        let bits = match text.split_once(':') {
            None if text == "none" => return Ok(Self::Nothing),
            None if text == "hashcash" => DEFAULT_BITS,
            Some(("hashcash", bits)) => bits.parse().map_err(|_| BadPermission)?,
            _ => return Err(BadPermission),
        };
        match (1..=MAX_BITS).contains(&bits) {
            true => Ok(Self::Hashcash { bits }),
            false => Err(BadPermission),
        }
    }
}

/// How one connection stands to what is demanded of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Pass {
    /// Submissions are not known here.
    Unmentioned,
    /// Nothing is demanded any more.
    Free,
    /// A stamp for this resource is demanded: one that was made for this connection alone, so
    /// that no stamp can be used twice.
    Stamp { bits: u32, resource: String },
}

/// Why a submission, or a bind without one, is refused.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadSubmission {
    #[error("permission required: submit a hashcash stamp of {0} bits first")]
    Missing(u32),
    #[error("submit-permissions requires 'method'")]
    NoMethod,
    #[error("unknown permission method")]
    Method,
    #[error("hashcash requires 'stamp'")]
    NoStamp,
    #[error("expected a hashcash stamp of {bits} bits for {resource}")]
    Stamp { bits: u32, resource: String },
}

impl Pass {
    /// Begins a connection.
    pub(crate) fn new(demand: Permission) -> Self {
        match demand {
            Permission::Unmentioned => Self::Unmentioned,
            Permission::Nothing => Self::Free,
            Permission::Hashcash { bits } => Self::Stamp { bits, resource: random::resource() },
        }
    }

    /// What the welcome says under `permission-required`. The Rust client cannot read it without
    /// the key `none`.
    pub(crate) fn offer(&self) -> Option<Value> {
        match self {
            Self::Unmentioned => None,
            Self::Free => Some(json!({"none": {}})),
            Self::Stamp { bits, resource } => {
                Some(json!({"none": null, "hashcash": {"bits": bits, "resource": resource}}))
            }
        }
    }

    /// Takes a submission.
    ///
    /// # Errors
    /// [`BadSubmission`] where it is not what is demanded.
    pub(crate) fn submit(&mut self, request: &Request) -> Result<(), BadSubmission> {
        let method = request.get("method").ok_or(BadSubmission::NoMethod)?;
        match (&*self, method.as_str()) {
            (Self::Unmentioned | Self::Free, Some("none")) => Ok(()),
            (Self::Stamp { bits, resource }, Some("hashcash")) => {
                let stamp = request.get("stamp").and_then(Value::as_str);
                let stamp = stamp.ok_or(BadSubmission::NoStamp)?;
                if !hashcash::is_worth(stamp, *bits, resource) {
                    let resource = resource.clone();
                    return Err(BadSubmission::Stamp { bits: *bits, resource });
                }
                *self = Self::Free;
                Ok(())
            }
            _ => Err(BadSubmission::Method),
        }
    }

    /// Asks whether the connection may bind.
    ///
    /// # Errors
    /// [`BadSubmission::Missing`] where a stamp is still demanded.
    pub(crate) fn check(&self) -> Result<(), BadSubmission> {
        match self {
            Self::Unmentioned | Self::Free => Ok(()),
            Self::Stamp { bits, .. } => Err(BadSubmission::Missing(*bits)),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use wormhole_protocol::hashcash::Minting;

    use super::*;

    fn submit(pass: &mut Pass, submission: Value) -> Result<(), BadSubmission> {
        pass.submit(&Request::parse(&submission.to_string()).unwrap())
    }

    fn hashcash(stamp: &str) -> Value {
        json!({"type": "submit-permissions", "method": "hashcash", "stamp": stamp})
    }

    #[test]
    fn demands_are_read() {
        assert_eq!("none".parse(), Ok(Permission::Nothing));
        assert_eq!("hashcash".parse(), Ok(Permission::Hashcash { bits: 20 }));
        assert_eq!("hashcash:6".parse(), Ok(Permission::Hashcash { bits: 6 }));
        for bad in ["", "hashcash:", "hashcash:0", "hashcash:33", "none:1", "Hashcash"] {
            assert_eq!(bad.parse::<Permission>(), Err(BadPermission), "{bad}");
        }
    }

    #[test]
    fn a_stamp_of_another_client_is_taken_where_it_is_for_this_connection() {
        let stamp = "1:12:MjAyNjExMjI=:resource-string::zW406nveD4dkKDRO/EWkwA==:AAAAAAAAGhY=";
        let pass = |bits, resource: &str| Pass::Stamp { bits, resource: resource.to_owned() };
        let mut good = pass(12, "resource-string");
        assert_eq!(good.check(), Err(BadSubmission::Missing(12)));
        submit(&mut good, hashcash(stamp)).unwrap();
        assert_eq!((good.check(), &good), (Ok(()), &Pass::Free));
        assert_eq!(submit(&mut good, hashcash(stamp)), Err(BadSubmission::Method), "only once");
        for mut bad in [pass(13, "resource-string"), pass(12, "other")] {
            let refused = submit(&mut bad, hashcash(stamp));
            assert!(matches!(refused, Err(BadSubmission::Stamp { .. })));
            bad.check().unwrap_err();
        }
    }

    #[test]
    fn every_connection_has_a_resource_of_its_own() {
        let demand = Permission::Hashcash { bits: 4 };
        let (mut one, mut two) = (Pass::new(demand), Pass::new(demand));
        let offer = one.offer().unwrap();
        assert_eq!(offer["none"], Value::Null);
        let resource = offer["hashcash"]["resource"].as_str().unwrap();
        let stamp = Minting::new(4, resource, 0, [7; 12]).unwrap().step(10_000).unwrap();
        submit(&mut two, hashcash(&stamp)).unwrap_err();
        submit(&mut one, hashcash(&stamp)).unwrap();
    }

    #[test]
    fn a_submission_without_its_parts_says_which() {
        let mut pass = Pass::new(Permission::Hashcash { bits: 4 });
        for (submission, error) in [
            (json!({"type": "x"}), BadSubmission::NoMethod),
            (json!({"type": "x", "method": "none"}), BadSubmission::Method),
            (json!({"type": "x", "method": 5}), BadSubmission::Method),
            (json!({"type": "x", "method": "hashcash"}), BadSubmission::NoStamp),
            (json!({"type": "x", "method": "hashcash", "stamp": 5}), BadSubmission::NoStamp),
        ] {
            assert_eq!(submit(&mut pass, submission), Err(error));
        }
        let mut free = Pass::new(Permission::Nothing);
        assert_eq!(free.offer(), Some(json!({"none": {}})));
        submit(&mut free, json!({"type": "x", "method": "none"})).unwrap();
    }
}
