//! Guests who mean harm: each is answered or ended, a fresh normal session works right after, and
//! the memory that they took is given back.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

mod common;

use std::{fs, io::BufRead, process::Command, time::Duration};

use awc::ws::Message;
use common::{Caller, Process, address, text_frame, upgrade};
use futures_util::future::join_all;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// Nothing but a server that hangs takes so long.
const PATIENCE: Duration = Duration::from_secs(60);

/// The program, which believes the test when it says whose proxy it is.
struct Stage {
    server: Process,
    _folder: tempfile::TempDir,
}

impl Stage {
    fn set() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let server = Process::start_with(&folder.path().join("relay.sqlite"), |command| {
            command.args(["--trusted-proxy=127.0.0.1", "--max-address-connections=0"]);
        });
        Self { server, _folder: folder }
    }

    fn url(&self) -> &str {
        &self.server.url
    }

    /// Two sides, from claim to close, from an address of their own.
    async fn normal_session(&self) {
        let mut sides = Vec::new();
        for side in ["a", "b"] {
            let mut caller = Caller::connect_as(self.url(), "198.51.100.7").await;
            caller.ask(json!({"type": "bind", "appid": "normal", "side": side})).await;
            let claimed = caller.get(json!({"type": "claim", "nameplate": "4"})).await;
            caller.ask(json!({"type": "open", "mailbox": claimed["mailbox"]})).await;
            sides.push(caller);
        }
        sides[0].get(json!({"type": "add", "phase": "pake", "body": "00"})).await;
        assert_eq!(sides[1].hear().await["phase"], "pake");
        for caller in &mut sides {
            assert_eq!(caller.get(json!({"type": "release"})).await["type"], "released");
            assert_eq!(caller.get(json!({"type": "close"})).await["type"], "closed");
        }
    }

    /// Resident kilobytes.
    fn resident(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.server.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.split_whitespace().next().unwrap().parse().unwrap()
    }

    /// Waits until the server holds at most `most` kilobytes more than before. What it gives back
    /// it gives back while it works.
    async fn gives_back(&self, before: u64, most: u64) {
        let patience = std::time::Instant::now();
        loop {
            self.normal_session().await;
            let now = self.resident();
            if now <= before + most {
                return;
            }
            assert!(patience.elapsed() < PATIENCE, "{before} kB before, {now} kB after");
        }
    }
}

/// Reads to the end of the connection.
async fn end(stream: &mut TcpStream) -> Vec<u8> {
    let mut said = Vec::new();
    // A reset is an end too.
    let _ = timeout(PATIENCE, stream.read_to_end(&mut said)).await.expect("an end");
    said
}

/// Bytes that look like nothing, the same in every run.
fn garbage(length: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    (0..length).map(|_| next()).collect()
}

