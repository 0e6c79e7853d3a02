//! Of what a server takes only so much, from whom, and how often somebody wanted more.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use wormhole_protocol::wire::{MAX_BODY, MAX_COMMAND, MAX_IDENTIFIER};

/// Something of which a server takes only so much.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Limit {
    /// Bytes in a frame, and in a message of several frames.
    FrameBytes,
    /// Bytes in the body of a message.
    BodyBytes,
    /// Bytes in an app id, side, mailbox, phase, mood, mark or client version.
    IdentifierBytes,
    /// Levels of JSON.
    JsonDepth,
    /// Messages in a mailbox.
    MailboxMessages,
    /// Bytes of all messages in a mailbox.
    MailboxBytes,
    /// Nameplates that one connection makes.
    ConnectionNameplates,
    /// Nameplates in use that were made from one address.
    AddressNameplates,
    /// Mailboxes that one connection makes.
    ConnectionMailboxes,
    /// Mailboxes in use that were made from one address.
    AddressMailboxes,
    /// Bytes that all mailboxes take.
    StoredBytes,
    /// Bytes that mailboxes take of what came from one address.
    AddressStoredBytes,
    /// Joins a minute, from one address, of what others have made, of which nothing comes.
    AddressJoins,
    /// Commands a second on one connection.
    ConnectionCommands,
    /// Commands a second from one address.
    AddressCommands,
    /// Connections at a time.
    Connections,
    /// Connections at a time from one address.
    AddressConnections,
    /// Seconds that a connection may take until it is a websocket.
    PlainSeconds,
    /// Seconds that a connection may take to bind.
    UnboundSeconds,
    /// Seconds without a frame, not even an answer to a ping.
    SilentSeconds,
    /// Bytes that wait for a slow reader.
    UnsentBytes,
    /// Bytes that wait for all readers at one address.
    AddressUnsentBytes,
    /// Bytes that wait for all readers.
    TotalUnsentBytes,
    /// Applications in use.
    Apps,
    /// Applications in use that were first asked for from one address.
    AddressApps,
    /// Connections to the transit relay at a time.
    RelayConnections,
    /// Connections to the transit relay at a time from one address.
    RelayAddressConnections,
    /// Connections that wait at the transit relay for their peer.
    RelayWaiting,
    /// Connections from one address that wait at the transit relay.
    RelayAddressWaiting,
    /// Connections that wait at the transit relay with one token.
    RelayTokenWaiting,
    /// Seconds that a client may take to say what it wants of the transit relay.
    RelayHandshakeSeconds,
    /// Seconds that a connection may wait at the transit relay.
    RelayWaitingSeconds,
    /// Bytes that the transit relay carries between two connections.
    RelayPairBytes,
    /// Seconds for which the transit relay joins two connections.
    RelayPairSeconds,
    /// Seconds in which the transit relay carries nothing between two connections.
    RelayIdleSeconds,
    /// Bytes a second that the transit relay carries for all.
    RelayBytesPerSecond,
    /// Bytes in a message of a websocket that the transit relay carries.
    RelayMessageBytes,
}

const COUNT: usize = 37;

impl Limit {
    /// All of them, in the order in which help texts tell them.
    pub const ALL: [Self; COUNT] = [
        Self::FrameBytes,
        Self::BodyBytes,
        Self::IdentifierBytes,
        Self::JsonDepth,
        Self::MailboxMessages,
        Self::MailboxBytes,
        Self::ConnectionNameplates,
        Self::AddressNameplates,
        Self::ConnectionMailboxes,
        Self::AddressMailboxes,
        Self::StoredBytes,
        Self::AddressStoredBytes,
        Self::AddressJoins,
        Self::ConnectionCommands,
        Self::AddressCommands,
        Self::Connections,
        Self::AddressConnections,
        Self::PlainSeconds,
        Self::UnboundSeconds,
        Self::SilentSeconds,
        Self::UnsentBytes,
        Self::AddressUnsentBytes,
        Self::TotalUnsentBytes,
        Self::Apps,
        Self::AddressApps,
        Self::RelayConnections,
        Self::RelayAddressConnections,
        Self::RelayWaiting,
        Self::RelayAddressWaiting,
        Self::RelayTokenWaiting,
        Self::RelayHandshakeSeconds,
        Self::RelayWaitingSeconds,
        Self::RelayPairBytes,
        Self::RelayPairSeconds,
        Self::RelayIdleSeconds,
        Self::RelayBytesPerSecond,
        Self::RelayMessageBytes,
    ];

