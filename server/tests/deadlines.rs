//! Connections that do not become websockets: they end in time, and give way where there are too
//! many; slow clients are not hurried.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

mod common;

use std::{net::SocketAddr, os::unix::net::UnixListener, sync::Arc, time::Duration};

use common::{Caller, Embedded, address, text_frame, upgrade};
use rustls::{ClientConfig, ClientConnection, RootCertStore, pki_types::CertificateDer};
use serde_json::json;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpSocket, TcpStream, UnixStream},
    time::sleep,
};
use wormhole_server::{
    Config, Limit, Limits, Listener, Services, Tls, listen, mailbox::Mailbox, operate, start,
};

const REQUEST: &[u8] = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";

fn short() -> (Limits, Config) {
    let limits = Limits::default().with(Limit::PlainSeconds, 1);
    let config = Config { limits: limits.clone(), ..Config::default() };
    (limits, config)
}

/// Sends a little now and then, until the server has ended the connection.
async fn trickle(mut stream: impl AsyncRead + AsyncWrite + Unpin, piece: &[u8]) {
    let mut buffer = [0; 4_096];
    loop {
        tokio::select! {
            heard = stream.read(&mut buffer) => match heard {
                Ok(0) | Err(_) => return,
                Ok(_) => (),
            },
            () = sleep(Duration::from_millis(100)) => {
                if stream.write_all(piece).await.is_err() {
                    return;
                }
            }
        }
    }
}

#[actix::test]
async fn what_trickles_ends() {
    let (limits, config) = short();
    let server = Embedded::start(config);
    let mut bound = Caller::bound(&server.url, "a").await;
    let chunked = b"POST /healthz HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
    for (request, piece) in [
        (REQUEST, &b"\r\n"[..]),
        (chunked, b"1\r\nx\r\n"),
        (b"GET / HTTP/1.1\r\n", b"x: y\r\n"),
        (REQUEST, REQUEST),
        (b"", b""),
    ] {
        let mut stream = TcpStream::connect(address(&server.url)).await.unwrap();
        stream.write_all(request).await.unwrap();
        trickle(stream, piece).await;
    }
    assert!(limits.reached(Limit::PlainSeconds) > 0);
    bound.until_pong().await;
    server.stop();
}

/// A certificate for localhost, with its authority.
fn certificate() -> (Tls, CertificateDer<'static>) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let [certificate, key] = ["c", "k"].map(|name| folder.path().join(name));
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    (Tls::read(&certificate, &key).unwrap(), made.cert.der().clone())
}

/// The client's end of TLS, which speaks one of these protocols.
fn tls_client(authority: CertificateDer<'static>, protocols: &[&[u8]]) -> ClientConnection {
    let mut roots = RootCertStore::empty();
    roots.add(authority).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let client =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let mut client = client.unwrap().with_root_certificates(roots).with_no_client_auth();
    client.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    ClientConnection::new(Arc::new(client), "localhost".try_into().unwrap()).unwrap()
}

#[actix::test]
async fn a_handshake_that_trickles_ends_and_a_slow_one_does_not() {
    let (tls, authority) = certificate();
    let (_, config) = short();
    let server = Embedded::start(Config { tls: Some(tls.clone()), ..config });
    let host = server.url.replace("wss://", "").replace("/v1", "");
    let mut stream = TcpStream::connect(&host).await.unwrap();
    // The beginning of a record that is long.
    stream.write_all(&[22, 3, 1, 64, 0, 1]).await.unwrap();
    trickle(stream, &[0]).await;
    server.stop();

    let server = Embedded::start(Config { tls: Some(tls), ..Config::default() });
    let host = server.url.replace("wss://", "").replace("/v1", "");
    let mut client = tls_client(authority, &[]);
    let mut stream = TcpStream::connect(&host).await.unwrap();
    while client.is_handshaking() {
        let (mut words, mut heard) = (Vec::new(), [0; 4_096]);
        while client.wants_write() {
            client.write_tls(&mut words).unwrap();
        }
        // Over a link that takes four seconds for it.
        for piece in words.chunks(words.len().div_ceil(8).max(1)) {
            stream.write_all(piece).await.unwrap();
            sleep(Duration::from_millis(500)).await;
        }
        if client.is_handshaking() {
            let count = stream.read(&mut heard).await.unwrap();
            assert!(count > 0, "the server has ended the handshake");
            client.read_tls(&mut &heard[..count]).unwrap();
            client.process_new_packets().unwrap();
        }
    }
    server.stop();
}

/// Two megabytes over a link that takes as long as three connections may that are none.
#[actix::test]
async fn a_slow_frame_is_not_cut() {
    let (_, config) = short();
    let server = Embedded::start(config);
    let mut stream = upgrade(&server.url).await;
    let bind = json!({"type": "bind", "appid": "app", "side": "a"}).to_string();
    stream.write_all(&text_frame(&bind)).await.unwrap();
    let open = json!({"type": "open", "mailbox": "m"}).to_string();
    stream.write_all(&text_frame(&open)).await.unwrap();
    let body = "0".repeat(1_900_000);
    let add = json!({"type": "add", "phase": "p", "body": body}).to_string();
    let mut frame = vec![0x81, 0x80 | 127];
    frame.extend((add.len() as u64).to_be_bytes());
    frame.extend([0; 4]);
    frame.extend(add.as_bytes());
    for piece in frame.chunks(frame.len().div_ceil(30)) {
        stream.write_all(piece).await.unwrap();
        sleep(Duration::from_millis(100)).await;
    }
    let mut heard = Vec::new();
    while !heard.windows(10).any(|window| window == b"0000000000") {
        let count = stream.read_buf(&mut heard).await.unwrap();
        assert!(count > 0, "the connection ended");
    }
    server.stop();
}

