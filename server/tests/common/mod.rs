//! A server on a free port, as a library or as a process, and a client that speaks frames.

#![allow(dead_code, reason = "each test file uses a part of it")]

use std::{
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
    thread::{self, JoinHandle},
};

use actix_codec::Framed;
use awc::{
    BoxedSocket, Client,
    ws::{Codec, Frame, Message},
};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::sync::oneshot;
use wormhole_server::{Config, launch, listen};

/// A server inside this process, on a thread with an actix system of its own.
pub(crate) struct Embedded {
    pub(crate) url: String,
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl Embedded {
    pub(crate) fn start(config: Config) -> Self {
        let listener = listen("127.0.0.1:0".parse().unwrap()).unwrap();
        let url = url(listener.local_addr().unwrap());
        let (stop, stopped) = oneshot::channel();
        let thread = thread::spawn(move || {
            let shutdown = async { drop(stopped.await) };
            let served = launch(Config { workers: 1, ..config }, vec![listener], shutdown);
            actix::System::new().block_on(served).unwrap();
        });
        Self { url, stop, thread }
    }

    /// Stops the server, and comes back when its database is closed.
    pub(crate) fn stop(self) {
        self.stop.send(()).unwrap();
        self.thread.join().unwrap();
    }
}

/// The program.
pub(crate) struct Process {
    pub(crate) url: String,
    child: Child,
}

impl Process {
    pub(crate) fn start(database: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_wormhole-server"))
            .args(["mailbox", "--host", "127.0.0.1", "--port", "0", "--channel-db"])
            .arg(database)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url = line.trim().strip_prefix("listening on ").unwrap().to_owned();
        Self { url, child }
    }

    /// Ends it without warning.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn url(address: SocketAddr) -> String {
    format!("ws://{address}/v1")
}

/// One connection.
pub(crate) struct Caller {
    frames: Framed<BoxedSocket, Codec>,
    pub(crate) welcome: Value,
}

impl Caller {
    pub(crate) async fn connect(url: &str) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let (_, frames) =
            Client::default().ws(url).max_frame_size(8 << 20).connect().await.unwrap();
        let mut caller = Self { frames, welcome: Value::Null };
        caller.welcome = caller.hear().await;
        assert_eq!(caller.welcome["type"], "welcome");
        caller
    }

    /// Connects and binds to the app `app`.
    pub(crate) async fn bound(url: &str, side: &str) -> Self {
        let mut caller = Self::connect(url).await;
        let bind = json!({"type": "bind", "appid": "app", "side": side});
        assert!(caller.ask(bind).await.is_empty());
        caller
    }

    pub(crate) async fn send(&mut self, message: Message) {
        self.frames.send(message).await.unwrap();
    }

    /// Sends a command without waiting for its answers.
    pub(crate) async fn say(&mut self, command: Value) {
        self.send(Message::Text(command.to_string().into())).await;
    }

    /// Gives the next frame that is no ping; null when the server has closed.
    pub(crate) async fn hear(&mut self) -> Value {
        loop {
            match self.frames.next().await {
                Some(Ok(Frame::Text(text))) => return serde_json::from_slice(&text).unwrap(),
                Some(Ok(Frame::Ping(_) | Frame::Pong(_))) => (),
                Some(Ok(Frame::Close(_)) | Err(_)) | None => return Value::Null,
                Some(Ok(other)) => panic!("unexpected frame {other:?}"),
            }
        }
    }

    /// Sends a command, and gives its answers: what comes after its `ack` until the pong of a ping
    /// that follows it.
    pub(crate) async fn ask(&mut self, command: Value) -> Vec<Value> {
        self.say(command).await;
        let mut answers = self.until_pong().await;
        assert_eq!(answers.remove(0)["type"], "ack");
        answers
    }

    /// Sends a ping, and gives the frames before its `ack`.
    pub(crate) async fn until_pong(&mut self) -> Vec<Value> {
        self.say(json!({"type": "ping", "ping": "mark", "id": "mark"})).await;
        let mut frames = Vec::new();
        loop {
            let frame = self.hear().await;
            assert_ne!(frame, Value::Null, "the connection ended");
            if frame["type"] == "ack" && frame["id"] == "mark" {
                assert_eq!(self.hear().await["pong"], "mark");
                return frames;
            }
            frames.push(frame);
        }
    }

    /// Sends a command and gives its only answer.
    pub(crate) async fn get(&mut self, command: Value) -> Value {
        let mut answers = self.ask(command).await;
        assert_eq!(answers.len(), 1, "{answers:?}");
        answers.remove(0)
    }
}
