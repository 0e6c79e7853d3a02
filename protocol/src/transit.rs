//! Transit: how two programs that share a key get one stream between them, and what goes over it.
//!
//! 1. Both know the same 32 bytes, the [`TransitKey`]; one is the [`Sender`](Role::Sender), the
//!    other the [`Receiver`](Role::Receiver). All else is derived from that.
//! 2. Each tells the other where it can be reached: [`Hints`], which name addresses to dial and
//!    relays to meet at ([`RelayArgument`] is how a person names a relay, [`Reach`] what a peer has
//!    said, [`Scope`] where an address can be reached from).
//! 3. On every connection that comes about the two prove that they know the key: a [`Greeting`],
//!    which on the way to a [relay] first asks that to find the peer.
//! 4. The sender picks one connection; from then on it carries [records](record).
//!
//! Who dials and who listens has nothing to do with the role.

mod greet;
mod hint;
mod hints;
mod key;
mod reach;
pub mod record;
pub mod relay;
mod relay_arg;
mod scope;

pub use self::{
    greet::{Established, Greeting, GreetingError, Paused, Step, Undecided},
    hint::{DirectHint, Endpoint, RelayHint, Route},
    hints::{Abilities, Hints},
    key::{RecordKey, Role, TransitKey},
    reach::Reach,
    relay_arg::{RelayArgument, RelayArgumentError},
    scope::{Block, Scope},
};
