//! Of a code a program holds one copy once the key is agreed on, wherever the code came from.

#![allow(clippy::unwrap_used)]
#![cfg(target_os = "linux")]

use std::fs::{self, File};
use std::os::unix::fs::FileExt;

use tempfile::TempDir;
use wormhole_tests::{Client, Maker, Process, Server, Stream, Terminal};

/// Both in the words' list and long enough that nothing else looks like it.
const CODE: &str = "7-crossover-clockwork-alkali";

struct Scene {
    client: Client,
    folder: TempDir,
    _server: Server,
}

impl Scene {
    fn new() -> Self {
        let server = Server::start(Maker::Ours).unwrap();
        let client = Client::new(Maker::Ours, &server).unwrap();
        let folder = TempDir::new().unwrap();
        fs::write(folder.path().join("note.txt"), "a note").unwrap();
        Self { client, folder, _server: server }
    }

    fn send(&self, args: &[&str]) -> Process {
        let sender = Process::start(self.client.send(self.folder.path(), args));
        sender.code();
        sender
    }

    /// Receives as far as the question whether it is wanted, for which both have the key.
    fn receive(&self, args: &[&str], typed: Option<&str>) -> Process {
        let args = [&["receive", "--hide-progress", "-o", "arrived"], args].concat();
        let command = self.client.run(self.folder.path(), &args);
        let mut receiver = Process::start_typing(command);
        if let Some(line) = typed {
            receiver.type_line(line);
        }
        receiver.line_after(Stream::Err, "Receiving file ");
        receiver
    }
}

/// Counts how often a text stands in the memory that a process may write.
fn copies(process: u32, text: &str) -> usize {
    let memory = File::open(format!("/proc/{process}/mem")).unwrap();
    let maps = fs::read_to_string(format!("/proc/{process}/maps")).unwrap();
    let mut found = 0;
    for map in maps.lines() {
        let mut fields = map.split_whitespace();
        let (place, rights) = (fields.next().unwrap(), fields.next().unwrap());
        if !rights.starts_with("rw") {
            continue;
        }
        let (from, to) = place.split_once('-').unwrap();
        let [from, to] = [from, to].map(|at| u64::from_str_radix(at, 16).unwrap());
        let mut bytes = vec![0; (to - from) as usize];
        // Some are not memory.
        if memory.read_exact_at(&mut bytes, from).is_ok() {
            found += bytes.windows(text.len()).filter(|here| *here == text.as_bytes()).count();
        }
    }
    found
}

/// The words behind the number.
fn words(code: &str) -> &str {
    code.split_once('-').unwrap().1
}

#[track_caller]
fn holds_one(what: &str, process: u32, code: &str) {
    let copies = copies(process, words(code));
    assert!(copies <= 1, "{what} holds {copies} copies of its code");
}

#[test]
fn a_code_that_was_made_here_and_one_that_was_an_argument() {
    let scene = Scene::new();
    let sender = scene.send(&["-c", "3", "note.txt"]);
    let code = sender.code();
    // The search finds what is there.
    assert!(copies(sender.id(), words(&code)) > 0);
    let receiver = scene.receive(&[&code], None);
    holds_one("the sender", sender.id(), &code);
    holds_one("the receiver", receiver.id(), &code);
}

#[test]
fn a_code_that_was_made_up_and_one_that_was_typed_into_a_pipe() {
    let scene = Scene::new();
    let sender = scene.send(&["--qr", "--code", CODE, "note.txt"]);
    let receiver = scene.receive(&[], Some(CODE));
    holds_one("the sender", sender.id(), CODE);
    holds_one("the receiver", receiver.id(), CODE);
    let arguments = fs::read(format!("/proc/{}/cmdline", sender.id())).unwrap();
    let arguments = String::from_utf8(arguments).unwrap();
    assert!(arguments.contains(&format!("\0--code\0{}\0", "*".repeat(CODE.len()))), "{arguments}");
}

#[test]
fn a_code_that_was_typed_at_a_terminal() {
    let scene = Scene::new();
    let sender = scene.send(&["--code", CODE, "note.txt"]);
    let args = ["receive", "--hide-progress", "-o", "arrived", "-c", "3"];
    let receiver = Terminal::start(scene.client.run(scene.folder.path(), &args));
    receiver.shows("Enter receive wormhole code:");
    receiver.press("7-crossover-clockwork-alkaly\x7fi\r");
    receiver.shows("ok? (Y/n):");
    holds_one("the sender", sender.id(), CODE);
    holds_one("the receiver", receiver.id(), CODE);
}
