//! Ways that one side has switched off: what is left is tried, and where that is nothing both know
//! at once.

use tokio::time::{Instant, pause};
use wormhole_client::{
    protocol::transit::{Abilities, Hints, Reach, Role},
    transit::{Detour, Listen, Off, Transit, TransitError, Ways},
};

use super::{
    peer::{hints, key, prepared},
    relay::Relay,
    scripted::guarded,
    ways::settle,
};

/// What one says of itself.
fn reach(transit: &Transit) -> Reach {
    let mut reach = Reach::default();
    reach.add(transit.abilities(), hints(transit));
    reach
}

#[actix::test]
async fn two_that_have_no_way_in_common_know_it_at_once() {
    guarded(async {
        let relay = Relay::start();
        let own = [relay.hint.clone()];
        for [sends, receives] in
            [[Ways::DirectOnly, Ways::RelayOnly], [Ways::RelayOnly, Ways::DirectOnly]]
        {
            let sender = prepared(Role::Sender, Listen::Any, sends, &own);
            let receiver = prepared(Role::Receiver, Listen::Any, receives, &own);
            let (of_sender, of_receiver) = (reach(&sender), reach(&receiver));
            let key = key();
            let both =
                tokio::join!(sender.connect(&key, of_receiver), receiver.connect(&key, of_sender));
            for (failed, ours) in [(both.0, sends), (both.1, receives)] {
                let failed = failed.err().unwrap();
                let TransitError::Apart { ours: told } = failed else { panic!("{failed}") };
                assert_eq!(told, ours);
            }
        }
        assert_eq!(relay.view().accepted(), 0);
    })
    .await;
}

#[actix::test]
async fn what_the_other_end_has_switched_off_is_not_tried() {
    guarded(async {
        let relay = Relay::start();
        let own = [relay.hint.clone()];
        let sender = prepared(Role::Sender, Listen::Any, Ways::All, &own);
        let receiver = prepared(Role::Receiver, Listen::Any, Ways::RelayOnly, &own);
        let (of_sender, of_receiver) = (reach(&sender), reach(&receiver));
        let key = key();
        let both =
            tokio::join!(sender.connect(&key, of_receiver), receiver.connect(&key, of_sender));
        assert_eq!(both.0.unwrap().via().detour, Some(Detour::ForcedByPeer));
        assert_eq!(both.1.unwrap().via().detour, Some(Detour::Forced));

        let relay = Relay::start();
        let sender = prepared(Role::Sender, Listen::Never, Ways::All, std::slice::from_ref(&relay.hint));
        let mut of_receiver = Reach::default();
        of_receiver.add(Abilities { direct_tcp: true, relay: false }, Hints::default());
        let failed = sender.connect(&key, of_receiver).await.err().unwrap().to_string();
        let told = "there is no way to reach the peer: neither side listens, and relays are switched \
             off at the other end";
        assert_eq!(failed, told);
        settle().await;
        assert_eq!(relay.view().accepted(), 0);
    })
    .await;
}

#[actix::test]
async fn nobody_is_waited_for_who_does_not_dial() {
    let ours = prepared(Role::Sender, Listen::Any, Ways::All, &[]);
    let mut theirs = Reach::default();
    theirs.add(Abilities { direct_tcp: false, relay: true }, Hints::default());
    let failed = guarded(ours.connect(&key(), theirs)).await.err().unwrap();
    let nothing = TransitError::NoWay(Some(Off::Direct { here: false }));
    assert_eq!(failed.to_string(), nothing.to_string());
}

/// How long one who listens waits for nobody, in seconds.
async fn patience(ways: Ways) -> (u64, String) {
    let (_silent, silent) = super::peer::listener().await;
    let ours = prepared(Role::Sender, Listen::Any, ways, &[silent.into()]);
    pause();
    let begun = Instant::now();
    let failed = ours.connect(&key(), &Hints::default()).await.err().unwrap();
    (begun.elapsed().as_secs(), failed.to_string())
}

#[actix::test]
async fn half_a_minute_is_enough_where_nobody_has_to_be_waited_for_at_a_relay() {
    let (seconds, told) = patience(Ways::DirectOnly).await;
    assert_eq!(seconds, 30, "{told}");
    assert!(told.contains("within 30 seconds; relays are switched off here"), "{told}");
}

#[actix::test]
async fn a_minute_is_enough_with_a_relay() {
    let (seconds, told) = patience(Ways::All).await;
    assert_eq!(seconds, 60, "{told}");
    assert!(told.contains("the peer did not show up there within 60 seconds"), "{told}");
}
