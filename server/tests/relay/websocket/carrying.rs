//! What is carried between websockets, and between them and TCP.

use std::{cell::Cell, rc::Rc, time::Duration};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use wormhole_server::{Limit, relay::RelayConfig};

use super::{
    super::{Caller, ends::stream},
    *,
};

/// A websocket and a connection of TCP that are joined.
async fn mixed(stage: &Stage) -> (WebCaller, Caller) {
    let mut web = stage.ask_web('t', 'a').await;
    stage.until(|relay| relay.waiting() == 1).await;
    let mut tcp = stage.ask('t', Some('b')).await;
    tcp.expect("ok\n").await;
    web.expect("ok\n").await;
    (web, tcp)
}

async fn say_in_messages(web: &mut WebCaller, words: &[u8]) {
    // Of all lengths of headers, and in fragments.
    for (number, part) in words.chunks(100_001).enumerate() {
        let (short, rest) = part.split_at(100.min(part.len()));
        let (middle, long) = rest.split_at(rest.len().min(10_000));
        web.say(short).await;
        if number % 2 == 0 {
            web.say(middle).await;
            web.say(long).await;
        } else {
            let [middle, long] = [middle, long].map(|part| part.to_vec().into());
            web.send(Message::Continuation(Item::FirstBinary(middle))).await;
            web.send(Message::Ping("".into())).await;
            web.send(Message::Continuation(Item::Last(long))).await;
        }
    }
}

#[actix::test]
async fn what_a_websocket_said_arrives_whole_before_the_end() {
    let stage = Stage::set();
    let words = stream(3_000_000);
    let (mut web, mut tcp) = mixed(&stage).await;
    let saying = async {
        say_in_messages(&mut web, &words).await;
        web.send(Message::Close(None)).await;
        while web.next().await.is_some() {}
    };
    let ((), heard) = tokio::join!(saying, tcp.rest());
    assert!(heard == words);
    drop(tcp);
    assert_eq!(stage.moods().await, [("happy", 1)]);
    assert_eq!(stage.relay.view().bytes(), 3_000_000);

    let (mut first, mut second) = stage.web_pair().await;
    let saying = async {
        say_in_messages(&mut first, &words).await;
        first.send(Message::Close(None)).await;
        while first.next().await.is_some() {}
    };
    let ((), heard) = tokio::join!(saying, second.rest());
    assert!(heard == words);
}

#[actix::test]
async fn what_was_said_to_a_websocket_arrives_whole_before_the_end() {
    let stage = Stage::set();
    let words = stream(3_000_000);
    let (mut web, Caller(mut tcp)) = mixed(&stage).await;
    let saying = async {
        tcp.write_all(&words).await.unwrap();
        tcp.shutdown().await.unwrap();
    };
    let ((), heard) = tokio::join!(saying, web.rest());
    assert!(heard == words);
    // The goodbye was heard; its answer ends the other direction.
    web.send(Message::Close(None)).await;
    assert_eq!(tcp.read(&mut [0]).await.unwrap(), 0);
    assert_eq!(web.next().await, None);
    assert_eq!(stage.moods().await, [("happy", 1)]);
}

#[actix::test]
async fn one_that_hangs_up_ends_the_other() {
    let stage = Stage::set();
    let (mut web, tcp) = mixed(&stage).await;
    drop(tcp);
    assert_eq!(web.hear_close().await, Some(1000));
    let (web, mut tcp) = mixed(&stage).await;
    drop(web);
    assert_eq!(tcp.hear_end().await, "");
    drop(tcp);
    assert_eq!(stage.moods().await, [("happy", 2)]);
}

/// Says more than all buffers hold, and tells how much was taken.
macro_rules! fill {
    ($stage:expr, $say:expr) => {{
        let mut before = u64::MAX;
        loop {
            // However long it takes: as long as anything moves, more is said.
            let said = tokio::time::timeout(Duration::from_millis(300), $say).await;
            let carried = $stage.relay.view().bytes();
            if said.is_err() && carried == before {
                break carried;
            }
            before = carried;
        }
    }};
}

