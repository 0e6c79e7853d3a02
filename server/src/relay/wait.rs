//! A connection that waits for its peer.

use std::sync::Arc;

use tokio::{sync::oneshot, task::spawn_local};
use wormhole_protocol::transit::relay::IMPATIENT;

use super::{
    caller::{Caller, Stir},
    pair,
    room::Turn,
    story::RelayMood,
};
use crate::{limits::Limit, quota::Share};

/// How the wait ended.
enum End {
    Turn(Turn),
    Stir(Stir),
    /// Nobody came in time, or the relay stops.
    Alone,
}

/// Waits, and goes on with whatever comes of it; `leave` tells the room where that is not its own
/// decision.
pub(super) async fn until_turn(
    mut caller: Box<Caller>,
    place: Share,
    mut told: oneshot::Receiver<Turn>,
    leave: impl FnOnce(),
) {
    let hub = Arc::clone(caller.story.hub());
    let waits = hub.tally.wait();
    caller.story.becomes(RelayMood::Lonely);
    let end = tokio::select! {
        // A peer that has come is not turned away any more.
        biased;
        turn = &mut told => turn.map_or(End::Alone, End::Turn),
        stir = caller.stir() => End::Stir(stir),
        () = hub.passed(Limit::RelayWaitingSeconds) => End::Alone,
    };
    // From here on the room finds that nobody waits, and takes another.
    drop((waits, place, told));
    match end {
        // As a task of its own: while it waits a connection does not hold what a pair needs.
        End::Turn(Turn::Partner(newcomer)) => drop(spawn_local(pair::join(caller, newcomer))),
        End::Turn(Turn::Redundant) => caller.story.becomes(RelayMood::Redundant),
        End::Stir(Stir::Said) => {
            leave();
            spawn_local(caller.dismiss(RelayMood::Impatient, IMPATIENT));
        }
        End::Stir(Stir::Left) | End::Alone => leave(),
    }
}
