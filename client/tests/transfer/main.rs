//! Whole transfers between two wormholes of one mailbox server, one of which a test may play.

#![allow(clippy::unwrap_used)]

mod confirmation;
mod ends;
mod failures;
mod goods;
mod harm;
mod offers;
mod partial;
mod repeated;
mod scene;
#[path = "../scripted/mod.rs"]
mod scripted;
mod streams;
mod told;
