//! Streams: that they are whole, and how they end [transit-relay.md: relaying and closing].

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use wormhole_server::relay::RelayConfig;

use super::{Caller, Stage};

/// Bytes of which no two stretches are alike.
pub(super) fn stream(length: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let bytes = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 56) as u8
    });
    bytes.take(length).collect()
}

#[actix::test]
async fn what_was_said_before_the_end_arrives() {
    let stage = Stage::set();
    let (first, mut second) = stage.pair().await;
    let sent = stream(2_000_000);
    let expected = sent.clone();
    let sending = actix::spawn(async move {
        let Caller(mut first) = first;
        first.write_all(&sent).await.unwrap();
        // Dropped, and closed with it.
    });
    assert!(second.rest().await == expected);
    sending.await.unwrap();
    drop(second);
    assert_eq!(stage.moods().await, [("happy", 1)]);
}

#[actix::test]
async fn both_directions_flow_at_a_time() {
    let stage = Stage::set();
    let (Caller(first), Caller(second)) = stage.pair().await;
    let talk = async |stream: TcpStream, words: Vec<u8>| {
        let (mut from, mut to) = stream.into_split();
        let saying = actix::spawn(async move {
            to.write_all(&words).await.unwrap();
            to
        });
        let mut heard = Vec::new();
        from.read_exact(&mut [0; 1]).await.unwrap();
        let mut to = saying.await.unwrap();
        to.shutdown().await.unwrap();
        from.read_to_end(&mut heard).await.unwrap();
        heard
    };
    let (one, other) = (stream(5_000_000), stream(3_000_000));
    let heard = tokio::join!(talk(first, one.clone()), talk(second, other.clone()));
    assert!(heard == (other[1..].to_vec(), one[1..].to_vec()));
    stage.until(|relay| relay.bytes() == 8_000_000).await;
    assert_eq!(stage.moods().await, [("happy", 1)]);
}

#[actix::test]
async fn one_direction_outlives_the_other() {
    let stage = Stage::set();
    let (mut first, mut second) = stage.pair().await;
    first.say(b"a question").await;
    first.0.shutdown().await.unwrap();
    assert_eq!(second.rest().await, b"a question");
    second.say(b"an answer").await;
    drop(second);
    assert_eq!(first.rest().await, b"an answer");
}

#[actix::test]
async fn one_that_has_nothing_more_to_say_is_not_waited_for() {
    let config = RelayConfig { linger: Duration::ZERO, ..RelayConfig::default() };
    let stage = Stage::with(config);
    let (mut first, mut second) = stage.pair().await;
    second.0.shutdown().await.unwrap();
    assert_eq!(first.hear_end().await, "");
    assert_eq!(second.hear_end().await, "");
    assert_eq!(stage.moods().await, [("happy", 1)]);
}

#[actix::test]
async fn a_slow_reader_slows_its_peer_and_loses_nothing() {
    const MOST: usize = 48 << 20;
    let stage = Stage::set();
    let (Caller(mut first), mut second) = stage.pair().await;
    let sent = stream(MOST);
    let mut written = 0;
    let mut stalled = async |first: &mut TcpStream| {
        while written < MOST {
            written += first.write(&sent[written..]).await.unwrap();
        }
    };
    // All that is between is in sockets and one pipe.
    let full = timeout(Duration::from_secs(1), stalled(&mut first)).await;
    assert!(full.is_err(), "the relay takes whatever comes");
    assert!(stage.relay.view().bytes() < MOST as u64 / 2);
    let sending = async {
        stalled(&mut first).await;
        drop(first);
    };
    let ((), heard) = tokio::join!(sending, second.rest());
    assert!(heard == sent);
}

#[actix::test]
async fn one_that_is_lost_takes_its_peer_along() {
    let stage = Stage::set();
    let (Caller(first), mut second) = stage.pair().await;
    first.set_zero_linger().unwrap();
    drop(first);
    assert_eq!(second.hear_end().await, "");
    assert_eq!(stage.moods().await, [("happy", 1)]);
}

#[actix::test]
async fn a_stop_lets_those_finish_who_are_joined() {
    let config = RelayConfig { goodbye: Duration::MAX, ..RelayConfig::default() };
    let stage = Stage::with(config);
    let (mut first, mut second) = stage.pair().await;
    let Stage { relay, address, .. } = stage;
    let stopping = actix::spawn(relay.stop());
    while TcpStream::connect(address).await.is_ok() {}
    first.say(b"the last words").await;
    second.expect("the last words").await;
    assert!(!stopping.is_finished());
    drop((first, second));
    stopping.await.unwrap();
}

#[actix::test]
async fn a_stop_without_patience_ends_everybody() {
    let stage = Stage::set();
    let (mut first, _second) = stage.pair().await;
    let mut waiting = stage.wait('w', 'a', 1).await;
    stage.relay.stop().await;
    assert_eq!(first.hear_end().await, "");
    assert_eq!(waiting.hear_end().await, "");
}
