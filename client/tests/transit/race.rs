//! Which way wins, and what becomes of the others.

use std::{cell::Cell, time::Duration};

use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpStream},
    time::Instant,
};
use wormhole_client::{
    protocol::transit::{Hints, Role},
    transit::{Connection, Transit, TransitError, Via, Way},
};

use super::{
    peer::{
        Peer, direct, greet, hear, hint, hints, key, linked, listener, refusing, rest, transit,
    },
    relay::Relay,
    scripted::guarded,
};

/// Connects two by their hints.
async fn meet(sender: Transit, receiver: Transit) -> [Connection; 2] {
    let (of_sender, of_receiver) = (hints(&sender), hints(&receiver));
    connect((sender, of_receiver), (receiver, of_sender)).await
}

/// Connects two, each with what it knows of the other, and passes a record both ways.
async fn connect(sender: (Transit, Hints), receiver: (Transit, Hints)) -> [Connection; 2] {
    let key = key();
    let both =
        tokio::join!(sender.0.connect(&key, &sender.1), receiver.0.connect(&key, &receiver.1));
    let (a, b) = (both.0.unwrap(), both.1.unwrap());
    a.send_record(b"from a".to_vec()).await.unwrap();
    b.send_record(b"from b".to_vec()).await.unwrap();
    assert_eq!(a.receive_record(100).await.unwrap(), b"from b");
    assert_eq!(b.receive_record(100).await.unwrap(), b"from a");
    [a, b]
}

fn relayed(via: &Via) -> bool {
    via.way.is_relayed()
}

async fn failure(role: Role, theirs: Hints) -> TransitError {
    transit(role, false, &[]).connect(&key(), &theirs).await.err().unwrap()
}

#[actix::test]
async fn whoever_listens_is_found() {
    guarded(async {
        for (sends, receives) in [(true, true), (true, false), (false, true)] {
            let both =
                meet(transit(Role::Sender, sends, &[]), transit(Role::Receiver, receives, &[]));
            let [sender, receiver] = both.await;
            let dialled = [&sender, &receiver].map(|end| matches!(end.via().way, Way::Dialled(_)));
            assert_ne!(dialled[0], dialled[1]);
            if sends != receives {
                assert_eq!(dialled[0], receives);
            }
        }
    })
    .await;
}

#[actix::test]
async fn a_relay_of_either_side_joins_two_that_do_not_listen() {
    guarded(async {
        for (of_sender, of_receiver) in [(1, 0), (0, 1), (1, 1)] {
            let relay = Relay::start();
            let own = |has| vec![relay.hint.clone(); has];
            let both = meet(
                transit(Role::Sender, false, &own(of_sender)),
                transit(Role::Receiver, false, &own(of_receiver)),
            );
            assert!(both.await.iter().all(|end| relayed(end.via())));
            let asked = relay.view().accepted();
            assert_eq!(asked, 2, "an address that both know is asked once by each");
        }
    })
    .await;
}

#[actix::test]
async fn a_direct_way_is_tried_before_a_relay() {
    guarded(async {
        let relay = Relay::start();
        let own = [relay.hint.clone()];
        let both = meet(transit(Role::Sender, true, &own), transit(Role::Receiver, true, &own));
        assert!(!both.await.iter().any(|end| relayed(end.via())));
        assert_eq!(relay.view().accepted(), 0);
    })
    .await;
}

#[actix::test]
async fn a_relay_helps_where_the_direct_ways_fail() {
    guarded(async {
        let relay = Relay::start();
        let theirs = Hints { relays: vec![relay.hint.clone()], ..direct([refusing().await]) };
        let start = Instant::now();
        let both = connect(
            (transit(Role::Sender, true, &[]), theirs.clone()),
            (transit(Role::Receiver, true, &[]), theirs),
        );
        assert!(both.await.iter().all(|end| relayed(end.via())));
        assert!(start.elapsed() >= Duration::from_secs(2), "the direct ways have a head start");
    })
    .await;
}

#[actix::test]
async fn a_good_hint_wins_beside_bad_ones() {
    guarded(async {
        let (_silent, silent) = listener().await;
        let receiver = transit(Role::Receiver, true, &[]);
        let good = hints(&receiver).direct.remove(0);
        let theirs = direct([refusing().await, hint("no..where", 1), silent, good]);
        let sender = transit(Role::Sender, false, &[]);
        connect((sender, theirs), (receiver, Hints::default())).await;
    })
    .await;
}

#[actix::test]
async fn ipv6_is_dialled_and_listened_on() {
    if TcpListener::bind("[::1]:0").await.is_err() {
        eprintln!("skipped: this machine has no IPv6");
        return;
    }
    guarded(async {
        let receiver = transit(Role::Receiver, true, &[]);
        let mut theirs = hints(&receiver);
        theirs.direct[0].hostname = "::1".into();
        let sender = transit(Role::Sender, false, &[]);
        let both = connect((sender, theirs), (receiver, Hints::default())).await;
        assert!(both[0].via().to_string().starts_with("direct to [::1]:"), "{}", both[0].via());
        assert!(both[1].via().to_string().starts_with("direct from [::1]:"), "{}", both[1].via());
    })
    .await;
}

