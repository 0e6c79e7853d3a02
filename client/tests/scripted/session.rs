//! One client in a session with a scripted server and a scripted peer, up to any point of it.

use serde_json::{Value, json};
use wormhole_client::{Error, Wormhole};

use super::{
    APPID, Line, Server,
    peer::{Agreed, Peer},
};

/// The code of all sessions.
pub(crate) const CODE: &str = "1-abc";

/// How far a client has come on the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd)]
pub(crate) enum Stage {
    /// It knows a code and waits for the welcome.
    Unwelcomed,
    /// It has asked for its nameplate.
    Claiming,
    /// It has opened its mailbox and said its `pake`, which the server has not echoed.
    Opened,
    /// The peer has come.
    Verified,
}

impl Stage {
    pub(crate) const ALL: [Self; 4] =
        [Self::Unwelcomed, Self::Claiming, Self::Opened, Self::Verified];
}

/// A client that knows its code, and the server's side of its session.
pub(crate) struct Session {
    pub(crate) wormhole: Wormhole,
    pub(crate) server: Server,
    pub(crate) line: Line,
    stage: Stage,
    pub(crate) side: String,
    /// The body of the client's `pake`.
    pub(crate) pake: String,
}

impl Session {
    /// Opens a wormhole with a code, and plays the server until this stage.
    pub(crate) async fn at(stage: Stage) -> Self {
        Self::of(open, stage).await
    }

    /// The same with a wormhole that is opened in another way.
    pub(crate) async fn of(open: impl FnOnce(&Server) -> Wormhole, stage: Stage) -> Self {
        let server = Server::bind().await;
        let wormhole = open(&server);
        wormhole.set_code(CODE).unwrap();
        let line = server.accept().await;
        let (side, pake) = (String::new(), String::new());
        let mut session = Self { wormhole, server, line, stage: Stage::Unwelcomed, side, pake };
        if stage >= Stage::Claiming {
            session.greet().await;
        }
        if stage >= Stage::Opened {
            session.open().await;
        }
        if stage >= Stage::Verified {
            session.verify().await;
        }
        session
    }

    /// Says the welcome, upon which the client asks for its nameplate.
    pub(crate) async fn greet(&mut self) {
        self.greet_with(json!({"motd": "m"})).await;
    }

    pub(crate) async fn greet_with(&mut self, welcome: Value) {
        self.line.welcome_with(welcome).await;
        self.side = self.line.bound().await;
        self.line.expect(claim()).await;
        self.stage = Stage::Claiming;
    }

    /// Grants the nameplate, upon which the client opens its mailbox.
    pub(crate) async fn open(&mut self) {
        self.line.send(&json!({"type": "claimed", "mailbox": "mb"})).await;
        self.line.expect(json!({"type": "open", "mailbox": "mb"})).await;
        self.pake = body(self.line.next().await, "pake");
        self.stage = Stage::Opened;
    }

    /// Plays the server while the client closes, which it must do in this mood.
    pub(crate) async fn farewell(&mut self, mood: &str) {
        if let Stage::Claiming | Stage::Opened = self.stage {
            released(&mut self.line).await;
        }
        if let Stage::Opened | Stage::Verified = self.stage {
            closed(&mut self.line, mood).await;
        }
        self.line.ended().await;
    }

    /// Closes the wormhole, and plays the server while it does.
    pub(crate) async fn close(&mut self, mood: &str) -> Result<(), Error> {
        let wormhole = self.wormhole.clone();
        let (result, ()) = tokio::join!(wormhole.close(), self.farewell(mood));
        result
    }

    /// Echoes what the client added.
    pub(crate) async fn echo(&mut self, phase: &str, body: &str) {
        let echo = json!({"type": "message", "side": self.side, "phase": phase, "body": body});
        self.line.send(&echo).await;
    }

    /// Lets the peer's `pake` come, and plays the server until the client's version is there.
    pub(crate) async fn agree(&mut self) -> (Agreed, Value) {
        let peer = Peer::new(CODE);
        self.line.send(&peer.pake()).await;
        released(&mut self.line).await;
        self.stage = Stage::Verified;
        let version = self.line.next().await.unwrap();
        let agreed = peer.agree(&self.pake);
        let plaintext = agreed.open(&self.side, "version", &version);
        assert_eq!(plaintext, br#"{"app_versions":{}}"#);
        (agreed, version)
    }

    /// Brings the client to the point where it knows that the peer has the key.
    pub(crate) async fn verify(&mut self) -> Agreed {
        let (agreed, version) = self.agree().await;
        let pake = self.pake.clone();
        self.echo("pake", &pake).await;
        self.echo("version", version["body"].as_str().unwrap()).await;
        self.line.send(&agreed.sealed("version", b"{}")).await;
        self.wormhole.versions().await.unwrap();
        agreed
    }

    /// Loses the connection and waits for the next, which has the same side.
    pub(crate) async fn reconnect(&mut self) {
        self.line.lose().await;
        self.line = self.server.accept().await;
        self.line.welcome().await;
        assert_eq!(self.line.bound().await, self.side);
    }
}

/// Opens a wormhole of this test's application.
pub(crate) fn open(server: &Server) -> Wormhole {
    Wormhole::builder(APPID, server.url()).open()
}

/// The client asks for the nameplate of [`CODE`].
pub(crate) fn claim() -> Value {
    json!({"type": "claim", "nameplate": "1"})
}

/// The body of an `add`, which must have this phase.
pub(crate) fn body(add: Option<Value>, phase: &str) -> String {
    let add = add.unwrap();
    let body = add["body"].as_str().unwrap().to_owned();
    assert_eq!(add, json!({"type": "add", "phase": phase, "body": body}));
    body
}

/// Expects the client to release its nameplate, and confirms that.
pub(crate) async fn released(line: &mut Line) {
    line.expect(json!({"type": "release", "nameplate": "1"})).await;
    line.send(&json!({"type": "released"})).await;
}

/// Expects the client to close its mailbox in this mood, and confirms that.
pub(crate) async fn closed(line: &mut Line, mood: &str) {
    line.expect(json!({"type": "close", "mailbox": "mb", "mood": mood})).await;
    line.send(&json!({"type": "closed"})).await;
}