#[actix::test]
async fn one_that_does_not_listen_stops_the_other() {
    const MOST: u64 = 64 << 20;
    let portion = vec![7; 1 << 20];
    let stage = Stage::set();
    let (web, Caller(mut tcp)) = mixed(&stage).await;
    let carried = fill!(stage, tcp.write_all(&portion));
    assert!(carried < MOST, "{carried}");
    drop((web, tcp));

    let (mut web, tcp) = mixed(&stage).await;
    let before = stage.relay.view().bytes();
    let carried = fill!(stage, web.0.send(Message::Binary(portion.clone().into())));
    assert!(carried - before < MOST, "{carried}");
    drop((web, tcp));
}

#[actix::test]
async fn one_that_listens_again_has_missed_nothing() {
    let stage = Stage::set();
    let (mut web, Caller(mut tcp)) = mixed(&stage).await;
    let words = stream(20_000_000);
    let said = words.clone();
    let saying = actix::spawn(async move {
        tcp.write_all(&said).await.unwrap();
        tcp
    });
    // Nothing but the standstill tells that its buffers are full; too early, it is a weaker test.
    let mut before = 0;
    while before == 0 || stage.relay.view().bytes() != before {
        before = stage.relay.view().bytes();
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // A ping is answered behind what is on its way, and not in its midst.
    web.send(Message::Ping("still there".into())).await;
    let (mut heard, mut pongs) = (Vec::new(), 0);
    while heard.len() < words.len() {
        match web.next().await {
            Some(Frame::Binary(bytes)) => heard.extend_from_slice(&bytes),
            Some(Frame::Pong(_)) => pongs += 1,
            other => panic!("{other:?}"),
        }
    }
    assert!(heard == words);
    assert_eq!(pongs, 1);
    drop(saying.await.unwrap());
    assert_eq!(web.hear_close().await, Some(1000));
}

#[actix::test]
async fn one_that_does_not_answer_is_missed() {
    let keepalive = Duration::from_millis(500);
    let stage = Stage::with(RelayConfig { keepalive, ..RelayConfig::default() });
    let mut waiting = stage.ask_web('t', 'a').await;
    assert_eq!(waiting.next().await, Some(Frame::Ping("".into())));
    waiting.send(Message::Pong("".into())).await;
    assert_eq!(waiting.next().await, Some(Frame::Ping("".into())), "it was not missed");
    // It does not answer.
    assert_eq!(waiting.hear_close().await, Some(1000));
    assert_eq!(stage.moods().await, [("lonely", 1)]);

    let (mut web, mut tcp) = mixed(&stage).await;
    assert_eq!(web.next().await, Some(Frame::Ping("".into())));
    assert_eq!(tcp.hear_end().await, "");
}

#[actix::test]
async fn websockets_share_the_bandwidth_fairly() {
    const ALL: u64 = 8_000_000;
    let stage = Stage::limited(&[(Limit::RelayBytesPerSecond, 8_000_000)]);
    let counts = [const { Cell::new(0_u64) }; 3].map(Rc::new);
    for (number, count) in counts.iter().enumerate() {
        let ((mut web, Caller(mut tcp)), count) = (mixed(&stage).await, Rc::clone(count));
        // Two of them say something, and one hears it.
        if number < 2 {
            let portion = vec![0; [1_000, 60_000][number]];
            actix::spawn(async move {
                let message = || Message::Binary(portion.clone().into());
                while web.0.send(message()).await.is_ok() {}
            });
            actix::spawn(async move {
                let mut buffer = vec![0; 65_536];
                while let Ok(bytes @ 1..) = tcp.read(&mut buffer).await {
                    count.set(count.get() + bytes as u64);
                }
            });
        } else {
            actix::spawn(async move { while tcp.write_all(&[0; 30_000]).await.is_ok() {} });
            actix::spawn(async move {
                while let Some(Frame::Binary(bytes)) = web.next().await {
                    count.set(count.get() + bytes.len() as u64);
                }
            });
        }
    }
    let before = stage.relay.view().bytes();
    let old = counts.each_ref().map(|count| count.get());
    stage.until(|relay| relay.bytes() >= before + ALL).await;
    let new = [0, 1, 2].map(|number| counts[number].get() - old[number]);
    let part = new.iter().sum::<u64>() / 3;
    assert!(new.iter().all(|bytes| *bytes * 10 >= part * 8), "{new:?}");
}