#[actix::test]
async fn of_two_at_once_one_is_chosen_and_the_other_dismissed() {
    guarded(async {
        let (first, second) = (listener().await, listener().await);
        let theirs = direct([first.1, second.1]);
        let peers = async {
            let (mut a, _) = first.0.accept().await.unwrap();
            let (mut b, _) = second.0.accept().await.unwrap();
            let (ours, theirs) = (key().line(Role::Receiver), key().line(Role::Sender));
            hear(&mut a, &theirs).await;
            hear(&mut b, &theirs).await;
            // Without a pause in which one of them could be read.
            a.try_write(&ours).unwrap();
            b.try_write(&ours).unwrap();
            (a, b)
        };
        let key = key();
        let (connected, (mut a, mut b)) =
            tokio::join!(transit(Role::Sender, false, &[]).connect(&key, &theirs), peers);
        drop(connected.unwrap());
        let mut heard = [rest(&mut a).await, rest(&mut b).await];
        heard.sort();
        assert_eq!(heard, [b"go\n".to_vec(), b"nevermind\n".to_vec()]);
    })
    .await;
}

#[actix::test]
async fn a_receiver_takes_the_connection_on_which_it_hears_go() {
    guarded(async {
        let (first, second) = (listener().await, listener().await);
        let theirs = direct([first.1, second.1]);
        let peers = async {
            let (mut a, _) = first.0.accept().await.unwrap();
            let (b, _) = second.0.accept().await.unwrap();
            greet(&mut a, Role::Sender).await;
            (a, Peer::meet(b, Role::Sender).await)
        };
        let key = key();
        let (connected, (mut a, mut b)) =
            tokio::join!(transit(Role::Receiver, false, &[]).connect(&key, &theirs), peers);
        let connection = connected.unwrap();
        assert_eq!(rest(&mut a).await, b"");
        b.send(b"hello").await;
        assert_eq!(connection.receive_record(100).await.unwrap(), b"hello");
    })
    .await;
}

#[actix::test]
async fn go_and_the_first_record_may_come_together() {
    guarded(async {
        let receiver = transit(Role::Receiver, true, &[]);
        let peer = async {
            let address = ("127.0.0.1", super::peer::port(&receiver));
            let mut peer = Peer::new(TcpStream::connect(address).await.unwrap(), Role::Sender);
            let bytes = [key().line(Role::Sender), b"go\n".to_vec(), peer.sealed(b"early")];
            peer.tcp.write_all(&bytes.concat()).await.unwrap();
            peer
        };
        let mut peer = peer.await;
        let connection = receiver.connect(&key(), &Hints::default()).await.unwrap();
        assert_eq!(connection.receive_record(100).await.unwrap(), b"early");
        peer.send(b"later").await;
        assert_eq!(connection.receive_record(100).await.unwrap(), b"later");
    })
    .await;
}

#[actix::test]
async fn where_there_is_no_way_that_is_said_at_once() {
    let failed = failure(Role::Sender, Hints::default()).await;
    assert!(matches!(failed, TransitError::NoWay(None)), "{failed}");
}

#[actix::test]
async fn where_all_ways_fail_each_reason_is_told() {
    guarded(async {
        let (listener, stranger) = listener().await;
        let refusing = refusing().await;
        let told = format!(
            "cannot reach the peer: direct to {refusing}: connection refused; direct to {stranger}: \
             whoever is at the other end does not know the transit key"
        );
        let theirs = direct([refusing, stranger]);
        let (failed, ()) = tokio::join!(failure(Role::Receiver, theirs), async {
            let (mut tcp, _) = listener.accept().await.unwrap();
            tcp.write_all(b"HTTP/1.1 400 Bad Request\r\n").await.unwrap();
        });
        assert_eq!(failed.to_string(), told);
    })
    .await;
}

#[actix::test]
async fn a_sender_that_chose_otherwise_is_believed() {
    guarded(async {
        let (listener, hint) = listener().await;
        let (failed, ()) = tokio::join!(failure(Role::Receiver, direct([hint])), async {
            let (mut tcp, _) = listener.accept().await.unwrap();
            greet(&mut tcp, Role::Sender).await;
            tcp.write_all(b"nevermind\n").await.unwrap();
        });
        let TransitError::AllFailed(tried) = failed else { panic!("{failed}") };
        assert_eq!(tried.told[0].reason, "the sender did not choose this connection");
    })
    .await;
}

#[actix::test]
async fn a_relay_that_refuses_is_no_way() {
    guarded(async {
        let (listener, hint) = listener().await;
        let theirs = Hints { relays: vec![hint.into()], ..Hints::default() };
        let (failed, ()) = tokio::join!(failure(Role::Sender, theirs), async {
            let (mut tcp, _) = listener.accept().await.unwrap();
            tcp.write_all(b"impatient\n").await.unwrap();
        });
        let TransitError::AllFailed(tried) = failed else { panic!("{failed}") };
        assert_eq!(tried.told[0].reason, "the relay refused to connect us");
    })
    .await;
}

#[actix::test]
async fn a_race_that_nobody_wins_ends() {
    let sender = transit(Role::Sender, true, &[]);
    tokio::time::pause();
    let failed = sender.connect(&key(), &Hints::default()).await.err().unwrap();
    assert!(matches!(failed, TransitError::Timeout { .. }), "{failed}");
}

#[actix::test]
async fn finishing_waits_for_the_peer_but_not_for_ever() {
    guarded(async {
        let (connection, mut peer) = linked(Role::Receiver).await;
        connection.send_record(b"last".to_vec()).await.unwrap();
        let closing = Cell::new(false);
        let peer = async {
            assert_eq!(peer.receive().await, b"last");
            assert_eq!(rest(&mut peer.tcp).await, b"");
            // Time enough for one who does not wait.
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
            closing.set(true);
            drop(peer);
        };
        let finishing = async {
            connection.finish().await;
            assert!(closing.get());
        };
        tokio::join!(finishing, peer);

        let (connection, _peer) = linked(Role::Receiver).await;
        tokio::time::pause();
        let before = Instant::now();
        connection.finish().await;
        assert!(before.elapsed() <= Duration::from_secs(6));
    })
    .await;
}
