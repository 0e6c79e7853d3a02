//! A server on a free port, as a library or as a process, and a client that speaks frames.

#![allow(dead_code, reason = "each test file uses a part of it")]

#[cfg(target_os = "linux")]
pub(crate) mod disk;

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, ChildStderr, Command, ExitStatus, Stdio},
};

use actix_codec::Framed;
use awc::{
    BoxedSocket, Client,
    ws::{Codec, Frame, Message},
};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{io::AsyncWriteExt, net::TcpStream};
use wormhole_server::{
    Config,
    testing::{self, Setup},
};

/// A server inside this process.
pub(crate) struct Embedded {
    pub(crate) url: String,
    server: testing::Server,
}

impl Embedded {
    pub(crate) fn start(config: Config) -> Self {
        Self::from(Setup::from(Config { workers: 1, ..config }))
    }

    /// Stops the server, and comes back when its database is closed.
    pub(crate) fn stop(self) {
        self.server.stop();
    }
}

impl From<Setup> for Embedded {
    fn from(setup: Setup) -> Self {
        let server = setup.start();
        Self { url: server.url().to_owned(), server }
    }
}

/// The program.
pub(crate) struct Process {
    pub(crate) url: String,
    child: Child,
}

impl Process {
    pub(crate) fn start(database: &Path) -> Self {
        Self::start_with(database, |_| ())
    }

    /// Starts it as `prepare` wants, without the limits that a load from one address would meet.
    pub(crate) fn start_with(database: &Path, prepare: impl FnOnce(&mut Command)) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_wormhole-server"));
        command
            .args(["mailbox", "--host=127.0.0.1", "--port=0"])
            .args(["--max-connection-commands=0", "--max-address-commands=0"])
            .arg("--max-mailbox-messages=0")
            .arg("--channel-db")
            .arg(database)
            .stderr(Stdio::null());
        prepare(&mut command);
        Self::run(command)
    }

    /// Starts the program by a command that prints what it prints.
    pub(crate) fn run(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        Self { url: listening(&mut child), child }
    }

    /// Starts the program by a command, with its log to be read.
    pub(crate) fn run_with_log(mut command: Command) -> (Self, BufReader<ChildStderr>) {
        command.stderr(Stdio::piped());
        let mut server = Self::run(command);
        let log = BufReader::new(server.child.stderr.take().unwrap());
        (server, log)
    }

    /// Asks it to read its configuration again.
    #[cfg(unix)]
    pub(crate) fn hang_up(&self) {
        let id = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(id, rustix::process::Signal::HUP).unwrap();
    }

    /// The number by which the system knows it.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to end with SIGTERM, and gives what its clients hear and how it ended.
    #[cfg(unix)]
    pub(crate) async fn terminate(
        mut self,
        callers: &mut [Caller],
    ) -> (Vec<Option<u16>>, ExitStatus) {
        self.ask_to_end();
        let mut codes = Vec::new();
        for caller in callers {
            codes.push(caller.hear_end().await);
        }
        (codes, self.child.wait().unwrap())
    }

    /// Asks it to end with SIGTERM.
    #[cfg(unix)]
    pub(crate) fn ask_to_end(&self) {
        let id = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
    }

    /// Waits for its end.
    pub(crate) fn wait(mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }

    /// Ends it without warning.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// Waits until the program says where it listens.
fn listening(child: &mut Child) -> String {
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    line.trim().strip_prefix("listening on ").unwrap().to_owned()
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A websocket that was asked for, on a socket that does as the test does.
pub(crate) async fn upgrade(url: &str) -> TcpStream {
    let address = address(url);
    let mut stream = TcpStream::connect(address).await.unwrap();
    let upgrade = format!(
        "GET /v1 HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    );
    stream.write_all(upgrade.as_bytes()).await.unwrap();
    stream
}

/// Gives the `HOST:PORT` of a server's URL.
pub(crate) fn address(url: &str) -> &str {
    url.strip_prefix("ws://").unwrap().strip_suffix("/v1").unwrap()
}

/// Writes a text frame as a client does, masked with zeros.
pub(crate) fn text_frame(text: &str) -> Vec<u8> {
    let mut frame = vec![0x81];
    match text.len() {
        length @ ..126 => frame.push(0x80 | length as u8),
        length => {
            frame.push(0x80 | 126);
            frame.extend(u16::try_from(length).unwrap().to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend(text.as_bytes());
    frame
}

/// One connection.
pub(crate) struct Caller {
    frames: Framed<BoxedSocket, Codec>,
    pub(crate) welcome: Value,
}

impl Caller {
    pub(crate) async fn connect(url: &str) -> Self {
        Self::connect_saying(url, &[]).await
    }

    /// Connects as a proxy does for a client of that address.
    pub(crate) async fn connect_as(url: &str, address: &str) -> Self {
        Self::connect_saying(url, &[("X-Real-IP", address)]).await
    }

    /// Connects with these headers.
    pub(crate) async fn connect_saying(url: &str, headers: &[(&str, &str)]) -> Self {
        Self::try_connect(url, headers).await.expect("a server that welcomes")
    }

    async fn try_connect(url: &str, headers: &[(&str, &str)]) -> Option<Self> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let request = Client::default().ws(url).max_frame_size(8 << 20);
        let request = headers.iter().fold(request, |r, (name, value)| r.set_header(*name, *value));
        let (_, frames) = request.connect().await.ok()?;
        let mut caller = Self { frames, welcome: Value::Null };
        caller.welcome = caller.hear().await;
        (caller.welcome["type"] == "welcome").then_some(caller)
    }

    /// Connects and binds to the app `app`, without waiting; none where the server is gone.
    pub(crate) async fn try_bound(url: &str, side: &str) -> Option<Self> {
        let mut caller = Self::try_connect(url, &[]).await?;
        caller.say(json!({"type": "bind", "appid": "app", "side": side})).await;
        Some(caller)
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

    /// Sends a command without waiting for its answers. That the server is gone is heard, not
    /// said.
    pub(crate) async fn say(&mut self, command: Value) {
        self.send_quietly(Message::Text(command.to_string().into())).await;
    }

    pub(crate) async fn send_quietly(&mut self, message: Message) {
        let _ = self.frames.send(message).await;
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

    /// Gives the next frame that is no ping, or the code with which the server has closed.
    pub(crate) async fn hear_or_end(&mut self) -> Result<Value, Option<u16>> {
        loop {
            match self.frames.next().await {
                Some(Ok(Frame::Text(text))) => return Ok(serde_json::from_slice(&text).unwrap()),
                Some(Ok(Frame::Ping(_) | Frame::Pong(_))) => (),
                Some(Ok(Frame::Close(reason))) => {
                    return Err(reason.map(|reason| reason.code.into()));
                }
                Some(Err(_)) | None => return Err(None),
                Some(Ok(other)) => panic!("unexpected frame {other:?}"),
            }
        }
    }

    /// Waits for the end, and gives the code of the server's close frame.
    pub(crate) async fn hear_end(&mut self) -> Option<u16> {
        loop {
            match self.frames.next().await {
                Some(Ok(Frame::Close(reason))) => return reason.map(|reason| reason.code.into()),
                Some(Ok(_)) => (),
                Some(Err(_)) | None => return None,
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

    /// Sends a ping, and gives the frames before its pong or the end of the connection.
    pub(crate) async fn until_pong_or_end(&mut self) -> Vec<Value> {
        self.say(json!({"type": "ping", "ping": "mark"})).await;
        let mut frames = Vec::new();
        loop {
            let frame = self.hear().await;
            if frame == Value::Null || frame["type"] == "pong" {
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
