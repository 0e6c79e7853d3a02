//! What the relay takes only so much of.

use std::{
    cell::Cell,
    rc::Rc,
    time::{Duration, Instant},
};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use wormhole_server::{Limit, Limits, LiveRules, Rules, relay::RelayConfig};

use super::{Caller, Stage, request};

#[actix::test]
async fn connections_are_limited() {
    for limit in [Limit::RelayConnections, Limit::RelayAddressConnections] {
        let stage = Stage::limited(&[(limit, 2)]);
        let one = stage.wait('t', 'a', 1).await;
        let _two = stage.wait('u', 'a', 2).await;
        assert_eq!(stage.ask('v', Some('a')).await.hear_end().await, "", "{limit:?}");
        drop(one);
        stage.until(|relay| relay.connections() == 1).await;
        let _three = stage.wait('v', 'a', 2).await;
    }
}

#[actix::test]
async fn those_who_wait_are_limited_but_their_peers_are_not() {
    for limit in [Limit::RelayWaiting, Limit::RelayAddressWaiting, Limit::RelayTokenWaiting] {
        let stage = Stage::limited(&[(limit, 1)]);
        let mut first = stage.wait('t', 'a', 1).await;
        assert_eq!(stage.ask('t', Some('a')).await.hear_end().await, "", "{limit:?}");
        stage.ask('t', Some('b')).await.expect("ok\n").await;
        first.expect("ok\n").await;
        stage.wait('u', 'a', 1).await;
    }
}

#[actix::test]
async fn where_all_places_are_taken_the_address_with_most_gives_one_up() {
    let stage = Stage::limited(&[(Limit::RelayWaiting, 8)]);
    let mut waiting = Vec::new();
    // Three addresses with two each, and two with one.
    for (number, address) in [2, 2, 3, 3, 4, 4, 5, 6].into_iter().enumerate() {
        let mut caller = stage.call_from(address).await;
        let token = char::from(b'a' + number as u8);
        caller.say(request(token, Some('a')).as_bytes()).await;
        stage.until(|relay| relay.waiting() == number as u64 + 1).await;
        waiting.push(caller);
    }
    let mut honest = stage.call_from(9).await;
    honest.say(request('t', Some('a')).as_bytes()).await;
    let mut peer = stage.call_from(10).await;
    // The first to go is one that has waited longest at an address with two.
    let evicted = futures_util::future::select_all(
        waiting.iter_mut().map(|caller| Box::pin(caller.hear_end())),
    );
    let (last_words, which, _) = evicted.await;
    assert!(last_words.is_empty() && [0, 2, 4].contains(&which), "{which}: {last_words}");
    peer.say(request('t', Some('b')).as_bytes()).await;
    honest.expect("ok\n").await;
    peer.expect("ok\n").await;
}

#[actix::test]
async fn a_trusted_proxys_connections_count_for_no_address() {
    let limits = Limits::default().with(Limit::RelayAddressConnections, 1);
    let rules = Rules {
        trusted_proxies: ["127.0.0.0/8".parse().unwrap()].into_iter().collect(),
        ..Rules::default()
    };
    let rules = LiveRules::from(rules);
    let stage = Stage::with(RelayConfig { limits, rules, ..RelayConfig::default() });
    stage.pair().await;
}

#[actix::test]
async fn nobody_is_waited_for_forever() {
    let stage = Stage::limited(&[(Limit::RelayHandshakeSeconds, 1)]);
    let mut slow = stage.call().await;
    slow.say(b"please").await;
    assert_eq!(slow.hear_end().await, "");
    assert_eq!(stage.moods().await, [("empty", 1)]);

    let stage = Stage::limited(&[(Limit::RelayWaitingSeconds, 1)]);
    let mut lonely = stage.ask('t', Some('a')).await;
    assert_eq!(lonely.hear_end().await, "");
    assert_eq!(stage.moods().await, [("lonely", 1)]);
}

