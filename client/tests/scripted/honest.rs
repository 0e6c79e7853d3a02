//! A mailbox server that does what it should, in memory, except for the connection it is told to
//! cut.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::{Line, Server};

/// Where the first connection is lost: at its `frame`th frame, counted from 1.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cut {
    pub(crate) frame: usize,
    /// Whether that frame still reaches the server, and its answers the client.
    pub(crate) heard: bool,
}

/// What all connections share, and what a test may look at.
#[derive(Default)]
pub(crate) struct Shared {
    nameplates: BTreeMap<String, BTreeSet<String>>,
    mailboxes: BTreeMap<String, Mailbox>,
    /// The side of each `bind`.
    pub(crate) bound: Vec<String>,
    /// The mood of each `close`.
    pub(crate) moods: Vec<String>,
}

#[derive(Default)]
struct Mailbox {
    messages: Vec<Value>,
    listeners: BTreeMap<String, mpsc::UnboundedSender<Value>>,
}

/// A running server.
pub(crate) struct Honest {
    pub(crate) url: String,
    pub(crate) shared: Rc<RefCell<Shared>>,
}

impl Honest {
    /// Starts one on this thread's local task set.
    pub(crate) async fn start(mut cut: Option<Cut>) -> Self {
        let server = Server::bind().await;
        let url = server.url();
        let shared = Rc::<RefCell<Shared>>::default();
        let state = Rc::clone(&shared);
        tokio::task::spawn_local(async move {
            loop {
                let line = server.accept().await;
                tokio::task::spawn_local(serve(line, Rc::clone(&state), cut.take()));
            }
        });
        Self { url, shared }
    }
}

async fn serve(mut line: Line, shared: Rc<RefCell<Shared>>, cut: Option<Cut>) {
    let (outgoing, mut queue) = mpsc::unbounded_channel();
    let mut side = String::new();
    line.welcome().await;
    let mut frames = 0;
    loop {
        let frame = tokio::select! {
            Some(answer) = queue.recv() => {
                line.send(&answer).await;
                continue;
            }
            frame = line.next() => frame,
        };
        let Some(frame) = frame else { return };
        frames += 1;
        let last = cut.filter(|cut| cut.frame == frames);
        if last.is_some_and(|cut| !cut.heard) {
            return;
        }
        shared.borrow_mut().hear(&frame, &mut side, &outgoing);
        if last.is_some() {
            while let Ok(answer) = queue.try_recv() {
                line.send(&answer).await;
            }
            return;
        }
    }
}

impl Shared {
    fn hear(&mut self, frame: &Value, side: &mut String, out: &mpsc::UnboundedSender<Value>) {
        let text = |key: &str| frame[key].as_str().unwrap().to_owned();
        let say = |answer: Value| {
            let _ = out.send(answer);
        };
        match frame["type"].as_str().unwrap() {
            "bind" => {
                *side = text("side");
                self.bound.push(side.clone());
            }
            "list" => {
                let ids: Vec<_> = self.nameplates.keys().map(|id| json!({"id": id})).collect();
                say(json!({"type": "nameplates", "nameplates": ids}));
            }
            "allocate" => {
                let mut numbers = (1..).map(|n: u32| n.to_string());
                let nameplate = numbers.find(|n| !self.nameplates.contains_key(n)).unwrap();
                self.nameplates.entry(nameplate.clone()).or_default().insert(side.clone());
                say(json!({"type": "allocated", "nameplate": nameplate}));
            }
            "claim" => {
                let sides = self.nameplates.entry(text("nameplate")).or_default();
                sides.insert(side.clone());
                if sides.len() > 2 {
                    return say(json!({"type": "error", "error": "crowded", "orig": frame}));
                }
                say(json!({"type": "claimed", "mailbox": format!("mb{}", text("nameplate"))}));
            }
            "release" => {
                // The nameplate stays taken: no two pairs of one test share a mailbox.
                say(json!({"type": "released"}));
            }
            "open" => {
                let mailbox = self.mailboxes.entry(text("mailbox")).or_default();
                mailbox.listeners.insert(side.clone(), out.clone());
                mailbox.messages.iter().cloned().for_each(say);
            }
            "add" => {
                let mailboxes = self.mailboxes.values_mut();
                let mut mine = mailboxes.filter(|mailbox| mailbox.listeners.contains_key(side));
                let mailbox = mine.next().unwrap();
                let (phase, body) = (text("phase"), text("body"));
                let message =
                    json!({"type": "message", "side": side, "phase": phase, "body": body});
                mailbox.messages.push(message.clone());
                for listener in mailbox.listeners.values() {
                    let _ = listener.send(message.clone());
                }
            }
            "close" => {
                self.moods.push(text("mood"));
                say(json!({"type": "closed"}));
            }
            odd => panic!("the client sent {odd}"),
        }
    }
}