#[actix::test]
async fn garbage_instead_of_a_request_and_instead_of_frames() {
    let stage = Stage::set();
    for length in [1, 10, 1_000, 100_000] {
        let mut stream = TcpStream::connect(address(stage.url())).await.unwrap();
        let _ = stream.write_all(&garbage(length)).await;
        let _ = stream.shutdown().await;
        let said = end(&mut stream).await;
        assert!(said.is_empty() || said.starts_with(b"HTTP/1.1 4"), "{said:?}");

        let mut stream = upgrade(stage.url()).await;
        let _ = stream.write_all(&garbage(length)).await;
        let _ = stream.shutdown().await;
        assert!(end(&mut stream).await.starts_with(b"HTTP/1.1 101"));
    }
    // Frames that break the rules: unmasked, reserved bits, unknown opcode, a continuation of
    // nothing, a ping in two frames, a text that is no UTF-8.
    for frame in [
        &b"\x81\x02{}"[..],
        b"\xf1\x80\0\0\0\0",
        b"\x83\x80\0\0\0\0",
        b"\x80\x80\0\0\0\0",
        b"\x09\x80\0\0\0\0",
        b"\x81\x82\0\0\0\0\xff\xff",
    ] {
        let mut stream = upgrade(stage.url()).await;
        stream.write_all(frame).await.unwrap();
        stream.write_all(&text_frame(r#"{"type": "ping", "ping": "after"}"#)).await.unwrap();
        let _ = stream.shutdown().await;
        let said = end(&mut stream).await;
        assert!(said.starts_with(b"HTTP/1.1 101"));
        let answered = said.windows(5).any(|bytes| bytes == b"after");
        assert!(!answered, "{}", String::from_utf8_lossy(&said));
    }
    stage.normal_session().await;
}

#[actix::test]
async fn sixty_four_megabytes_in_a_frame() {
    let stage = Stage::set();
    stage.normal_session().await;
    let before = stage.resident();
    let mut stream = upgrade(stage.url()).await;
    let mut frame = vec![0x81, 0x80 | 127];
    frame.extend(64_000_000_u64.to_be_bytes());
    frame.extend([0; 4]);
    stream.write_all(&frame).await.unwrap();
    let piece = vec![b' '; 64_000];
    let mut taken = 0;
    // The server ends the connection; the rest of the frame finds nobody.
    while taken < 1_000 && stream.write_all(&piece).await.is_ok() {
        taken += 1;
    }
    end(&mut stream).await;
    // Half of what was sent: the smallest that could be a part of the frame.
    stage.gives_back(before, 32_000).await;
}

/// Short frames that claim to be one long message.
#[actix::test]
async fn a_message_of_endless_fragments() {
    let stage = Stage::set();
    let mut stream = upgrade(stage.url()).await;
    let fragment =
        |first: u8| [&[first, 0x80 | 126, 0x10, 0, 0, 0, 0, 0][..], &[b' '; 0x1000]].concat();
    stream.write_all(&fragment(0x01)).await.unwrap();
    let next = fragment(0x00);
    let mut sent = 1;
    while sent < 100_000 && stream.write_all(&next).await.is_ok() {
        sent += 1;
    }
    assert!(sent < 100_000, "400 MB were taken");
    stage.normal_session().await;
}

#[actix::test]
async fn ten_thousand_levels_and_two_megabytes_of_them() {
    let stage = Stage::set();
    let mut caller = Caller::connect(stage.url()).await;
    for deep in ["[".repeat(10_000), "[".repeat(2 << 20), r#"{"a":"#.repeat(10_000)] {
        caller.send(Message::Text(deep.into())).await;
        let refused = caller.hear().await;
        assert_eq!(refused["error"], "limit reached: at most 64 levels of JSON");
    }
    caller.until_pong().await;
    stage.normal_session().await;
}

/// From one address, which is the test's own here: more than its share are cut at once.
#[actix::test]
async fn more_connections_than_one_address_may_have() {
    let folder = tempfile::tempdir().unwrap();
    let server = Process::start_with(&folder.path().join("relay.sqlite"), |command| {
        command.arg("--max-address-connections=50");
    });
    let mut silent = Vec::new();
    for _ in 0..200 {
        silent.push(TcpStream::connect(address(&server.url)).await.unwrap());
    }
    // Twice as many as may become websockets are let in, and let go when they have said nothing
    // for five seconds.
    let said = join_all(silent.iter_mut().map(end)).await;
    let count =
        |status: &str| said.iter().filter(|said| said.starts_with(status.as_bytes())).count();
    assert_eq!((count("HTTP/1.1 408"), count("HTTP/1.1 503")), (100, 100));
    Caller::bound(&server.url, "a").await.until_pong().await;
}

#[actix::test]
async fn requests_that_never_end() {
    let stage = Stage::set();
    let mut slow = Vec::new();
    for _ in 0..200 {
        let mut stream = TcpStream::connect(address(stage.url())).await.unwrap();
        stream.write_all(b"GET /v1 HTTP/1.1\r\nHost: x\r\nUpgrade:").await.unwrap();
        slow.push(stream);
    }
    stage.normal_session().await;
    // The server waits for five seconds.
    for said in join_all(slow.iter_mut().map(end)).await {
        assert!(said.is_empty() || said.starts_with(b"HTTP/1.1 408"), "{said:?}");
    }
    stage.normal_session().await;
}

/// What a client does to HTTP is nothing that it can have written to the log.
#[actix::test]
async fn heads_that_are_too_long_leave_no_line_in_the_log() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wormhole-server"));
    command.args(["mailbox", "--host=127.0.0.1", "--port=0", "--channel-db=:memory:"]);
    let (server, log) = Process::run_with_log(command);
    for _ in 0..20 {
        let mut stream = TcpStream::connect(address(&server.url)).await.unwrap();
        // It may be cut before it has said all.
        let _ = stream.write_all(b"GET / HTTP/1.1\r\nx: ").await;
        let _ = stream.write_all(&[b'x'; 200_000]).await;
        end(&mut stream).await;
    }
    server.ask_to_end();
    let lines = log.lines().map(|line| line.unwrap());
    let told: Vec<_> =
        lines.filter(|line| line.contains(" ERROR ") || line.contains(" WARN ")).collect();
    assert!(told.is_empty(), "{told:?}");
    server.wait();
}

#[actix::test]
async fn five_thousand_idle_connections() {
    let stage = Stage::set();
    let wanted = 5_200;
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current.is_some_and(|current| current < wanted) {
        setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum }).unwrap();
    }
    stage.normal_session().await;
    let before = stage.resident();
    let mut idle = Vec::new();
    for number in 0..5_000 {
        let mut stream = upgrade(stage.url()).await;
        let bind = json!({"type": "bind", "appid": "app", "side": number.to_string()});
        stream.write_all(&text_frame(&bind.to_string())).await.unwrap();
        idle.push(stream);
    }
    stage.normal_session().await;
    let peak = stage.resident() - before;
    assert!(peak > 10_000, "{peak} kB: the connections are there");
    drop(idle);
    stage.gives_back(before, peak / 2).await;
}

