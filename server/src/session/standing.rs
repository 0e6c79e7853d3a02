//! What one connection has done so far, and so may do next [mailbox-server.md: commands].

use std::ops::Deref;

use serde_json::Value;
use wormhole_protocol::{
    name::{AppId, BadNameplate, MailboxId, Mood, Nameplate, Phase, Side},
    wire::{Body, Request, Verb},
};

use crate::{
    engine::{Ask, CANARY_APP, Done, Refusal},
    limits::{Exceeded, Limit, Limits},
    permission::{BadSubmission, Pass},
    usage::{Binding, ClientVersion},
};

/// The connection's state.
pub(crate) enum Standing {
    Unbound(Pass),
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
    /// The `ack` was all.
    Done,
    Enter(Binding),
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
    #[error(transparent)]
    Submission(#[from] BadSubmission),
    #[error(transparent)]
    Limit(#[from] Exceeded),
}

/// A request, with the limits on what is in it.
pub(crate) struct Judged<'a> {
    pub(crate) request: &'a Request,
    pub(crate) limits: &'a Limits,
}

impl Standing {
    /// Judges a request by what the connection has done, and notes what it does.
    ///
    /// # Errors
    /// [`Objection`] where the connection may not do this now, or a key is missing or wrong.
    pub(crate) fn admit(&mut self, request: Judged<'_>) -> Result<Step, Objection> {
        match (request.verb(), self) {
            (Verb::Ping, _) => match request.get("ping") {
                Some(value) => Ok(Step::Pong(value.clone())),
                None => Err(Objection::Order("ping requires 'ping'")),
            },
            (Verb::Bind, standing) => standing.bind(&request),
            (Verb::SubmitPermissions, Self::Unbound(pass)) if *pass != Pass::Unmentioned => {
                pass.submit(request.request)?;
                Ok(Step::Done)
            }
            (_, Self::Unbound(_)) => Err(Objection::Order("must bind first")),
            (verb, Self::Bound(bound)) => {
                let ask = bound.admit(verb, &request)?;
                Ok(Step::Order(bound.side.clone(), ask))
            }
        }
    }

    fn bind(&mut self, request: &Judged<'_>) -> Result<Step, Objection> {
        let Self::Unbound(pass) = self else {
            return Err(Objection::Order("already bound"));
        };
        pass.check()?;
        let app = request.required("appid", "bind requires 'appid'")?;
        if app == CANARY_APP {
            return Err(Objection::Order("this appid is the server's own"));
        }
        let side = Side::new(request.required("side", "bind requires 'side'")?);
        let client = request.client_version()?;
        *self = Self::Bound(Bound {
            side: side.clone(),
            allocated: false,
            claim: Claim::Never,
            released: false,
            mailbox: Mailbox::Never,
            closed: false,
        });
        Ok(Step::Enter(Binding { app: AppId::new(app), side, client }))
    }

