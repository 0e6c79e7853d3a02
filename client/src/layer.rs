//! The layers of the protocol, one actor a file, each named as the protocol names it.
//!
//! They only pass messages; [`crate::house`] says who tells whom what.

pub(crate) mod allocator;
pub(crate) mod boss;
pub(crate) mod code;
pub(crate) mod input;
pub(crate) mod key;
pub(crate) mod lister;
pub(crate) mod mailbox;
pub(crate) mod nameplate;
pub(crate) mod order;
pub(crate) mod receive;
pub(crate) mod rendezvous;
pub(crate) mod send;
#[cfg(test)]
pub(crate) mod table;
pub(crate) mod terminator;
mod waiting;

/// Logs an input that the protocol's tables leave undefined here, and which the server, the peer
/// or timing can cause.
fn ignored<M>(layer: &'static str) {
    tracing::debug!(layer, message = std::any::type_name::<M>(), "ignored");
}
