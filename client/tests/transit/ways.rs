//! Which ways are tried, and what is told of them.

use std::time::Duration;

use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpStream},
    sync::oneshot,
    task::spawn_blocking,
    time::{advance, pause},
};
use wormhole_client::{
    protocol::transit::{Abilities, Endpoint, Hints, RelayHint, Role},
    transit::{Config, Detour, Listen, Transit, TransitError, Ways},
};

use super::{
    peer::{
        Peer, direct, hear, hint, hints, key, listener, port, prepared, refusing, rest, transit,
    },
    relay::Relay,
    scripted::guarded,
};

/// By which timers are late: they are due at whole milliseconds.
pub(crate) const TICK: Duration = Duration::from_millis(1);

/// Stops the clock, until a test moves it: it would go by itself where only sockets are waited for.
pub(crate) struct Frozen(#[allow(dead_code, reason = "dropped")] oneshot::Sender<()>);

pub(crate) fn freeze() -> Frozen {
    let (dropped, waiting) = oneshot::channel();
    spawn_blocking(move || {
        let _ = waiting.blocking_recv();
    });
    pause();
    Frozen(dropped)
}

/// Plays the relay for one who dials it: finds the peer at once.
pub(crate) async fn join_at(listener: &TcpListener) -> TcpStream {
    let (mut tcp, _) = listener.accept().await.unwrap();
    hear(&mut tcp, b"please relay ").await;
    let mut request = [0; 104 - 13];
    tokio::io::AsyncReadExt::read_exact(&mut tcp, &mut request).await.unwrap();
    tcp.write_all(b"ok\n").await.unwrap();
    tcp
}

/// Lets everything happen that can without the clock.
pub(crate) async fn settle() {
    for _ in 0..1000 {
        tokio::task::yield_now().await;
    }
}

#[actix::test]
async fn a_sender_keeps_a_relay_waiting_for_a_direct_way() {
    guarded(async {
        let _frozen = freeze();
        for direct_comes in [true, false] {
            let ((slow, slow_hint), (relay, relay_hint)) = (listener().await, listener().await);
            let theirs = Hints { relays: vec![relay_hint.into()], ..direct([slow_hint]) };
            let (key, ours, theirs_line) =
                (key(), key().line(Role::Sender), key().line(Role::Receiver));
            let sender = transit(Role::Sender, false, &[]);
            let peers = async {
                let (mut slow, _) = slow.accept().await.unwrap();
                hear(&mut slow, &ours).await;
                // The relay's head start is over: now it is dialled.
                advance(Duration::from_secs(2) + TICK).await;
                let mut relayed = join_at(&relay).await;
                hear(&mut relayed, &ours).await;
                relayed.write_all(&theirs_line).await.unwrap();
                settle().await;
                assert!(relayed.try_read(&mut [0; 3]).is_err(), "the relay is taken at once");
                if direct_comes {
                    slow.write_all(&theirs_line).await.unwrap();
                } else {
                    // 30 % of the two seconds.
                    advance(Duration::from_millis(599)).await;
                    settle().await;
                    assert!(relayed.try_read(&mut [0; 3]).is_err(), "the relay is taken too early");
                    advance(TICK * 3).await;
                }
                (slow, relayed)
            };
            let (connected, (mut slow, mut relayed)) =
                tokio::join!(sender.connect(&key, &theirs), peers);
            let connection = connected.unwrap();
            let via = connection.via().clone();
            drop(connection);
            let heard = [rest(&mut slow).await, rest(&mut relayed).await];
            if direct_comes {
                assert_eq!(heard, [b"go\n".to_vec(), b"nevermind\n".to_vec()]);
                assert_eq!(via.detour, None);
            } else {
                assert_eq!(heard, [b"".to_vec(), b"go\n".to_vec()]);
                assert!(matches!(via.detour, Some(Detour::Slow { .. })), "{via}");
            }
        }
    })
    .await;
}

#[actix::test]
async fn nothing_is_held_back_where_nothing_direct_can_come() {
    guarded(async {
        let _frozen = freeze();
        let (relay, relay_hint) = listener().await;
        let theirs = Hints { relays: vec![relay_hint.into()], ..Hints::default() };
        let (key, line) = (key(), key().line(Role::Receiver));
        let sender = transit(Role::Sender, false, &[]);
        let peer = async {
            settle().await;
            advance(TICK).await;
            let mut relayed = join_at(&relay).await;
            relayed.write_all(&line).await.unwrap();
            relayed
        };
        // The clock stands from then on.
        let (connected, _relayed) = tokio::join!(sender.connect(&key, &theirs), peer);
        assert_eq!(connected.unwrap().via().detour, Some(Detour::NoAddress { listening: false }));
    })
    .await;
}

#[actix::test]
async fn a_receiver_gives_a_lonely_sender_half_a_second() {
    guarded(async {
        let _frozen = freeze();
        let (relay, relay_hint) = listener().await;
        let theirs = Hints { relays: vec![relay_hint.into()], ..Hints::default() };
        let key = key();
        let receiver = transit(Role::Receiver, false, &[]);
        let watching = async {
            for wait in [0, 499] {
                advance(Duration::from_millis(wait)).await;
                settle().await;
                tokio::select! {
                    biased;
                    _ = relay.accept() => panic!("the relay is dialled after {wait} ms"),
                    () = settle() => {}
                }
            }
            advance(TICK * 2).await;
            let relayed = join_at(&relay).await;
            Peer::meet(relayed, Role::Sender).await
        };
        let (connected, _peer) = tokio::join!(receiver.connect(&key, &theirs), watching);
        connected.unwrap();
    })
    .await;
}

/// Connects a sender, whose view is tested, with a receiver that has only the relay.
async fn detour(ways: Ways, listen: Listen, direct_hints: Hints) -> String {
    let relay = Relay::start();
    let own = [relay.hint.clone()];
    let sender = prepared(Role::Sender, listen, ways, &own);
    let receiver = prepared(Role::Receiver, Listen::Never, Ways::All, &own);
    let (key, nothing) = (key(), Hints::default());
    let both = tokio::join!(sender.connect(&key, &direct_hints), receiver.connect(&key, &nothing));
    let via = both.0.unwrap().via().to_string();
    let shown = format!("relay {}: ", own[0].endpoints[0].to_string().replace("tcp:", ""));
    via.strip_prefix(&shown).unwrap_or_else(|| panic!("{via}")).to_owned()
}

#[actix::test]
async fn why_it_is_a_relay_is_told() {
    guarded(async {
        let forced = detour(Ways::RelayOnly, Listen::Any, direct([refusing().await])).await;
        assert_eq!(forced, "direct connections are switched off here");

        let lonely = detour(Ways::All, Listen::Never, Hints::default()).await;
        assert_eq!(lonely, "the peer offers no address, and nobody can dial us");

        let unreached = detour(Ways::All, Listen::Any, Hints::default()).await;
        assert_eq!(unreached, "the peer offers no address, and did not reach ours");

        let refusing = refusing().await;
        let shown = format!("direct to {refusing}: connection refused");
        assert_eq!(detour(Ways::All, Listen::Never, direct([refusing])).await, shown);
    })
    .await;
}

#[actix::test]
async fn a_relay_only_end_is_not_found_in_any_other_way() {
    guarded(async {
        let (tempting, tempting_hint) = listener().await;
        let relay = Relay::start();
        let own = [relay.hint.clone()];
        let ours = prepared(Role::Sender, Listen::Any, Ways::RelayOnly, &own);
        assert_eq!(ours.abilities(), Abilities { direct_tcp: false, relay: true });
        let Hints { direct: offered, tor, relays } = ours.hints();
        assert_eq!((offered, tor), (vec![], vec![]));
        assert_eq!(relays, own);
        let receiver = prepared(Role::Receiver, Listen::Never, Ways::All, &own);
        let (key, theirs, nothing) = (key(), direct([tempting_hint]), Hints::default());
        let both = tokio::join!(ours.connect(&key, &theirs), receiver.connect(&key, &nothing));
        assert!(both.0.unwrap().via().way.is_relayed());
        tokio::select! {
            biased;
            _ = tempting.accept() => panic!("it dials"),
            () = settle() => {}
        }
    })
    .await;
}

#[actix::test]
async fn a_direct_only_end_has_nothing_to_do_with_relays() {
    guarded(async {
        let relay = Relay::start();
        let own = [relay.hint.clone()];
        let ours = prepared(Role::Sender, Listen::Never, Ways::DirectOnly, &own);
        let only = Abilities { direct_tcp: true, relay: false };
        assert_eq!((ours.abilities(), ours.hints()), (only, Hints::default()));
        let theirs = Hints { relays: own.to_vec(), ..direct([refusing().await]) };
        let failed = ours.connect(&key(), &theirs).await.err().unwrap();
        let TransitError::AllFailed(tried) = failed else { panic!("{failed}") };
        assert_eq!((tried.told.len(), tried.more), (1, 0));
        assert_eq!(relay.view().accepted(), 0);
    })
    .await;
}

#[actix::test]
async fn a_port_of_ones_own_is_listened_on_or_refused() {
    let free = port(&transit(Role::Sender, true, &[])).try_into().unwrap();
    let ours = prepared(Role::Sender, Listen::Ports(free..=free), Ways::All, &[]);
    assert!(hints(&ours).direct.iter().all(|hint| hint.port == free));
    let config = Config { listen: Listen::Ports(free..=free), ..Config::default() };
    let refused = Transit::prepare(Role::Sender, &config).err().unwrap();
    assert!(matches!(refused, TransitError::Ports { .. }), "{refused}");
    assert!(refused.to_string().starts_with(&format!("cannot listen on port {free}: ")));
}

#[actix::test]
async fn of_a_flood_of_hints_each_place_is_dialled_once_and_the_wire_never() {
    guarded(async {
        let (once, once_hint) = listener().await;
        let mut theirs = direct([hint("fe80::1", 9)]);
        theirs.direct.extend(vec![once_hint.clone(); 60]);
        let key = key();
        let ours = transit(Role::Receiver, false, &[]);
        let peer = async {
            let (tcp, _) = once.accept().await.unwrap();
            drop(tcp);
        };
        let (failed, ()) = tokio::join!(ours.connect(&key, &theirs), peer);
        let TransitError::AllFailed(tried) = failed.err().unwrap() else { panic!("it connects") };
        assert_eq!((tried.told.len(), tried.more), (1, 0), "{tried}");
        assert_eq!(tried.told[0].way.to_string(), format!("direct to {once_hint}"));
    })
    .await;
}

#[actix::test]
async fn where_nobody_comes_the_port_and_all_that_was_tried_are_told() {
    let sender = transit(Role::Sender, true, &[]);
    let port = port(&sender);
    let refusing = refusing().await;
    let tor = RelayHint { name: None, endpoints: vec![Endpoint::Tor(hint("x.onion", 1))] };
    let theirs = Hints { relays: vec![tor], ..direct([refusing.clone()]) };
    pause();
    let failed = sender.connect(&key(), &theirs).await.err().unwrap();
    assert_eq!(
        failed.to_string(),
        format!(
            "cannot reach the peer: nobody who knows the key dialled our port {port} within 30 \
             seconds; direct to {refusing}: connection refused"
        )
    );
}