    /// Tells whether it is a limit of the transit relay; the others are the mailbox server's.
    pub const fn is_of_relay(self) -> bool {
        self as usize >= Self::RelayConnections as usize
    }

    /// The name of the program's option, without its dashes.
    pub const fn option(self) -> &'static str {
        self.row().0
    }

    /// What is taken unless the operator says otherwise.
    pub const fn default(self) -> u64 {
        self.row().1
    }

    /// What is counted: the end of "at most 5 ...".
    pub const fn what(self) -> &'static str {
        self.row().2
    }

    const fn row(self) -> (&'static str, u64, &'static str) {
        match self {
            Self::FrameBytes => ("max-frame-bytes", MAX_COMMAND as u64, "bytes in a frame"),
            Self::BodyBytes => {
                ("max-body-bytes", 2 * MAX_BODY as u64, "bytes in the body of a message")
            }
            Self::IdentifierBytes => {
                ("max-identifier-bytes", MAX_IDENTIFIER as u64, "bytes in an identifier")
            }
            Self::JsonDepth => ("max-json-depth", 64, "levels of JSON"),
            Self::MailboxMessages => ("max-mailbox-messages", 1_000, "messages in a mailbox"),
            Self::MailboxBytes => ("max-mailbox-bytes", 8 << 20, "bytes in a mailbox"),
            Self::ConnectionNameplates => {
                ("max-connection-nameplates", 2, "new nameplates on a connection")
            }
            Self::AddressNameplates => {
                ("max-address-nameplates", 256, "nameplates from an address")
            }
            Self::ConnectionMailboxes => {
                ("max-connection-mailboxes", 8, "new mailboxes on a connection")
            }
            Self::AddressMailboxes => ("max-address-mailboxes", 512, "mailboxes from an address"),
            // A small machine has it in memory (`--ephemeral`) or on its disk, and something to spare.
            Self::StoredBytes => ("max-stored-bytes", 256 << 20, "bytes in all mailboxes"),
            Self::AddressStoredBytes => {
                ("max-address-stored-bytes", 32 << 20, "bytes in all mailboxes from an address")
            }
            Self::AddressJoins => {
                ("max-address-joins", 12, "joins a minute from an address that come to nothing")
            }
            Self::ConnectionCommands => {
                ("max-connection-commands", 50, "commands a second on a connection")
            }
            Self::AddressCommands => {
                ("max-address-commands", 1_000, "commands a second from an address")
            }
            Self::Connections => ("max-connections", 8_000, "connections"),
            Self::AddressConnections => {
                ("max-address-connections", 256, "connections from an address")
            }
            Self::PlainSeconds => ("max-plain-seconds", 60, "seconds without a websocket"),
            Self::UnboundSeconds => ("max-unbound-seconds", 60, "seconds without a bind"),
            Self::SilentSeconds => ("max-silent-seconds", 600, "seconds of silence"),
            Self::UnsentBytes => ("max-unsent-bytes", 32 << 20, "bytes waiting for a slow reader"),
            Self::AddressUnsentBytes => {
                ("max-address-unsent-bytes", 128 << 20, "bytes waiting for readers at an address")
            }
            Self::TotalUnsentBytes => {
                ("max-total-unsent-bytes", 256 << 20, "bytes waiting for all readers")
            }
            Self::Apps => ("max-apps", 10_000, "applications"),
            Self::AddressApps => ("max-address-apps", 100, "applications from an address"),
            Self::RelayConnections => ("relay-max-connections", 8_000, "connections to the relay"),
            Self::RelayAddressConnections => {
                ("relay-max-address-connections", 256, "connections to the relay from an address")
            }
            Self::RelayWaiting => {
                ("relay-max-waiting", 4_000, "connections that wait for their peer")
            }
            Self::RelayAddressWaiting => {
                ("relay-max-address-waiting", 128, "connections from an address that wait")
            }
            Self::RelayTokenWaiting => {
                ("relay-max-token-waiting", 16, "connections with one token that wait")
            }
            Self::RelayHandshakeSeconds => {
                ("relay-max-handshake-seconds", 30, "seconds without a request")
            }
            Self::RelayWaitingSeconds => {
                ("relay-max-waiting-seconds", 1_800, "seconds of waiting for the peer")
            }
            Self::RelayPairBytes => ("relay-max-pair-bytes", 0, "bytes between two connections"),
            Self::RelayPairSeconds => ("relay-max-pair-seconds", 0, "seconds for two connections"),
            // Clients that keep a link for later are quiet on it.
            Self::RelayIdleSeconds => {
                ("relay-max-idle-seconds", 1_800, "seconds of silence between two connections")
            }
            Self::RelayBytesPerSecond => {
                ("relay-max-bytes-per-second", 0, "bytes a second for all, shared fairly")
            }
            // Longer than the longest record of any client.
            Self::RelayMessageBytes => {
                ("relay-max-message-bytes", 128 << 20, "bytes in a websocket message to the relay")
            }
        }
    }
}