#[actix::test]
async fn a_flood_of_claims() {
    let stage = Stage::set();
    let mut refused = 0;
    for number in 0..600 {
        let mut caller = Caller::connect_as(stage.url(), "203.0.113.9").await;
        let side = number.to_string();
        caller.ask(json!({"type": "bind", "appid": "normal", "side": side})).await;
        let claim = json!({"type": "claim", "nameplate": (1_000 + number).to_string()});
        let answer = caller.get(claim.clone()).await;
        refused += usize::from(answer["type"] == "error");
        let again = caller.get(claim).await;
        assert_eq!(again["error"], "only one claim per connection");
    }
    assert_eq!(refused, 600 - 256, "as many as one address may have");
    stage.normal_session().await;
}

/// A client that fills mailbox after mailbox with the largest messages.
#[actix::test]
async fn memory_is_given_back_after_large_messages() {
    let stage = Stage::set();
    stage.normal_session().await;
    let before = stage.resident();
    let body = "0".repeat(1_900_000);
    let mut callers = Vec::new();
    for number in 0..8 {
        let mut caller = Caller::bound(stage.url(), &number.to_string()).await;
        caller.ask(json!({"type": "open", "mailbox": number.to_string()})).await;
        let add = json!({"type": "add", "phase": "p", "body": body});
        let mut taken = 0;
        while caller.get(add.clone()).await["type"] == "message" {
            taken += 1;
        }
        assert_eq!(taken, 4, "eight mebibytes are a mailbox");
        assert_eq!(caller.get(json!({"type": "close"})).await["type"], "closed");
        callers.push(caller);
    }
    drop(callers);
    // Half of what was sent.
    stage.gives_back(before, 30_000).await;
}
