//! Links that carry a code, mostly as QR codes [client.md: URI and QR].
//!
//! `wormhole-transfer:CODE?rendezvous=URL&role=ROLE` is what we write. Two more forms are read: a
//! code that was not percent-encoded, and `wormhole:URL?code=CODE`.

mod websocket;

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use zeroize::Zeroizing;

pub use self::websocket::{BadWebSocketUrl, WebSocketUrl};
use crate::{
    code::{Code, KeyFormatError},
    transit::Role,
};

/// The mailbox server of those who name none.
pub const DEFAULT_RENDEZVOUS: &str = "ws://relay.magic-wormhole.io:4000/v1";

const SCHEME: &str = "wormhole-transfer";
const GO_SCHEME: &str = "wormhole";

/// All but what never needs encoding anywhere in a URI.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What a link says. It holds a secret: neither `Debug` nor `Display`.
#[derive(Clone, PartialEq, Eq)]
pub struct Link {
    /// The code.
    pub code: Code,
    /// The mailbox server, with its path; `None` stands for [`DEFAULT_RENDEZVOUS`].
    pub rendezvous: Option<WebSocketUrl>,
    /// What whoever reads the link is to do; usually to receive.
    pub role: Role,
}

/// A link was expected and the text is none. The code in it is not repeated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LinkError {
    /// It begins in another way.
    #[error("the link does not begin with `wormhole-transfer:`")]
    Scheme,
    /// There is `//` where the code should be.
    #[error("the link has a host part, where only a code is allowed")]
    Host,
    /// The code is empty or missing.
    #[error("the link has no code")]
    NoCode,
    /// The code is malformed.
    #[error("the link has no usable code: {0}")]
    Code(#[from] KeyFormatError),
    /// What is percent-encoded in it is not UTF-8.
    #[error("the link is not UTF-8")]
    NotUtf8,
    /// It is of another version than 0.
    #[error("the link is of a version other than 0")]
    Version,
    /// The role is neither `leader` nor `follower`.
    #[error("the link has a role other than leader and follower")]
    Role,
    /// The mailbox server's address is malformed.
    #[error("the link has no usable server: {0}")]
    Rendezvous(#[from] BadWebSocketUrl),
    /// It says something that this version does not know.
    ///
    /// Also a code with a raw `?` ends here, instead of being cut short.
    #[error("the link has a parameter other than version, rendezvous and role")]
    Parameter,
}

impl Link {
    /// Reads a link in any of the three forms.
    ///
    /// # Errors
    /// Any [`LinkError`].
    pub fn parse(text: &str) -> Result<Self, LinkError> {
        let (scheme, rest) = text.split_once(':').ok_or(LinkError::Scheme)?;
        if scheme.eq_ignore_ascii_case(GO_SCHEME) {
            return Self::parse_go(rest);
        }
        if !scheme.eq_ignore_ascii_case(SCHEME) {
            return Err(LinkError::Scheme);
        }
        if rest.starts_with("//") {
            return Err(LinkError::Host);
        }
        let (code, query) = rest.split_once('?').unwrap_or((rest, ""));
        let mut link = Self { code: parse_code(code)?, rendezvous: None, role: Role::Receiver };
        for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
            link.read_parameter(parameter)?;
        }
        Ok(link)
    }

    fn parse_go(rest: &str) -> Result<Self, LinkError> {
        let (url, code) = rest.rsplit_once("?code=").ok_or(LinkError::NoCode)?;
        let rendezvous = parse_rendezvous(&decode(url)?)?;
        Ok(Self { code: parse_code(code)?, rendezvous, role: Role::Receiver })
    }

    fn read_parameter(&mut self, parameter: &str) -> Result<(), LinkError> {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        let value = decode(value)?;
        match (name, &*value) {
            ("version", "0") => {}
            ("version", _) => return Err(LinkError::Version),
            ("role", "follower") => self.role = Role::Receiver,
            ("role", "leader") => self.role = Role::Sender,
            ("role", _) => return Err(LinkError::Role),
            ("rendezvous", url) => self.rendezvous = parse_rendezvous(url)?,
            _ => return Err(LinkError::Parameter),
        }
        Ok(())
    }

    /// Writes the link, all that has a meaning in links percent-encoded; defaults are left out.
    pub fn write(&self) -> Zeroizing<String> {
        let rendezvous = self.rendezvous.as_ref().map(WebSocketUrl::as_str);
        let rendezvous = rendezvous.filter(|url| *url != DEFAULT_RENDEZVOUS);
        let rendezvous = rendezvous.map(|url| format!("rendezvous={}", encode(url)));
        let role = (self.role == Role::Sender).then(|| "role=leader".to_owned());
        let query: Vec<_> = rendezvous.into_iter().chain(role).collect();
        let mark = if query.is_empty() { "" } else { "?" };
        let code = Zeroizing::new(encode(self.code.as_str()));
        Zeroizing::new(format!("{SCHEME}:{}{mark}{}", *code, query.join("&")))
    }
}

fn parse_code(encoded: &str) -> Result<Code, LinkError> {
    if encoded.is_empty() {
        return Err(LinkError::NoCode);
    }
    Ok(Code::parse(&decode(encoded)?)?)
}

/// Reads a server's address, completing one without a path; the default one becomes `None`.
fn parse_rendezvous(url: &str) -> Result<Option<WebSocketUrl>, LinkError> {
    let url = url.parse::<WebSocketUrl>()?.or_path("/v1");
    Ok(Some(url).filter(|url| url.as_str() != DEFAULT_RENDEZVOUS))
}

/// Decodes `%XX` and nothing else: a plus sign is one.
fn decode(text: &str) -> Result<Cow<'_, str>, LinkError> {
    percent_decode_str(text).decode_utf8().map_err(|_| LinkError::NotUtf8)
}

fn encode(text: &str) -> String {
    utf8_percent_encode(text, ENCODED).to_string()
}
