//! A server that is not there, or is no mailbox server.

use std::time::Duration;

use actix_http::ws::Message;
use tokio::io::AsyncWriteExt;
use wormhole_client::{Error, Wormhole};

use crate::scripted::{
    APPID, Line, Server, guarded,
    session::{CODE, Session, Stage},
};
use crate::server::assert_server_broke;

/// Opens a wormhole on this address, and gives the reason why the server cannot be reached.
async fn unreachable(url: &str) -> String {
    let wormhole = Wormhole::builder(APPID, url).open();
    let entry = wormhole.input_code().unwrap();
    let result = guarded(wormhole.closed()).await;
    assert_eq!(entry.refresh_nameplates().await, result);
    assert_eq!(entry.when_wordlist_is_available().await, result);
    assert_eq!(wormhole.set_code(CODE), result);
    let Err(Error::ServerConnection { url: where_to, reason }) = result else {
        panic!("{url}: {result:?}");
    };
    assert_eq!(where_to, url);
    assert_eq!(wormhole.close().await, wormhole.closed().await);
    reason
}

#[actix::test]
async fn a_server_that_cannot_be_reached_is_not_tried_again() {
    let refused = Server::bind().await.url();
    assert!(unreachable(&refused).await.contains("refused"));
    assert!(unreachable("ws://nowhere.invalid:1/v1").await.contains("resolved"));
    for url in ["", "nonsense", "ws://", "http://[::1", "ftp://127.0.0.1/"] {
        unreachable(url).await;
    }
}

#[actix::test]
async fn a_server_that_is_no_mailbox_server_is_not_tried_again() {
    for (answer, reason) in [
        ("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "404"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", "200"),
        ("HTTP/1.1 101 Switching Protocols\r\n\r\n", ""),
        ("220 smtp.example ESMTP\r\n", ""),
        ("", ""),
    ] {
        let server = Server::bind().await;
        let url = server.url();
        let answering = async {
            let (mut tcp, _) = server.accept_request().await;
            tcp.write_all(answer.as_bytes()).await.unwrap();
        };
        let (told, ()) = tokio::join!(unreachable(&url), answering);
        assert!(told.contains(reason), "{told}");
    }
}

#[actix::test]
async fn a_server_that_leaves_before_its_welcome_is_not_tried_again() {
    for goodbye in [false, true] {
        let server = Server::bind().await;
        let url = server.url();
        let leaving = async {
            let mut line = server.accept().await;
            if goodbye {
                line.message(Message::Close(None)).await;
                line.ended().await;
            }
        };
        tokio::join!(unreachable(&url), leaving);
    }
}

#[actix::test]
async fn a_server_without_a_welcome_is_not_waited_for() {
    let mut session = Session::at(Stage::Unwelcomed).await;
    session.line.pinged().await;
    // Nothing but time is missing from here on, and nothing else can end it.
    tokio::time::pause();
    assert_server_broke(&session.wormhole.closed().await, "no welcome");
}

#[actix::test]
async fn a_slow_server_is_waited_for() {
    let server = Server::bind().await;
    let wormhole = Wormhole::builder(APPID, server.url()).open();
    let (tcp, head) = server.accept_request().await;
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(29)).await;
    tokio::time::resume();
    let mut line = Line::upgrade(tcp, &head).await;
    line.welcome().await;
    guarded(wormhole.welcome()).await.unwrap();
}

#[actix::test]
async fn closing_does_not_wait_for_a_welcome() {
    let mut session = Session::at(Stage::Unwelcomed).await;
    let (result, ()) =
        guarded(async { tokio::join!(session.wormhole.close(), session.line.ended()) }).await;
    assert_eq!(result, Err(Error::Lonely));
}

#[actix::test]
async fn time_that_is_up_is_told_to_the_server_in_its_mood() {
    let limit = Duration::from_secs(20);
    for (stage, mood) in
        [(Stage::Claiming, "lonely"), (Stage::Opened, "lonely"), (Stage::Verified, "errory")]
    {
        let open = |server: &Server| Wormhole::builder(APPID, server.url()).timeout(limit).open();
        let mut session = Session::of(open, stage).await;
        tokio::time::pause();
        tokio::time::advance(limit).await;
        tokio::time::resume();
        guarded(session.farewell(mood)).await;
        assert_eq!(guarded(session.wormhole.closed()).await, Err(Error::Timeout), "{stage:?}");
    }
}
