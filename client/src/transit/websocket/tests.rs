#![allow(clippy::unwrap_used)]

use std::time::Duration;

use actix_http::ws::{Codec, Frame, Item, Message};
use futures_util::{SinkExt, StreamExt};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
    time::{Instant, advance, timeout},
};

use super::*;
use crate::transit::SILENCE_LIMIT;

/// When the first ping is due.
const ASK: Duration = Duration::from_secs(30);

type Server = actix_codec::Framed<DuplexStream, Codec>;

/// Both ends of a websocket that exists in memory alone, where only the clock passes.
fn connection() -> (WebSocket<DuplexStream>, Server) {
    let (ours, theirs) = duplex(1 << 10);
    let theirs = Server::new(theirs, Codec::new().max_size(1 << 20));
    (WebSocket::new(ours, BytesMut::new(), SILENCE_LIMIT), theirs)
}

async fn binary(server: &mut Server) -> Bytes {
    loop {
        match server.next().await.unwrap().unwrap() {
            Frame::Binary(bytes) => return bytes,
            Frame::Ping(payload) => server.send(Message::Pong(payload)).await.unwrap(),
            Frame::Pong(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_written_at_once_is_one_message_up_to_a_limit() {
    let (mut ours, mut server) = connection();
    let long: Vec<u8> = (0..200_000).map(|n| (n % 251) as u8).collect();
    let writing = async {
        ours.write_all(&[1; 104]).await.unwrap();
        ours.flush().await.unwrap();
        ours.write_all(&long).await.unwrap();
        ours.flush().await.unwrap();
    };
    let reading = async {
        assert_eq!(binary(&mut server).await, [1; 104][..]);
        let mut read = Vec::new();
        while read.len() < long.len() {
            let message = binary(&mut server).await;
            assert!(message.len() <= MAX_FRAME);
            read.extend(message);
        }
        assert!(read == long);
    };
    tokio::join!(writing, reading);
}

#[tokio::test(start_paused = true)]
async fn a_stream_comes_out_however_it_is_cut() {
    let (mut ours, mut server) = connection();
    let sending = async {
        server.send(Message::Binary(Bytes::new())).await.unwrap();
        server.send(Message::Binary(vec![1; 3].into())).await.unwrap();
        for item in [
            Item::FirstBinary(vec![2; 100_000].into()),
            Item::Continue(vec![3; 1].into()),
            Item::Last(vec![4; 5].into()),
        ] {
            server.send(Message::Continuation(item)).await.unwrap();
        }
        server.send(Message::Close(None)).await.unwrap();
        while !matches!(server.next().await, Some(Ok(Frame::Close(_)))) {}
    };
    let reading = async {
        let mut read = Vec::new();
        ours.read_to_end(&mut read).await.unwrap();
        let expected = [vec![1; 3], vec![2; 100_000], vec![3], vec![4; 5]].concat();
        assert!(read == expected);
        let error = ours.write_all(b"too late").await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    };
    tokio::join!(sending, reading);
}

#[tokio::test(start_paused = true)]
async fn little_is_held_of_a_long_message() {
    let (mut ours, server) = connection();
    let mut raw = server.into_parts().io;
    let header = [0x82, 127, 0, 0, 0, 0, 0x40, 0, 0, 0];
    let sending = async {
        raw.write_all(&header).await.unwrap();
        // Nobody takes more than fits.
        let mut sent = 0;
        while let Ok(n) = timeout(Duration::from_secs(1), raw.write(&[7; 4096])).await {
            sent += n.unwrap();
        }
        sent
    };
    let reading = async {
        assert_eq!(ours.read_u8().await.unwrap(), 7);
    };
    let (sent, ()) = tokio::join!(sending, reading);
    assert!(sent <= READ + (1 << 10), "{sent}");
    assert!(ours.raw.capacity() <= 2 * READ, "{}", ours.raw.capacity());
}

#[tokio::test(start_paused = true)]
async fn a_relay_that_does_not_read_is_not_written_ahead_for() {
    let (mut ours, _server) = connection();
    let mut taken = 0;
    while let Ok(n) = timeout(Duration::from_secs(1), ours.write(&[0; 10_000])).await {
        taken += n.unwrap();
    }
    assert!(taken <= 20_000, "{taken}");
    assert!(ours.outgoing.capacity() <= 2 * MAX_WAITING, "{}", ours.outgoing.capacity());
}

#[tokio::test(start_paused = true)]
async fn pings_are_answered_whoever_is_at_work() {
    for reads in [true, false] {
        let (mut ours, mut server) = connection();
        let working = async {
            match reads {
                true => ours.read_u8().await.map(drop),
                false => ours.write_all(&[0; 100_000]).await,
            }
        };
        let asking = async {
            server.send(Message::Ping(vec![8].into())).await.unwrap();
            loop {
                match server.next().await.unwrap().unwrap() {
                    Frame::Pong(payload) => return payload,
                    Frame::Binary(_) => {}
                    other => panic!("{other:?}"),
                }
            }
        };
        tokio::select! {
            biased;
            pong = asking => assert_eq!(pong, [8][..]),
            done = working => panic!("{done:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_relay_that_falls_silent_is_given_up_and_stays_so() {
    for reads in [true, false] {
        let (mut ours, _server) = connection();
        let begun = Instant::now();
        let error = match reads {
            true => ours.read_u8().await.unwrap_err(),
            false => ours.write_all(&[0; 1 << 20]).await.unwrap_err(),
        };
        assert_eq!(error.kind(), io::ErrorKind::TimedOut, "{error}");
        assert_eq!(begun.elapsed().as_secs(), SILENCE_LIMIT.as_secs());
        assert_eq!(ours.read_u8().await.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert_eq!(ours.write(b"x").await.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }
}

#[tokio::test(start_paused = true)]
async fn a_relay_that_answers_is_waited_for() {
    let (mut ours, mut server) = connection();
    let answering = async {
        for _ in 0..20 {
            let ping = server.next().await;
            assert!(matches!(ping, Some(Ok(Frame::Ping(_)))), "{ping:?}");
            server.send(Message::Pong(Bytes::new())).await.unwrap();
        }
        server.send(Message::Binary(vec![9].into())).await.unwrap();
    };
    let (read, ()) = tokio::join!(ours.read_u8(), answering);
    assert_eq!(read.unwrap(), 9);
}

#[tokio::test(start_paused = true)]
async fn nobody_is_accused_of_a_time_in_which_nobody_listened() {
    let (mut ours, mut server) = connection();
    assert!(timeout(ASK * 2, ours.read_u8()).await.is_err());
    // The ping was sent and is answered, while nobody reads.
    assert!(matches!(server.next().await, Some(Ok(Frame::Ping(_)))));
    server.send(Message::Pong(Bytes::new())).await.unwrap();
    advance(SILENCE_LIMIT * 10).await;
    let begun = Instant::now();
    let error = ours.read_u8().await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    assert!(begun.elapsed() >= SILENCE_LIMIT - ASK, "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn the_goodbye_comes_behind_the_data() {
    let (mut ours, mut server) = connection();
    let closing = async {
        ours.write_all(b"last").await.unwrap();
        ours.shutdown().await.unwrap();
        assert_eq!(ours.read(&mut [0]).await.unwrap(), 0);
    };
    let hearing = async {
        assert_eq!(binary(&mut server).await, b"last"[..]);
        assert!(matches!(server.next().await, Some(Ok(Frame::Close(_)))));
        server.send(Message::Close(None)).await.unwrap();
        drop(server);
    };
    tokio::join!(closing, hearing);
}
