//! Why a wormhole, or a call on it, came to nothing.

use wormhole_protocol::{code::KeyFormatError, key::PakeError, name::Mood};

/// The reason of a failure, by whose fault it is.
///
/// It holds no secret. Text of the server's or the peer's is as it came: escape it before it goes
/// to a terminal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A code was malformed; nothing was sent, and another try is open.
    #[error(transparent)]
    KeyFormat(#[from] KeyFormatError),
    /// A wormhole has one code, and this one has it already or is getting it.
    #[error("this wormhole already has a code")]
    OnlyOneCode,
    /// Words were asked for or chosen before a nameplate.
    #[error("a nameplate must be chosen first")]
    MustChooseNameplateFirst,
    /// The nameplate was chosen before, and there is no way back.
    #[error("the nameplate is already chosen")]
    AlreadyChoseNameplate,
    /// The words were chosen before.
    #[error("the words are already chosen")]
    AlreadyChoseWords,
    /// There is no key yet to derive another from.
    #[error("there is no key yet")]
    NoKey,
    /// More bytes were to be derived than HKDF gives.
    #[error("cannot derive {0} bytes, at most 8160")]
    DerivedLength(usize),
    /// The first connection to the mailbox server failed.
    #[error("cannot reach the mailbox server at {url}: {reason}")]
    ServerConnection {
        /// Where it was looked for.
        url: String,
        /// What went wrong.
        reason: String,
    },
    /// The server's welcome turned us away.
    #[error("the server turns clients away: {0}")]
    Welcome(String),
    /// The server refused a command.
    #[error("the server reports an error: {0}")]
    Server(String),
    /// The server broke the protocol.
    #[error("the server broke the protocol: {0}")]
    ServerProtocol(String),
    /// The server demands something before it serves us that cannot be given.
    #[error("{0}")]
    Permission(String),
    /// The peer has another key: a mistyped code, or an attacker who guessed.
    #[error("the peer has another code")]
    WrongPassword,
    /// The peer broke the protocol.
    #[error("the peer {0}")]
    Peer(&'static str),
    /// The wormhole was closed before a peer proved that it has the key.
    #[error("closed before a peer came")]
    Lonely,
    /// The time that the application gave the wormhole is up.
    #[error("it took longer than it was given")]
    Timeout,
    /// The application's versions are not what becomes a JSON object.
    #[error("expected versions that become a JSON object: {0}")]
    Versions(String),
    /// The application's certificates are none.
    #[error("not certificates to trust (PEM): {0}")]
    TlsRoot(String),
    /// The wormhole ended well, and cannot give what is asked for any more.
    #[error("the wormhole is closed")]
    Closed,
    /// Our own code is at fault.
    #[error("internal error: {0}")]
    Internal(&'static str),
}

impl Error {
    /// The mood in which a wormhole closes that ends for this reason
    /// [client.md: closing and moods].
    pub fn mood(&self) -> Mood {
        match self {
            Self::WrongPassword => Mood::Scary,
            Self::Welcome(_) => Mood::Unwelcome,
            Self::Lonely => Mood::Lonely,
            Self::Closed => Mood::Happy,
            _ => Mood::Errory,
        }
    }
}

impl From<PakeError> for Error {
    fn from(refusal: PakeError) -> Self {
        match refusal {
            PakeError::Malformed => Self::Peer("sent a malformed pake message"),
            // A point or a version that an honest peer never sends is an attack on the code.
            _ => Self::WrongPassword,
        }
    }
}
