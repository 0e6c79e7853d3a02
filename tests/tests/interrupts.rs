//! Ctrl-C and its like: the first ends the program in order, at every stage, and the other side is
//! told; the second ends it at once, whatever it hangs in.

#![allow(clippy::unwrap_used)]

use std::fs::{self, File};
use std::net::TcpListener;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;
use wormhole_tests::{Client, Finished, Maker, Missing, Process, Server, Stream};

const CODE: &str = "7-crossover-clockwork";
const SIGNALS: [&str; 2] = ["-INT", "-TERM"];

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
        fs::create_dir(folder.path().join("album")).unwrap();
        fs::create_dir(folder.path().join("there")).unwrap();
        fs::write(folder.path().join("album/note.txt"), "a note").unwrap();
        Self { client, folder, _server: server }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Starts the program with somebody who may type.
    fn run(&self, folder: &str, args: &[&str]) -> Process {
        Process::start_typing(self.client.run(&self.path().join(folder), args))
    }

    fn send(&self, args: &[&str]) -> Process {
        self.run("album", &[&["send", "--no-qr", "--hide-progress", "--code", CODE], args].concat())
    }

    fn receive(&self, args: &[&str]) -> Process {
        self.run("there", &[&["receive", "--hide-progress"], args].concat())
    }
}

#[track_caller]
fn is_interrupted(stage: &str, signal: &str, process: Process) -> Finished {
    process.signal(signal);
    let finished = process.finish();
    assert_eq!(finished.status.code(), Some(130), "{signal} at {stage}: {finished}");
    let told = finished.err.ends_with("wormhole: interrupted\n");
    assert!(told, "{signal} at {stage}: {finished}");
    finished
}

#[test]
fn a_server_that_never_answers() {
    // Somebody listens, and takes no call.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/v1", listener.local_addr().unwrap());
    let folder = TempDir::new().unwrap();
    for signal in SIGNALS {
        let client = Client::at(Maker::Ours, &url).unwrap();
        let sender = Process::start(client.send(folder.path(), &["--text", "hello"]));
        let receiver = Process::start(client.receive(folder.path(), &[]));
        sender.line_after(Stream::Err, "Sending text message ");
        receiver.line_after(Stream::Err, "Waiting for the mailbox server...");
        is_interrupted("connecting", signal, sender);
        is_interrupted("connecting", signal, receiver);
    }
}

#[test]
fn nobody_has_come_yet() {
    for signal in SIGNALS {
        let scene = Scene::new();
        let sender = scene.send(&["note.txt"]);
        sender.code();
        is_interrupted("the code", signal, sender);
        let receiver = scene.receive(&["8-other-words"]);
        receiver.line_after(Stream::Err, "Waiting for sender...");
        is_interrupted("waiting for the sender", signal, receiver);
        let receiver = scene.receive(&[]);
        receiver.says(Stream::Err, "Enter receive wormhole code: ");
        is_interrupted("the prompt for the code", signal, receiver);
    }
}

#[test]
fn a_question_that_nobody_answers() {
    for signal in SIGNALS {
        let scene = Scene::new();
        let sender = scene.send(&["--verify", "note.txt"]);
        let receiver = scene.receive(&[CODE]);
        sender.says(Stream::Err, "ok? (yes/no): ");
        is_interrupted("the verifier", signal, sender);
        assert!(receiver.finish().complaint().contains("the sender interrupted"));

        let scene = Scene::new();
        let sender = scene.send(&["note.txt"]);
        let receiver = scene.receive(&[CODE]);
        receiver.says(Stream::Err, "ok? (Y/n): ");
        is_interrupted("the offer", signal, receiver);
        assert!(sender.finish().complaint().contains("the receiver interrupted"));

        let scene = Scene::new();
        let sender = scene.send(&["note.txt"]);
        let receiver = scene.receive(&[CODE]);
        receiver.says(Stream::Err, "ok? (Y/n): ");
        is_interrupted("waiting for the answer", signal, sender);
        assert!(receiver.finish().complaint().contains("the sender "));
    }
}