/// Somebody wanted more than a limit allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("limit reached: at most {most} {}", .limit.what())]
pub struct Exceeded {
    /// Which limit.
    pub limit: Limit,
    /// What it allows.
    pub most: u64,
}

/// What a server takes, and a count of how often somebody wanted more; clones share both.
#[derive(Clone)]
pub struct Limits {
    most: Arc<[AtomicU64; COUNT]>,
    reached: Arc<[AtomicU64; COUNT]>,
}

impl Limits {
    /// Allows everything.
    pub(crate) fn none() -> Self {
        Limit::ALL.into_iter().fold(Self::default(), |limits, limit| limits.with(limit, 0))
    }

    /// Sets a limit, for all clones; zero is no limit.
    #[must_use]
    pub fn with(self, limit: Limit, most: u64) -> Self {
        self.most[limit as usize].store(most, Ordering::Relaxed);
        self
    }

    /// Takes over what others allow, for all clones; the counts go on.
    pub fn adopt(&self, others: &Self) {
        for (most, other) in self.most.iter().zip(others.most.iter()) {
            most.store(other.load(Ordering::Relaxed), Ordering::Relaxed);
        }
    }

    /// Tells what a limit allows; `None` where it is no limit.
    pub fn most(&self, limit: Limit) -> Option<u64> {
        Some(self.most[limit as usize].load(Ordering::Relaxed)).filter(|most| *most > 0)
    }

    /// Tells how often a limit was reached since the start.
    pub fn reached(&self, limit: Limit) -> u64 {
        self.reached[limit as usize].load(Ordering::Relaxed)
    }

    /// Asks whether `count` is within a limit, and counts where it is not.
    ///
    /// # Errors
    /// [`Exceeded`] where it is not.
    pub(crate) fn check(&self, limit: Limit, count: u64) -> Result<(), Exceeded> {
        match self.most(limit) {
            Some(most) if count > most => Err(self.exceed(limit, most)),
            _ => Ok(()),
        }
    }

    /// Counts that a limit was reached; the operator hears of the first time.
    pub(crate) fn exceed(&self, limit: Limit, most: u64) -> Exceeded {
        let exceeded = Exceeded { limit, most };
        if self.reached[limit as usize].fetch_add(1, Ordering::Relaxed) == 0 {
            tracing::warn!("{exceeded} (--{}); said once", limit.option());
        }
        exceeded
    }
}

impl Default for Limits {
    fn default() -> Self {
        let most = Limit::ALL.map(|limit| AtomicU64::new(limit.default()));
        let reached = Limit::ALL.map(|_| AtomicU64::new(0));
        Self { most: Arc::new(most), reached: Arc::new(reached) }
    }
}

impl fmt::Debug for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = Limit::ALL.map(|limit| (limit, self.most(limit), self.reached(limit)));
        f.debug_list().entries(rows).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_limit_has_its_own_place_and_option() {
        for (place, limit) in Limit::ALL.into_iter().enumerate() {
            assert_eq!(limit as usize, place);
            let same = Limit::ALL.into_iter().filter(|other| other.option() == limit.option());
            assert_eq!(same.count(), 1, "{limit:?}");
        }
    }

    #[test]
    fn what_is_too_much_is_said_and_counted() {
        let limits = Limits::default().with(Limit::Apps, 2).with(Limit::JsonDepth, 0);
        assert_eq!(limits.check(Limit::Apps, 2), Ok(()));
        let other = limits.clone();
        let exceeded = other.check(Limit::Apps, 3).map_err(|e| e.to_string());
        assert_eq!(exceeded, Err("limit reached: at most 2 applications".to_owned()));
        assert_eq!(limits.check(Limit::JsonDepth, u64::MAX), Ok(()));
        assert_eq!((limits.reached(Limit::Apps), limits.reached(Limit::JsonDepth)), (1, 0));
        limits.adopt(&Limits::default().with(Limit::Apps, 3));
        assert_eq!(other.check(Limit::Apps, 3), Ok(()));
        assert_eq!(other.reached(Limit::Apps), 1);
    }
}
