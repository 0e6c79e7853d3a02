//! What one connection has done so far, and so may do next [mailbox-server.md: commands].

use serde_json::Value;
use wormhole_protocol::{
    name::{AppId, BadNameplate, MailboxId, Mood, Nameplate, Phase, Side},
    wire::{Body, Request, Verb},
};

use crate::engine::{Ask, Done, Refusal};

/// The connection's state.
pub(crate) enum Standing {
    Unbound,
    Bound(Bound),
}

/// What a bound connection has done; it ends with the connection.
pub(crate) struct Bound {
    side: Side,
    allocated: bool,
    claim: Claim,
    released: bool,
    mailbox: Mailbox,
    closed: bool,
}

enum Claim {
    Never,
    /// Used up by what was no nameplate.
    Wasted,
    Of(Nameplate),
}

enum Mailbox {
    Never,
    /// Refused to this connection, or closed.
    Shut(MailboxId),
    Open(MailboxId),
}

/// What a request comes to.
#[derive(Debug, PartialEq)]
pub(crate) enum Step {
    Pong(Value),
    Enter(AppId),
    Order(Side, Ask),
}

/// Why a request is refused, in the words on which clients rely.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Objection {
    #[error("{0}")]
    Order(&'static str),
    #[error("'{0}' must be a string")]
    NotText(&'static str),
    #[error(transparent)]
    Nameplate(#[from] BadNameplate),
}

impl Standing {
    /// Judges a request by what the connection has done, and notes what it does.
    ///
    /// # Errors
    /// [`Objection`] where the connection may not do this now, or a key is missing or wrong.
    pub(crate) fn admit(&mut self, request: &Request) -> Result<Step, Objection> {
        match (request.verb(), self) {
            (Verb::Ping, _) => match request.get("ping") {
                Some(value) => Ok(Step::Pong(value.clone())),
                None => Err(Objection::Order("ping requires 'ping'")),
            },
            (Verb::Bind, standing) => standing.bind(request),
            (_, Self::Unbound) => Err(Objection::Order("must bind first")),
            (verb, Self::Bound(bound)) => {
                let ask = bound.admit(verb, request)?;
                Ok(Step::Order(bound.side.clone(), ask))
            }
        }
    }

    fn bind(&mut self, request: &Request) -> Result<Step, Objection> {
        if matches!(self, Self::Bound(_)) {
            return Err(Objection::Order("already bound"));
        }
        let app = required(request, "appid", "bind requires 'appid'")?;
        let side = required(request, "side", "bind requires 'side'")?;
        if let Some(version) = request.get("client_version") {
            check_version(version)?;
        }
        *self = Self::Bound(Bound {
            side: Side::new(side),
            allocated: false,
            claim: Claim::Never,
            released: false,
            mailbox: Mailbox::Never,
            closed: false,
        });
        Ok(Step::Enter(AppId::new(app)))
    }

    /// Notes what came of an order.
    pub(crate) fn settle(&mut self, result: &Result<Done, Refusal>) {
        let Self::Bound(bound) = self else { return };
        match result {
            Ok(Done::Opened(_)) => bound.mailbox.open(),
            Ok(Done::Closed) => {
                bound.closed = true;
                bound.mailbox.shut();
            }
            Err(Refusal::NotOpen) => bound.mailbox.shut(),
            _ => (),
        }
    }

    /// Tells whether messages of a mailbox are still wanted.
    pub(crate) fn listens(&self) -> bool {
        matches!(self, Self::Bound(Bound { mailbox: Mailbox::Open(_), .. }))
    }
}

impl Bound {
    fn admit(&mut self, verb: Verb, request: &Request) -> Result<Ask, Objection> {
        match verb {
            Verb::List => Ok(Ask::List),
            Verb::Allocate => self.allocate(),
            Verb::Claim => self.claim(request),
            Verb::Release => self.release(request),
            Verb::Open => self.open(request),
            Verb::Add => self.add(request),
            Verb::Close => self.close(request),
            _ => Err(Objection::Order("unknown type")),
        }
    }

    fn allocate(&mut self) -> Result<Ask, Objection> {
        if self.allocated {
            return Err(Objection::Order("you already allocated one, don't be greedy"));
        }
        self.allocated = true;
        Ok(Ask::Allocate)
    }

    fn claim(&mut self, request: &Request) -> Result<Ask, Objection> {
        let Some(name) = request.get("nameplate") else {
            return Err(Objection::Order("claim requires 'nameplate'"));
        };
        if !matches!(self.claim, Claim::Never) {
            return Err(Objection::Order("only one claim per connection"));
        }
        self.claim = Claim::Wasted;
        let nameplate: Nameplate = text(name, "nameplate")?.parse()?;
        self.claim = Claim::Of(nameplate.clone());
        Ok(Ask::Claim(nameplate))
    }

    fn release(&mut self, request: &Request) -> Result<Ask, Objection> {
        if self.released {
            return Err(Objection::Order("only one release per connection"));
        }
        let name = match (&self.claim, request.get("nameplate")) {
            (Claim::Of(claimed), Some(name)) if name.as_str() != Some(claimed.as_str()) => {
                return Err(Objection::Order("release and claim must use same nameplate"));
            }
            (_, Some(name)) => text(name, "nameplate")?.to_owned(),
            (Claim::Of(claimed), None) => claimed.to_string(),
            (_, None) => {
                return Err(Objection::Order("release without nameplate must follow claim"));
            }
        };
        self.released = true;
        Ok(Ask::Release(name))
    }

    fn open(&mut self, request: &Request) -> Result<Ask, Objection> {
        if matches!(self.mailbox, Mailbox::Open(_)) {
            return Err(Objection::Order("only one open per connection"));
        }
        let mailbox = MailboxId::new(required(request, "mailbox", "open requires 'mailbox'")?);
        self.mailbox = Mailbox::Shut(mailbox.clone());
        Ok(Ask::Open(mailbox))
    }

    fn add(&self, request: &Request) -> Result<Ask, Objection> {
        let Mailbox::Open(mailbox) = &self.mailbox else {
            return Err(Objection::Order("must open mailbox before adding"));
        };
        let phase = required(request, "phase", "missing 'phase'")?;
        let body = required(request, "body", "missing 'body'")?;
        Ok(Ask::Add {
            mailbox: mailbox.clone(),
            phase: Phase::from(phase.to_owned()),
            body: Body::from_text(body),
            id: request.get("id").and_then(Value::as_str).map(str::to_owned),
        })
    }

    fn close(&self, request: &Request) -> Result<Ask, Objection> {
        if self.closed {
            return Err(Objection::Order("only one close per connection"));
        }
        let mailbox = match (&self.mailbox, request.get("mailbox")) {
            (Mailbox::Shut(ours) | Mailbox::Open(ours), Some(named))
                if named.as_str() != Some(ours.as_str()) =>
            {
                return Err(Objection::Order("open and close must use same mailbox"));
            }
            (_, Some(named)) => MailboxId::new(text(named, "mailbox")?),
            (Mailbox::Shut(ours) | Mailbox::Open(ours), None) => ours.clone(),
            (Mailbox::Never, None) => {
                return Err(Objection::Order("close without mailbox must follow open"));
            }
        };
        let mood = match request.get("mood") {
            None | Some(Value::Null) => None,
            Some(mood) => Some(Mood::from(text(mood, "mood")?.to_owned())),
        };
        Ok(Ask::Close { mailbox, mood })
    }
}

impl Mailbox {
    fn open(&mut self) {
        if let Self::Shut(mailbox) = self {
            *self = Self::Open(mailbox.clone());
        }
    }

    fn shut(&mut self) {
        if let Self::Open(mailbox) = self {
            *self = Self::Shut(mailbox.clone());
        }
    }
}

fn required<'a>(
    request: &'a Request,
    key: &'static str,
    missing: &'static str,
) -> Result<&'a str, Objection> {
    text(request.get(key).ok_or(Objection::Order(missing))?, key)
}

