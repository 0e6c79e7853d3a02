//! The formats, codes and keys of the Magic-Wormhole protocols.
//!
//! Everything here is a pure function of its arguments: no sockets, no clock, no runtime, and
//! randomness is handed in. So the same code serves the client, the server, the fuzzers and a
//! browser.
//!
//! Where to start, in the order in which two programs meet:
//! [`code`] (what people type), [`wire`] (what they say to the mailbox server), [`key`] (how they
//! agree on a key and seal messages), [`transfer`] (what those messages say), [`transit`] (how the
//! bytes of a file travel).

// One file allows it: secretbox/lanes.rs, which says why.
#![deny(unsafe_code)]

pub mod code;
pub mod hashcash;
pub mod key;
pub mod name;
pub mod permission;
pub mod secretbox;
pub mod transfer;
pub mod transit;
pub mod uri;
pub mod wire;
pub mod wordlist;
