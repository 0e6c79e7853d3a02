//! What is answered, and what is recorded of it [transit-relay.md: replies, results].

use super::{Stage, request};

#[actix::test]
async fn what_is_no_request_is_told_so() {
    let stage = Stage::set();
    for line in [
        "GET / HTTP/1.1\r\n",
        "\n",
        "please relay abc\n",
        &request('t', Some('a')).replace('\n', "\r\n"),
        &format!("{}\n", "x".repeat(1024)),
        "\n and a lot behind it, which does not harm the answer",
    ] {
        let mut caller = stage.call().await;
        caller.say(line.as_bytes()).await;
        assert_eq!(caller.hear_end().await, "bad handshake\n", "{line}");
    }
    assert_eq!(stage.moods().await, [("errory", 6)]);
}

#[actix::test]
async fn who_says_no_line_is_told_nothing() {
    let stage = Stage::set();
    let mut caller = stage.call().await;
    caller.say("x".repeat(1025).as_bytes()).await;
    assert_eq!(caller.hear_end().await, "");
    let mut caller = stage.call().await;
    caller.say(b"please relay").await;
    drop(caller);
    assert_eq!(stage.moods().await, [("empty", 2)]);
}

#[actix::test]
async fn who_cannot_wait_is_impatient() {
    let stage = Stage::set();
    let mut caller = stage.call().await;
    caller.say((request('t', Some('a')) + "x").as_bytes()).await;
    assert_eq!(caller.hear_end().await, "impatient\n");

    let mut caller = stage.wait('t', 'a', 1).await;
    caller.say(b"x").await;
    assert_eq!(caller.hear_end().await, "impatient\n");
    drop(caller);
    assert_eq!(stage.moods().await, [("impatient", 2)]);
}

#[actix::test]
async fn a_request_may_come_in_pieces() {
    let stage = Stage::set();
    let mut first = stage.call().await;
    for byte in request('t', None).bytes() {
        first.say(&[byte]).await;
    }
    let mut second = stage.ask('t', None).await;
    second.expect("ok\n").await;
    first.expect("ok\n").await;
}