    /// Notes that the bind was refused after all.
    pub(crate) fn unbind(&mut self) {
        *self = Self::Unbound(Pass::Free);
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
    fn admit(&mut self, verb: Verb, request: &Judged<'_>) -> Result<Ask, Objection> {
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

    fn claim(&mut self, request: &Judged<'_>) -> Result<Ask, Objection> {
        let Some(name) = request.get("nameplate") else {
            return Err(Objection::Order("claim requires 'nameplate'"));
        };
        if !matches!(self.claim, Claim::Never) {
            return Err(Objection::Order("only one claim per connection"));
        }
        self.claim = Claim::Wasted;
        let nameplate: Nameplate = request.text(name, "nameplate")?.parse()?;
        self.claim = Claim::Of(nameplate.clone());
        Ok(Ask::Claim(nameplate))
    }

    fn release(&mut self, request: &Judged<'_>) -> Result<Ask, Objection> {
        if self.released {
            return Err(Objection::Order("only one release per connection"));
        }
        let name = match (&self.claim, request.get("nameplate")) {
            (Claim::Of(claimed), Some(name)) if name.as_str() != Some(claimed.as_str()) => {
                return Err(Objection::Order("release and claim must use same nameplate"));
            }
            (_, Some(name)) => request.text(name, "nameplate")?.to_owned(),
            (Claim::Of(claimed), None) => claimed.to_string(),
            (_, None) => {
                return Err(Objection::Order("release without nameplate must follow claim"));
            }
        };
        self.released = true;
        Ok(Ask::Release(name))
    }

    fn open(&mut self, request: &Judged<'_>) -> Result<Ask, Objection> {
        if matches!(self.mailbox, Mailbox::Open(_)) {
            return Err(Objection::Order("only one open per connection"));
        }
        let mailbox = MailboxId::new(request.required("mailbox", "open requires 'mailbox'")?);
        self.mailbox = Mailbox::Shut(mailbox.clone());
        Ok(Ask::Open(mailbox))
    }

    fn add(&self, request: &Judged<'_>) -> Result<Ask, Objection> {
        let Mailbox::Open(mailbox) = &self.mailbox else {
            return Err(Objection::Order("must open mailbox before adding"));
        };
        let phase = request.required("phase", "missing 'phase'")?;
        let body = request.required("body", "missing 'body'")?;
        Ok(Ask::Add {
            mailbox: mailbox.clone(),
            phase: Phase::from(phase.to_owned()),
            body: Body::from_text(body),
            id: request.mark()?,
        })
    }

    fn close(&self, request: &Judged<'_>) -> Result<Ask, Objection> {
        if self.closed {
            return Err(Objection::Order("only one close per connection"));
        }
        let mailbox = match (&self.mailbox, request.get("mailbox")) {
            (Mailbox::Shut(ours) | Mailbox::Open(ours), Some(named))
                if named.as_str() != Some(ours.as_str()) =>
            {
                return Err(Objection::Order("open and close must use same mailbox"));
            }
            (_, Some(named)) => MailboxId::new(request.text(named, "mailbox")?),
            (Mailbox::Shut(ours) | Mailbox::Open(ours), None) => ours.clone(),
            (Mailbox::Never, None) => {
                return Err(Objection::Order("close without mailbox must follow open"));
            }
        };
        let mood = match request.get("mood") {
            None | Some(Value::Null) => None,
            Some(mood) => Some(Mood::from(request.text(mood, "mood")?.to_owned())),
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

impl Deref for Judged<'_> {
    type Target = Request;

    fn deref(&self) -> &Request {
        self.request
    }
}

impl Judged<'_> {
    fn required(&self, key: &'static str, missing: &'static str) -> Result<&str, Objection> {
        self.text(self.get(key).ok_or(Objection::Order(missing))?, key)
    }

    fn text<'v>(&self, value: &'v Value, key: &'static str) -> Result<&'v str, Objection> {
        let text = value.as_str().ok_or(Objection::NotText(key))?;
        let limit = if key == "body" { Limit::BodyBytes } else { Limit::IdentifierBytes };
        self.limits.check(limit, text.len() as u64)?;
        Ok(text)
    }

    /// The mark is kept with a message where it is a text.
    fn mark(&self) -> Result<Option<String>, Objection> {
        match self.get("id") {
            Some(id @ Value::String(_)) => Ok(Some(self.text(id, "id")?.to_owned())),
            _ => Ok(None),
        }
    }

    /// A client may say more than its name and version, but not less.
    fn client_version(&self) -> Result<Option<ClientVersion>, Objection> {
        let Some(version) = self.get("client_version") else { return Ok(None) };
        let parts = version.as_array().map(Vec::as_slice);
        let Some([name @ Value::String(_), number @ Value::String(_), ..]) = parts else {
            return Err(Objection::Order("'client_version' must be a list of two strings"));
        };
        let implementation = self.text(name, "client_version")?.to_owned();
        let version = self.text(number, "client_version")?.to_owned();
        Ok(Some(ClientVersion { implementation, version }))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;

    fn admit(standing: &mut Standing, request: Value) -> Result<Step, String> {
        let request = Request::parse(&request.to_string()).unwrap();
        let limits = Limits::default().with(Limit::BodyBytes, 300);
        let judged = Judged { request: &request, limits: &limits };
        standing.admit(judged).map_err(|objection| objection.to_string())
    }

    fn bound() -> Standing {
        let mut standing = Standing::Unbound(Pass::Unmentioned);
        let bind = json!({"type": "bind", "appid": "app", "side": "a"});
        assert_eq!(admit(&mut standing, bind), entered(None));
        standing
    }

    fn entered(client: Option<ClientVersion>) -> Result<Step, String> {
        Ok(Step::Enter(Binding { app: AppId::new("app"), side: Side::new("a"), client }))
    }

    #[test]
    fn a_bind_tells_the_client_where_it_says() {
        let bind = json!({"type": "bind", "appid": "app", "side": "a",
                          "client_version": ["python", "0.24.0", "and more"]});
        let mut standing = Standing::Unbound(Pass::Unmentioned);
        let (implementation, version) = ("python".to_owned(), "0.24.0".to_owned());
        let client = Some(ClientVersion { implementation, version });
        assert_eq!(admit(&mut standing, bind), entered(client));
    }

    fn asked(ask: Ask) -> Result<Step, String> {
        Ok(Step::Order(Side::new("a"), ask))
    }

    #[test]
    fn before_bind_only_ping_and_bind() {
        let mut standing = Standing::Unbound(Pass::Unmentioned);
        for verb in ["list", "claim", "nonsense", "submit-permissions"] {
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
    fn what_is_too_long_is_refused() {
        let long = "x".repeat(257);
        let mut standing = Standing::Unbound(Pass::Unmentioned);
        for bind in [
            json!({"type": "bind", "appid": long, "side": "a"}),
            json!({"type": "bind", "appid": "a", "side": long}),
            json!({"type": "bind", "appid": "a", "side": "a", "client_version": [long, "1"]}),
            json!({"type": "bind", "appid": "a", "side": "a", "client_version": ["x", long]}),
        ] {
            let refused = admit(&mut standing, bind).unwrap_err();
            assert_eq!(refused, "limit reached: at most 256 bytes in an identifier");
        }
        for command in [
            json!({"type": "open", "mailbox": long}),
            json!({"type": "close", "mailbox": long}),
            json!({"type": "close", "mailbox": "m", "mood": long}),
            json!({"type": "release", "nameplate": long}),
        ] {
            let refused = admit(&mut bound(), command).unwrap_err();
            assert_eq!(refused, "limit reached: at most 256 bytes in an identifier");
        }
        let mut standing = bound();
        admit(&mut standing, json!({"type": "open", "mailbox": "m"})).unwrap();
        standing.settle(&Ok(Done::Opened(Vec::new())));
        let body = "0".repeat(301);
        for (add, limit) in [
            (json!({"type": "add", "phase": long, "body": ""}), "256 bytes in an identifier"),
            (json!({"type": "add", "phase": "p", "body": "", "id": long}), "256 bytes in an id"),
            (json!({"type": "add", "phase": "p", "body": body}), "300 bytes in the body"),
        ] {
            let refused = admit(&mut standing, add).unwrap_err();
            assert!(refused.starts_with(&format!("limit reached: at most {limit}")), "{refused}");
        }
    }

    #[test]
    fn a_stamp_comes_before_a_bind() {
        let mut standing = Standing::Unbound(Pass::Stamp { bits: 16, resource: "r".into() });
        let bind = json!({"type": "bind", "appid": "app", "side": "a"});
        let refused = admit(&mut standing, bind.clone()).unwrap_err();
        assert!(refused.starts_with("permission required"), "{refused}");
        for (verb, last, good) in
            [("submit-permissions", 'z', false), ("submit-permission", '8', true)]
        {
            let stamp = format!("1:16:261122:r::AAAAAAAAAAAAAAAA:bde{last}");
            let submission = json!({"type": verb, "method": "hashcash", "stamp": stamp});
            assert_eq!(admit(&mut standing, submission).is_ok(), good);
        }
        assert_eq!(admit(&mut standing, bind), entered(None));
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