#[actix::test]
async fn a_connection_of_a_unix_socket_ends_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let listener = Listener::from(UnixListener::bind(&path).unwrap());
    let (_, config) = short();
    let mailbox = Mailbox::start(Config { workers: 1, ..config }).unwrap();
    let running = start(mailbox, [listener]).await.unwrap();
    let trickling = async {
        let mut stream = UnixStream::connect(&path).await.unwrap();
        stream.write_all(REQUEST).await.unwrap();
        trickle(stream, b"\r\n").await;
    };
    running.until(trickling).await.unwrap();
}

/// A connection that asks again and again is told to come back with a new one.
#[actix::test]
async fn an_old_connection_is_ended_with_an_answer() {
    let limits = Limits::default().with(Limit::PlainSeconds, 2);
    let server = Embedded::start(Config { limits: limits.clone(), ..Config::default() });
    let mut stream = TcpStream::connect(address(&server.url)).await.unwrap();
    let mut heard = Vec::new();
    loop {
        stream.write_all(REQUEST).await.unwrap();
        heard.clear();
        while !heard.ends_with(b"ok\n") {
            assert!(stream.read_buf(&mut heard).await.unwrap() > 0, "cut without an answer");
        }
        if String::from_utf8_lossy(&heard).to_lowercase().contains("connection: close") {
            break;
        }
    }
    assert_eq!(stream.read_buf(&mut heard).await.unwrap(), 0);
    assert_eq!(limits.reached(Limit::PlainSeconds), 0);
    server.stop();
}

/// Connects from another address of this machine, and asks.
async fn ask_from(last: u8, server: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::from(([127, 0, 0, last], 0))).unwrap();
    let mut stream = socket.connect(server).await.unwrap();
    // One that is refused may have ended before.
    let _ = stream.write_all(REQUEST).await;
    stream
}

/// The first line of the answer; empty at the end.
async fn answer(stream: &mut TcpStream) -> String {
    let mut heard = Vec::new();
    while !heard.contains(&b'\n') {
        match stream.read_buf(&mut heard).await {
            Ok(0) | Err(_) => break,
            Ok(_) => (),
        }
    }
    String::from_utf8_lossy(&heard).lines().next().unwrap_or_default().to_owned()
}

#[actix::test]
async fn the_address_with_most_gives_way_when_the_server_is_full() {
    let limits = Limits::default().with(Limit::Connections, 2).with(Limit::AddressConnections, 0);
    let server = Embedded::start(Config { limits: limits.clone(), ..Config::default() });
    let socket = address(&server.url).parse().unwrap();
    // More than become websockets, so that these are told.
    let mut greedy = Vec::new();
    for _ in 0..130 {
        let mut stream = ask_from(2, socket).await;
        assert_eq!(answer(&mut stream).await, "HTTP/1.1 200 OK");
        greedy.push(stream);
    }
    let mut one_more = ask_from(2, socket).await;
    let refused = answer(&mut one_more).await;
    assert!(["", "HTTP/1.1 503 Service Unavailable"].contains(&&*refused), "{refused}");
    let mut honest = Caller::bound(&server.url, "a").await;
    trickle(greedy.remove(0), b"\r\n").await;
    let mut other = Caller::bound(&server.url, "b").await;
    honest.until_pong().await;
    other.until_pong().await;
    assert_eq!(limits.reached(Limit::PlainSeconds), 0);
    server.stop();
}

#[actix::test]
async fn the_figures_are_told_however_many_ask() {
    let listener = listen("127.0.0.1:0".parse().unwrap()).unwrap();
    let socket = listener.local_addr().unwrap();
    let operation = operate(Services::default(), [listener]).unwrap();
    let mut greedy = Vec::new();
    for _ in 0..64 {
        let mut stream = ask_from(2, socket).await;
        assert_eq!(answer(&mut stream).await, "HTTP/1.1 200 OK");
        greedy.push(stream);
    }
    let mut monitor = ask_from(1, socket).await;
    assert_eq!(answer(&mut monitor).await, "HTTP/1.1 200 OK");
    operation.stop().await;
}

/// Nobody is spoken HTTP/2 to, by which a client could have a line logged for each connection.
#[actix::test]
async fn only_http_1_is_spoken() {
    let (tls, authority) = certificate();
    let server = Embedded::start(Config { tls: Some(tls), ..Config::default() });
    let host = server.url.replace("wss://", "").replace("/v1", "");
    let mut client = tls_client(authority, &[b"h2", b"http/1.1"]);
    let mut stream = std::net::TcpStream::connect(&host).unwrap();
    while client.is_handshaking() {
        client.complete_io(&mut stream).unwrap();
    }
    assert_eq!(client.alpn_protocol(), Some(&b"http/1.1"[..]));
    server.stop();
}
