//! What is answered to whom.

use wormhole_server::Limit;

use super::*;

#[actix::test]
async fn a_request_may_come_in_any_frames() {
    let stage = Stage::set();
    let line = request('t', Some('a'));
    let (begin, end) = line.split_at(20);
    let (begin, end) = (begin.as_bytes().to_vec(), end.as_bytes().to_vec());
    let fragments = [Item::FirstBinary(begin.clone().into()), Item::Last(end.clone().into())];
    let forms: [Vec<Message>; 4] = [
        // As Python's relay wants it, with the end of the line and without.
        vec![Message::Binary(line.clone().into())],
        vec![Message::Binary(line.trim_end().to_owned().into())],
        // And as the protocol's description allows it.
        vec![Message::Binary(begin.into()), Message::Binary(end.into())],
        fragments.map(Message::Continuation).into(),
    ];
    for form in forms {
        let mut first = stage.call_web().await;
        for message in form {
            first.send(message).await;
        }
        stage.until(|relay| relay.waiting() == 1).await;
        let mut second = stage.call_web().await;
        // The second's early words are kept.
        second.say(request('t', None) + "hello").await;
        second.expect("ok\n").await;
        first.expect("ok\n").await;
        first.expect("hello").await;
        drop((first, second));
        stage.until(|relay| relay.connections() == 0).await;
    }
    assert_eq!(stage.moods().await, [("happy", 4)]);
}

#[actix::test]
async fn what_is_no_request_is_told_so() {
    let stage = Stage::set();
    for line in ["\n", "please relay abc\n", &request('t', None).replace('\n', "\r\n")] {
        let mut caller = stage.call_web().await;
        caller.say(line).await;
        caller.expect("bad handshake\n").await;
        assert_eq!(caller.hear_close().await, Some(1000), "{line:?}");
    }
    assert_eq!(stage.moods().await, [("errory", 3)]);
}

#[actix::test]
async fn who_cannot_wait_is_impatient_but_may_say_nothing() {
    let stage = Stage::set();
    let mut caller = stage.ask_web('t', 'a').await;
    caller.say("").await;
    caller.send(Message::Ping("there?".into())).await;
    assert_eq!(caller.next().await, Some(Frame::Pong("there?".into())));
    assert_eq!(stage.relay.view().waiting(), 1);
    caller.say("x").await;
    caller.expect("impatient\n").await;
    assert_eq!(caller.hear_close().await, Some(1000));
    let mut caller = stage.call_web().await;
    caller.say(request('t', None) + "x").await;
    caller.expect("impatient\n").await;
    drop(caller);
    assert_eq!(stage.moods().await, [("impatient", 2)]);
}

#[actix::test]
async fn spares_hear_a_goodbye() {
    let stage = Stage::set();
    let mut spare = stage.ask_web('t', 'a').await;
    stage.until(|relay| relay.waiting() == 1).await;
    let mut first = stage.ask_web('t', 'a').await;
    stage.until(|relay| relay.waiting() == 2).await;
    let _second = stage.ask('t', Some('b')).await;
    first.expect("ok\n").await;
    assert_eq!(spare.hear_close().await, Some(1000));
}

#[actix::test]
async fn text_and_long_messages_are_refused() {
    let stage = Stage::limited(&[(Limit::RelayMessageBytes, 200)]);
    let text = || Message::Text("please relay".into());
    let long = || Message::Binary(vec![b'x'; 201].into());
    for (message, code) in [(text(), 1003), (long(), 1009)] {
        let mut caller = stage.call_web().await;
        caller.send(message).await;
        assert_eq!(caller.hear_close().await, Some(code));
    }
    for (message, code) in [(text(), 1003), (long(), 1009)] {
        let (mut first, mut second) = stage.web_pair().await;
        second.say("bye").await;
        second.send(message).await;
        first.expect("bye").await;
        assert_eq!(first.hear_close().await, Some(1000));
        assert_eq!(second.hear_close().await, Some(code));
    }
    assert_eq!(stage.moods().await, [("empty", 2), ("happy", 2)]);
}
