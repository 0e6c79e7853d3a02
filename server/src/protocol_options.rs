//! `--websocket-protocol-option`: what Python's server takes of its websocket library's settings
//! [mailbox-server.md: options].

use std::{str::FromStr, time::Duration};

use serde_json::Value;
use wormhole_server::{Config, Limit};

/// One setting: a name, and a value that is right for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProtocolOption {
    /// A limit, zero being none.
    Limit(Limit, u64),
    /// How often a client is pinged.
    PingEvery(Duration),
    /// How long a client may take to send its request.
    Handshake(Duration),
    /// How long the last words of a connection may take.
    Linger(Duration),
    /// One that is of no consequence here.
    Ignored(&'static str),
}

/// A text is no such setting.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadProtocolOption {
    #[error("expected NAME=JSON, a text in quotes")]
    Form,
    #[error("no such option")]
    Name,
    #[error("expected a number, 0 or more")]
    Number,
}

/// Names that a start script may hold, and that change nothing here: the server always does what
/// their defaults say, or has an option of its own.
const IGNORED: [&str; 20] = [
    "allowNullOrigin",
    "allowedOrigins",
    "applyMask",
    "autoPingRestartOnAnyTraffic",
    "autoPingSize",
    "echoCloseCodeReason",
    "failByDrop",
    "flashSocketPolicy",
    "logFrames",
    "logOctets",
    "maskServerFrames",
    "perMessageCompressionAccept",
    "requireMaskedClientFrames",
    "serveFlashSocketPolicy",
    "tcpNoDelay",
    "trackTimings",
    "trustXForwardedFor",
    "utf8validateIncoming",
    "versions",
    "webStatus",
];

impl FromStr for ProtocolOption {
    type Err = BadProtocolOption;

    fn from_str(text: &str) -> Result<Self, BadProtocolOption> {
        let (name, value) = text.split_once('=').ok_or(BadProtocolOption::Form)?;
        let value: Value = serde_json::from_str(value).map_err(|_| BadProtocolOption::Form)?;
        let number = || value.as_f64().filter(|n| *n >= 0.0).ok_or(BadProtocolOption::Number);
        let whole = || number().map(|number| number.ceil() as u64);
        let seconds = || whole().map(Duration::from_secs);
        Ok(match name {
            "maxFramePayloadSize" | "maxMessagePayloadSize" => {
                Self::Limit(Limit::FrameBytes, whole()?)
            }
            "maxConnections" => Self::Limit(Limit::Connections, whole()?),
            "autoPingTimeout" => Self::Limit(Limit::SilentSeconds, whole()?),
            "autoPingInterval" => Self::PingEvery(endless(seconds()?)),
            "openHandshakeTimeout" => Self::Handshake(seconds()?),
            "closeHandshakeTimeout" => Self::Linger(endless(seconds()?)),
            other => {
                let known = IGNORED.into_iter().find(|ignored| *ignored == other);
                Self::Ignored(known.ok_or(BadProtocolOption::Name)?)
            }
        })
    }
}

/// Zero switches a timer off.
fn endless(time: Duration) -> Duration {
    if time.is_zero() { Duration::MAX } else { time }
}

impl ProtocolOption {
    /// Tells which limit it sets.
    pub(crate) fn limit(self) -> Option<Limit> {
        match self {
            Self::Limit(limit, _) => Some(limit),
            _ => None,
        }
    }

    /// Makes it hold.
    pub(crate) fn apply(self, config: &mut Config) {
        match self {
            Self::Limit(limit, most) => config.limits = config.limits.clone().with(limit, most),
            Self::PingEvery(every) => config.ping_every = every,
            Self::Handshake(limit) => config.handshake = limit,
            Self::Linger(limit) => config.linger = limit,
            Self::Ignored(_) => (),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_times_hold_and_others_are_known() {
        let read = |text: &str| text.parse::<ProtocolOption>().map_err(|bad| bad.to_string());
        let frame = ProtocolOption::Limit(Limit::FrameBytes, 5);
        assert_eq!(read("maxMessagePayloadSize=5"), Ok(frame));
        let silence = ProtocolOption::Limit(Limit::SilentSeconds, 8);
        assert_eq!(read("autoPingTimeout=7.5"), Ok(silence));
        let ping = ProtocolOption::PingEvery(Duration::from_secs(9));
        assert_eq!(read("autoPingInterval=9"), Ok(ping));
        let never = ProtocolOption::Linger(Duration::MAX);
        assert_eq!(read("closeHandshakeTimeout=0"), Ok(never));
        assert_eq!(read("versions=[8,13]"), Ok(ProtocolOption::Ignored("versions")));
        for bad in ["x", "x=", "maxConnections=\"5\"", "maxConnections=-1", "mine=1", "versions=a"]
        {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