#[test]
fn bytes_that_move() {
    for signal in SIGNALS {
        for sender_ends in [true, false] {
            let scene = Scene::new();
            // Whose end nobody knows.
            let mut sender = scene.send(&["-"]);
            let receiver = scene.receive(&["--accept-file", CODE]);
            sender.type_line("the beginning");
            sender.line_after(Stream::Err, "Sending (");
            receiver.line_after(Stream::Err, "Receiving (");
            let (ends, told) = if sender_ends { (sender, receiver) } else { (receiver, sender) };
            is_interrupted("moving", signal, ends);
            told.finish().complaint();
            assert_eq!(fs::read_dir(scene.path().join("there")).unwrap().count(), 0);
        }
    }
}

/// Puts a file system that never answers in the place of a folder, while a check runs; or says why
/// there is none.
fn hung(folder: &Path, check: impl FnOnce()) {
    // Whoever has this open is its server.
    let device = File::options().read(true).write(true).open("/dev/fuse");
    let Ok(device) = device else { return Missing::because("there is no /dev/fuse").skip() };
    let mut mount = Command::new("mount");
    mount.args(["-i", "-t", "fuse", "-o", "fd=0,rootmode=40000,user_id=0,group_id=0", "hung"]);
    mount.arg(folder).stdin(Stdio::from(device.try_clone().unwrap()));
    if !mount.output().is_ok_and(|done| done.status.success()) {
        return Missing::because("nothing can be mounted here").skip();
    }
    let checked = catch_unwind(AssertUnwindSafe(check));
    // Lazily, for nothing answers.
    Command::new("umount").arg("-l").arg(folder).status().unwrap();
    drop(device);
    if let Err(failed) = checked {
        resume_unwind(failed);
    }
}

const NOT_WAITED_FOR: &str = "a file system does not answer";

#[test]
fn a_file_system_that_hangs_while_bytes_move_stops_no_signal() {
    for second in [false, true] {
        let scene = Scene::new();
        let sender = scene.send(&["note.txt"]);
        let mut receiver = scene.receive(&[CODE]);
        receiver.says(Stream::Err, "ok? (Y/n): ");
        hung(&scene.path().join("album"), || {
            receiver.type_line("y");
            sender.line_after(Stream::Err, "Sending (");
            ends_where_it_hangs(sender, second);
            receiver.finish().complaint();
        });
    }
}

#[test]
fn a_file_system_that_hangs_at_an_offer_stops_no_signal() {
    for second in [false, true] {
        let scene = Scene::new();
        let place = scene.path().join("there/arrived");
        let receiver = scene.receive(&["--verify", "-o", place.to_str().unwrap(), CODE]);
        receiver.line_after(Stream::Err, "Waiting for sender...");
        hung(&scene.path().join("there"), || {
            let sender = scene.send(&["note.txt"]);
            receiver.line_after(Stream::Err, "Verifier ");
            ends_where_it_hangs(receiver, second);
            sender.finish().complaint();
        });
    }
}

#[track_caller]
fn ends_where_it_hangs(process: Process, second: bool) {
    process.signal("-INT");
    process.line_after(Stream::Err, "wormhole: interrupted");
    if second {
        process.signal("-TERM");
    }
    let finished = process.finish();
    assert_eq!(finished.status.code(), Some(130), "{finished}");
    assert!(!(second && finished.err.contains(NOT_WAITED_FOR)), "{finished}");
}

#[test]
fn a_file_system_that_hangs_from_the_beginning_stops_no_signal() {
    let scene = Scene::new();
    let path = scene.path().join("album/note.txt");
    hung(&scene.path().join("album"), || {
        let sender = scene.run("there", &["send", "--code", "5-abc", path.to_str().unwrap()]);
        sender.line_after(Stream::Err, "Better leave out --code");
        sender.signal("-INT");
        assert!(!sender.finish().status.success());
    });
}