fn text<'a>(value: &'a Value, key: &'static str) -> Result<&'a str, Objection> {
    value.as_str().ok_or(Objection::NotText(key))
}

/// A client may say more than its name and version, but not less.
fn check_version(version: &Value) -> Result<(), Objection> {
    match version.as_array().map(Vec::as_slice) {
        Some([Value::String(_), Value::String(_), ..]) => Ok(()),
        _ => Err(Objection::Order("'client_version' must be a list of two strings")),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;

    fn admit(standing: &mut Standing, request: Value) -> Result<Step, String> {
        let request = Request::parse(&request.to_string()).unwrap();
        standing.admit(&request).map_err(|objection| objection.to_string())
    }

    fn bound() -> Standing {
        let mut standing = Standing::Unbound;
        let bind = json!({"type": "bind", "appid": "app", "side": "a"});
        assert_eq!(admit(&mut standing, bind), Ok(Step::Enter(AppId::new("app"))));
        standing
    }

    fn asked(ask: Ask) -> Result<Step, String> {
        Ok(Step::Order(Side::new("a"), ask))
    }

    #[test]
    fn before_bind_only_ping_and_bind() {
        let mut standing = Standing::Unbound;
        for verb in ["list", "claim", "nonsense"] {
            let refused = admit(&mut standing, json!({"type": verb}));
            assert_eq!(refused.unwrap_err(), "must bind first");
        }
        let pong = admit(&mut standing, json!({"type": "ping", "ping": null}));
        assert_eq!(pong, Ok(Step::Pong(Value::Null)));
        for (bind, error) in [
            (json!({"type": "bind"}), "bind requires 'appid'"),
            (json!({"type": "bind", "appid": "a"}), "bind requires 'side'"),
            (json!({"type": "bind", "appid": 1, "side": "a"}), "'appid' must be a string"),
            (
                json!({"type": "bind", "appid": "a", "side": "a", "client_version": ["x"]}),
                "'client_version' must be a list of two strings",
            ),
        ] {
            assert_eq!(admit(&mut standing, bind).unwrap_err(), error);
        }
        assert_eq!(admit(&mut bound(), json!({"type": "bind"})).unwrap_err(), "already bound");
    }

    #[test]
    fn a_bad_claim_uses_up_the_connections_one() {
        let mut standing = bound();
        let missing = admit(&mut standing, json!({"type": "claim"}));
        assert_eq!(missing.unwrap_err(), "claim requires 'nameplate'");
        admit(&mut standing, json!({"type": "claim", "nameplate": "x"})).unwrap_err();
        let again = admit(&mut standing, json!({"type": "claim", "nameplate": "4"}));
        assert_eq!(again.unwrap_err(), "only one claim per connection");
        let bare = admit(&mut standing, json!({"type": "release"}));
        assert_eq!(bare.unwrap_err(), "release without nameplate must follow claim");
        let named = admit(&mut standing, json!({"type": "release", "nameplate": "no such"}));
        assert_eq!(named, asked(Ask::Release("no such".into())));
    }

    #[test]
    fn a_refused_open_may_be_tried_again_and_a_close_must_name_it() {
        let mut standing = bound();
        let open = json!({"type": "open", "mailbox": "m"});
        admit(&mut standing, open.clone()).unwrap();
        standing.settle(&Err(Refusal::Crowded));
        assert!(!standing.listens());
        let other = admit(&mut standing, json!({"type": "close", "mailbox": "n"}));
        assert_eq!(other.unwrap_err(), "open and close must use same mailbox");
        admit(&mut standing, open.clone()).unwrap();
        standing.settle(&Ok(Done::Opened(Vec::new())));
        assert!(standing.listens());
        assert_eq!(admit(&mut standing, open).unwrap_err(), "only one open per connection");
    }

    #[test]
    fn a_close_counts_when_it_is_done() {
        let mut standing = bound();
        let close = json!({"type": "close", "mailbox": "m"});
        admit(&mut standing, close.clone()).unwrap();
        standing.settle(&Err(Refusal::Crowded));
        admit(&mut standing, close.clone()).unwrap();
        standing.settle(&Ok(Done::Closed));
        assert_eq!(admit(&mut standing, close).unwrap_err(), "only one close per connection");
    }
}
