//! Who is joined to whom [transit-relay.md: pairing].

use super::Stage;

#[actix::test]
async fn two_sides_with_one_token_are_joined() {
    let stage = Stage::set();
    let _other = stage.wait('x', 'b', 1).await;
    let mut first = stage.wait('t', 'a', 2).await;
    let mut second = stage.ask('t', Some('b')).await;
    second.expect("ok\n").await;
    first.expect("ok\n").await;
    second.say(b"to the first").await;
    first.expect("to the first").await;
    first.say(b"to the second").await;
    second.expect("to the second").await;
    // Bytes are counted when they are on their way, and the relay has a thread of its own.
    stage.until(|relay| (relay.pairs(), relay.waiting(), relay.bytes()) == (1, 1, 25)).await;
}

#[actix::test]
async fn one_without_a_side_fits_everybody() {
    let stage = Stage::set();
    let mut sided = stage.wait('t', 'a', 1).await;
    let mut unsided = stage.ask('t', None).await;
    unsided.expect("ok\n").await;
    sided.expect("ok\n").await;
    drop((sided, unsided));
    let mut unsided = stage.ask('t', None).await;
    stage.until(|relay| relay.waiting() == 1).await;
    let mut sided = stage.ask('t', Some('a')).await;
    sided.expect("ok\n").await;
    unsided.expect("ok\n").await;
}

#[actix::test]
async fn the_latest_is_taken_and_spares_are_sent_away() {
    let stage = Stage::set();
    let mut spares = [stage.wait('t', 'a', 1).await, stage.wait('t', 'a', 2).await];
    let mut latest = stage.wait('t', 'a', 3).await;
    stage.until(|relay| (relay.waiting_tokens(), relay.accepted()) == (1, 3)).await;
    let mut peer = stage.ask('t', Some('b')).await;
    peer.expect("ok\n").await;
    latest.expect("ok\n").await;
    for spare in &mut spares {
        assert_eq!(spare.hear_end().await, "");
    }
    peer.say(b"hello").await;
    latest.expect("hello").await;

    // The token is free again.
    let mut next = stage.wait('t', 'a', 1).await;
    let mut nexts_peer = stage.ask('t', Some('c')).await;
    nexts_peer.expect("ok\n").await;
    next.expect("ok\n").await;
    drop((spares, latest, peer, next, nexts_peer));
    assert_eq!(stage.moods().await, [("redundant", 2), ("happy", 2)]);
}

#[actix::test]
async fn what_the_second_says_early_is_for_its_peer() {
    let stage = Stage::set();
    let mut first = stage.wait('t', 'a', 1).await;
    let mut second = stage.call().await;
    second.say((super::request('t', Some('b')) + "early").as_bytes()).await;
    first.expect("ok\nearly").await;
    second.expect("ok\n").await;
    stage.until(|relay| relay.bytes() == 5).await;
}

#[actix::test]
async fn who_has_left_is_not_taken() {
    let stage = Stage::set();
    let mut stays = stage.wait('t', 'a', 1).await;
    let leaves = stage.wait('t', 'a', 2).await;
    drop(leaves);
    stage.until(|relay| relay.waiting() == 1).await;
    stage.ask('t', Some('b')).await.expect("ok\n").await;
    stays.expect("ok\n").await;
    drop(stays);
    assert_eq!(stage.moods().await, [("lonely", 1), ("happy", 1)]);
}
