//! A recorded conversation, held again with another server.

use std::collections::HashMap;
use std::io;
use std::time::Duration;

use serde_json::{Value, json};

use super::Transcript;
use super::binding::Bindings;
use crate::{Event, Server, Socket};

/// Is one conversation in progress.
pub struct Replay<'a> {
    address: &'a str,
    path: &'a str,
    patience: Duration,
    bindings: Bindings,
    lines: HashMap<String, Line>,
    barriers: usize,
}

/// One connection of the conversation.
enum Line {
    Open(Socket),
    /// The server answered with an error where Python's hung up; what follows is not comparable.
    Excused,
}

impl<'a> Replay<'a> {
    /// Holds the conversation and tells the first difference from the recording; a frame that does
    /// not come within `patience` is one.
    ///
    /// # Errors
    ///
    /// The step's number, what was wanted and what came.
    ///
    /// # Panics
    ///
    /// When the transcript is not as its format says.
    pub fn run(
        transcript: &Transcript,
        server: &'a Server,
        patience: Duration,
    ) -> Result<(), String> {
        let url = server.url().strip_prefix("ws://").expect("our servers speak ws");
        let (address, path) = url.split_at(url.find('/').unwrap_or(url.len()));
        let bindings = Bindings::new(&transcript.record["bindings"]);
        let mut replay =
            Self { address, path, patience, bindings, lines: HashMap::new(), barriers: 0 };
        let steps = transcript.record["steps"].as_array().expect("a transcript has steps");
        for (number, step) in steps.iter().enumerate() {
            replay.step(step).map_err(|e| format!("step {number}: {e}, in {step}"))?;
        }
        replay.end(&transcript.record["distinct"])
    }

    fn step(&mut self, step: &Value) -> Result<(), String> {
        let op = text(&step["op"]);
        let name = text(&step["conn"]);
        let frame = &step["frame"];
        match op {
            "connect" => {
                let socket = self.open(step).map_err(|e| e.to_string())?;
                self.lines.insert(name.to_owned(), Line::Open(socket));
                return Ok(());
            }
            "connect_refused" => {
                return match self.open(step) {
                    Ok(_) => Err("the upgrade should have been refused".to_owned()),
                    Err(_) => Ok(()),
                };
            }
            _ => (),
        }
        let line = self.lines.get_mut(name).ok_or("no such connection")?;
        let Line::Open(socket) = line else { return Ok(()) };
        match op {
            "send" => told(socket.text(self.bindings.expand(frame).to_string())),
            "send_text" => told(socket.text(text(frame).to_owned())),
            "send_binary" => told(socket.binary(bytes(text(frame)))),
            "expect" => self.bindings.compare(frame, &heard(socket)?, "frame"),
            "expect_closed" => {
                let or_error = step["or_error"] == true;
                match ending(socket, or_error)? {
                    Ending::Closed => drop(self.lines.remove(name)),
                    Ending::Error => *line = Line::Excused,
                }
                Ok(())
            }
            "quiet" => barrier(socket, &mut self.barriers),
            "close" => {
                let Some(Line::Open(socket)) = self.lines.remove(name) else { return Ok(()) };
                let code = step["code"].as_u64().and_then(|code| code.try_into().ok());
                told(socket.close(code.unwrap_or(1000)))
            }
            "drop" => {
                self.lines.remove(name);
                Ok(())
            }
            _ => panic!("unknown step {op}"),
        }
    }

    fn open(&self, step: &Value) -> io::Result<Socket> {
        let path = step["path"].as_str().unwrap_or(self.path);
        let headers = step["headers"].as_object().into_iter().flatten();
        let headers: Vec<_> =
            headers.map(|(name, value)| (name.clone(), text(value).to_owned())).collect();
        Socket::open(self.address, path, &headers, self.patience)
    }

    /// Checks that nothing is left to say, and that values which must differ do.
    fn end(mut self, distinct: &Value) -> Result<(), String> {
        for line in self.lines.values_mut() {
            if let Line::Open(socket) = line {
                barrier(socket, &mut self.barriers).map_err(|e| format!("at the end: {e}"))?;
            }
        }
        let names = distinct.as_array().map(Vec::as_slice).unwrap_or_default();
        for (i, name) in names.iter().enumerate() {
            for other in &names[..i] {
                let value = self.bindings.value(text(name));
                if value == self.bindings.value(text(other)) {
                    return Err(format!("{name} and {other} are both {value:?}"));
                }
            }
        }
        Ok(())
    }
}

/// Names the two ways in which a server may turn a client away.
enum Ending {
    Closed,
    Error,
}

fn ending(socket: &mut Socket, or_error: bool) -> Result<Ending, String> {
    loop {
        let frame = match socket.hear().map_err(|e| format!("no end heard: {e}"))? {
            Event::Text(frame) => frame,
            Event::Unexpected(frame) => return Err(format!("unexpected frame {frame}")),
            Event::Closed(_) => return Ok(Ending::Closed),
        };
        let frame: Value = serde_json::from_str(&frame).map_err(|e| e.to_string())?;
        match frame["type"].as_str() {
            Some("ack") if or_error => (),
            Some("error") if or_error => return Ok(Ending::Error),
            _ => return Err(format!("wanted the end of the connection, got {frame}")),
        }
    }
}

/// Checks that no frame is waiting: the next two must belong to a ping sent now.
fn barrier(socket: &mut Socket, number: &mut usize) -> Result<(), String> {
    *number += 1;
    let token = format!("barrier-{number}");
    told(socket.text(json!({"type": "ping", "ping": token, "id": token}).to_string()))?;
    let ack = heard(socket)?;
    if ack["type"] != "ack" || ack["id"] != *token {
        return Err(format!("wanted silence, got {ack}"));
    }
    let pong = heard(socket)?;
    if pong["type"] != "pong" || pong["pong"] != *token {
        return Err(format!("wanted the pong {token}, got {pong}"));
    }
    Ok(())
}

fn heard(socket: &mut Socket) -> Result<Value, String> {
    match socket.hear().map_err(|e| format!("nothing heard: {e}"))? {
        Event::Text(frame) => serde_json::from_str(&frame).map_err(|e| format!("{e}: {frame}")),
        Event::Unexpected(frame) => Err(format!("unexpected frame {frame}")),
        Event::Closed(_) => Err("the connection ended".to_owned()),
    }
}

fn told(sent: io::Result<()>) -> Result<(), String> {
    sent.map_err(|e| format!("cannot send: {e}"))
}

fn text(value: &Value) -> &str {
    value.as_str().expect("the transcript has a string here")
}

fn bytes(hex: &str) -> Vec<u8> {
    let pairs = hex.as_bytes().chunks(2);
    let byte = |pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    pairs.map(|pair| byte(pair).expect("the transcript has hex here")).collect()
}
