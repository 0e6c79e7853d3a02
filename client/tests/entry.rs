//! Replays the recorded calls of the code-entry helper on the real thing: a wormhole at our own
//! server, whose words reach it when the recording says so.

#![allow(clippy::unwrap_used)]

use std::{collections::BTreeSet, time::Duration};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
};
use wormhole_client::{Entry, Error, Wormhole};
use wormhole_server::testing;

const APPID: &str = "example.org/test";

/// Far longer than any test takes: only a hang meets it.
const HANG: Duration = Duration::from_secs(60);

/// A way to the server on which what the server says can be held back.
struct Gate {
    url: String,
    open: watch::Sender<bool>,
}

impl Gate {
    async fn before(server: &str) -> Self {
        let to = server.strip_prefix("ws://").unwrap().strip_suffix("/v1").unwrap().to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("ws://{}/v1", listener.local_addr().unwrap());
        let (open, opened) = watch::channel(true);
        actix::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (from_client, to_client) = client.into_split();
                let (from_server, to_server) = TcpStream::connect(&to).await.unwrap().into_split();
                actix::spawn(forward(from_client, to_server));
                actix::spawn(hold(from_server, to_client, opened.clone()));
            }
        });
        Self { url, open }
    }

    fn set(&self, open: bool) {
        self.open.send_replace(open);
    }
}

async fn forward(mut from: OwnedReadHalf, mut to: OwnedWriteHalf) {
    let _ = copy(&mut from, &mut to).await;
}

async fn hold(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut open: watch::Receiver<bool>) {
    let mut piece = [0; 4096];
    while let Ok(length @ 1..) = from.read(&mut piece).await {
        if open.wait_for(|open| *open).await.is_err()
            || to.write_all(&piece[..length]).await.is_err()
        {
            return;
        }
    }
}

/// The wormhole of a recorded sequence.
struct Bench {
    gate: Gate,
    wormhole: Wormhole,
    entry: Option<Entry>,
    server: testing::Server,
}

impl Bench {
    async fn new() -> Self {
        let server = testing::start();
        let gate = Gate::before(server.url()).await;
        let wormhole = Wormhole::builder(APPID, gate.url.clone()).open();
        wormhole.welcome().await.unwrap();
        Self { gate, wormhole, entry: None, server }
    }

    /// Carries out one recorded step and gives its result in the recording's form.
    async fn step(&mut self, name: &str, arg: &Value) -> Result<Value, Error> {
        if name == "start" {
            self.entry = Some(self.wormhole.input_code().unwrap());
            return Ok(json!("helper"));
        }
        let entry = self.entry.as_ref().unwrap();
        let text = arg.as_str().unwrap_or_default();
        let sorted = |set: BTreeSet<String>| json!(set);
        match name {
            "srv_nameplates" => self.list(entry, arg).await,
            "srv_wordlist" => {
                self.gate.set(true);
                entry.when_wordlist_is_available().await?;
                Ok(Value::Null)
            }
            "refresh_nameplates" => entry.refresh_nameplates().await.map(|()| Value::Null),
            "get_nameplate_completions" => entry.nameplate_completions(text).await.map(sorted),
            "choose_nameplate" => {
                // From here on the server's claim must not be quicker than the recording.
                self.gate.set(false);
                entry.choose_nameplate(text).await.map(|()| Value::Null)
            }
            "get_word_completions" => entry.word_completions(text).await.map(sorted),
            "choose_words" => entry.choose_words(text).await.map(|()| Value::Null),
            other => panic!("an unknown step: {other}"),
        }
    }

    /// Has others use these nameplates, and waits until they are listed; once the nameplate is
    /// chosen, nobody looks at a list.
    async fn list(&self, entry: &Entry, nameplates: &Value) -> Result<Value, Error> {
        let listed: Vec<String> = serde_json::from_value(nameplates.clone()).unwrap();
        for nameplate in &listed {
            let other = Wormhole::builder(APPID, self.server.url()).open();
            let others = other.input_code().unwrap();
            others.choose_nameplate(nameplate).await?;
            others.when_wordlist_is_available().await?;
            // It stays there as long as the test.
            actix::spawn(async move { other.closed().await });
        }
        let all: BTreeSet<_> = listed.iter().map(|nameplate| format!("{nameplate}-")).collect();
        if entry.refresh_nameplates().await.is_ok() {
            while entry.nameplate_completions("").await? != all {
                tokio::task::yield_now().await;
            }
        }
        Ok(Value::Null)
    }
}

fn name_of(error: &Error) -> &'static str {
    match error {
        Error::MustChooseNameplateFirst => "MustChooseNameplateFirstError",
        Error::AlreadyChoseNameplate => "AlreadyChoseNameplateError",
        Error::AlreadyChoseWords => "AlreadyChoseWordsError",
        Error::KeyFormat(_) => "KeyFormatError",
        other => panic!("an unexpected error: {other}"),
    }
}

#[actix::test]
async fn the_recorded_helper_sequences() {
    let vectors = include_str!("vectors/wordlist-completion.json");
    let vectors: Value = serde_json::from_str(vectors).unwrap();
    let sequences = vectors["helper_sequences"].as_array().unwrap();
    assert_eq!(sequences.len(), 9);
    for sequence in sequences {
        tokio::time::timeout(HANG, replay(sequence)).await.expect("a sequence hangs");
    }
}

async fn replay(sequence: &Value) {
    let mut bench = Bench::new().await;
    for recorded in sequence["steps"].as_array().unwrap() {
        let name = recorded["step"][0].as_str().unwrap();
        let got = bench.step(name, &recorded["step"][1]).await;
        match recorded.get("error") {
            Some(error) => assert_eq!(name_of(&got.unwrap_err()), error, "{sequence}"),
            None => assert_eq!(got.unwrap(), recorded["result"], "{sequence}"),
        }
    }
    bench.gate.set(true);
    let told = sequence["calls_to_code"].as_array().unwrap();
    if let Some(finished) = told.iter().find(|call| call[0] == "finished_input") {
        assert_eq!(bench.wormhole.code().await.unwrap().as_str(), finished[1], "{sequence}");
    }
}

#[actix::test]
async fn words_are_completed_as_far_as_they_are_expected() {
    let server = testing::start();
    let wormhole = Wormhole::builder(APPID, server.url()).open();
    let entry = wormhole.input_code().unwrap().expecting(3);
    entry.choose_nameplate("7").await.unwrap();
    entry.when_wordlist_is_available().await.unwrap();
    let completions = |prefix| {
        let entry = entry.clone();
        async move { Vec::from_iter(entry.word_completions(prefix).await.unwrap()) }
    };
    assert_eq!(completions("crosso").await, ["crossover-"]);
    assert_eq!(completions("crossover-clockw").await, ["crossover-clockwork-"]);
    assert_eq!(completions("crossover-clockwork-alk").await, ["crossover-clockwork-alkali"]);
    assert_eq!(entry.clone().expecting(1).word_completions("crosso").await.unwrap().len(), 1);
    assert!(entry.expecting(1).word_completions("crosso").await.unwrap().contains("crossover"));
}

#[actix::test]
async fn an_entry_tells_why_its_wormhole_ended() {
    let server = testing::start();
    let wormhole = Wormhole::builder(APPID, server.url()).open();
    let entry = wormhole.input_code().unwrap();
    assert_eq!(wormhole.close().await, Err(Error::Lonely));
    assert_eq!(entry.ended().await, Error::Lonely);
    assert_eq!(entry.nameplate_completions("").await, Err(Error::Lonely));
}