#[actix::test]
async fn a_pair_may_be_limited() {
    let stage = Stage::limited(&[(Limit::RelayPairSeconds, 1)]);
    let (mut first, _second) = stage.pair().await;
    assert_eq!(first.hear_end().await, "");

    let limits = Limits::default().with(Limit::RelayPairBytes, 10);
    let config = RelayConfig { limits: limits.clone(), ..RelayConfig::default() };
    let stage = Stage::with(RelayConfig { linger: Duration::MAX, ..config });
    let (mut first, mut second) = stage.pair().await;
    first.say(b"0123456789").await;
    second.expect("0123456789").await;
    assert_eq!(limits.reached(Limit::RelayPairBytes), 0);
    second.say(b"x").await;
    drop(first.rest().await);
    assert_eq!(limits.reached(Limit::RelayPairBytes), 1);
    assert_eq!(stage.moods().await, [("happy", 1)]);
}

#[actix::test]
async fn pairs_share_the_bandwidth_fairly() {
    const RATE: u64 = 8_000_000;
    const ALL: u64 = 12_000_000;
    let stage = Stage::limited(&[(Limit::RelayBytesPerSecond, RATE)]);
    let mut heard = Vec::new();
    // Those who say little at once get no less.
    for portion in [65_536, 1_000, 65_536, 1_000] {
        let (Caller(mut from), Caller(mut to)) = stage.pair().await;
        let count = Rc::<Cell<u64>>::default();
        heard.push(Rc::clone(&count));
        actix::spawn(async move {
            let portion = vec![0; portion];
            while from.write_all(&portion).await.is_ok() {}
        });
        actix::spawn(async move {
            let mut buffer = vec![0; 65_536];
            while let Ok(bytes @ 1..) = to.read(&mut buffer).await {
                count.set(count.get() + bytes as u64);
            }
        });
    }
    let began = Instant::now();
    let (before, old) = (stage.relay.view().bytes(), heard.iter().map(|count| count.get()));
    let old: Vec<_> = old.collect();
    stage.until(|relay| relay.bytes() >= before + ALL).await;
    let new: Vec<_> = heard.iter().zip(old).map(|(count, old)| count.get() - old).collect();
    let part = new.iter().sum::<u64>() / 4;
    assert!(new.iter().all(|bytes| *bytes * 10 >= part * 8), "{new:?}");
    // But for what was granted while nobody wanted anything.
    let least = Duration::from_secs_f64((ALL - 1_000_000) as f64 / RATE as f64);
    assert!(began.elapsed() >= least, "{:?} for {ALL} bytes", began.elapsed());
}

#[actix::test]
async fn a_pair_that_is_silent_for_too_long_ends() {
    let stage = Stage::limited(&[(Limit::RelayIdleSeconds, 1)]);
    let (mut first, mut second) = stage.pair().await;
    assert_eq!((first.hear_end().await, second.hear_end().await), (String::new(), String::new()));
    assert_eq!(stage.moods().await, [("happy", 1)]);
}

/// Of the address that has most the one goes that has waited longest, and only then a pair.
#[cfg(target_os = "linux")]
#[actix::test]
async fn the_address_with_most_gives_way() {
    let stage = Stage::limited(&[(Limit::RelayConnections, 5)]);
    let (mut first, mut second) = stage.pair().await;
    let mut oldest = stage.wait('u', 'a', 1).await;
    let _next = stage.wait('v', 'a', 2).await;
    let _last = stage.wait('w', 'a', 3).await;
    assert_eq!(stage.ask('x', Some('a')).await.hear_end().await, "", "from the same address");
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.2:0".parse().unwrap()).unwrap();
    let mut other = Caller(socket.connect(stage.address).await.unwrap());
    assert_eq!(oldest.hear_end().await, "");
    other.say(super::request('v', Some('b')).as_bytes()).await;
    other.expect("ok\n").await;
    first.say(b"still here").await;
    second.expect("still here").await;
}
