//! What a receiver keeps, shows and needs: interrupted transfers, full disks, archives of other
//! programs, and very many files.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

mod disks;

use std::{
    fs,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::Instant,
};

use data_encoding::HEXLOWER;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use wormhole_tests::{
    Client, Finished, Maker, Missing, PATIENCE, Peer, Process, Server, Snapshot, Stream, scripted,
    unless_missing,
};

/// Enough that a transfer cannot be over before anybody notices the beginning.
const LARGE: usize = 4_000_000;

/// One server, and a folder with `target` in it for what is received.
struct Scene {
    server: Server,
    sandbox: TempDir,
}

impl Scene {
    fn new() -> Self {
        let sandbox = TempDir::new().unwrap();
        fs::create_dir(sandbox.path().join("target")).unwrap();
        Self { server: Server::start(Maker::Ours).unwrap(), sandbox }
    }

    fn target(&self) -> PathBuf {
        self.sandbox.path().join("target")
    }

    fn receive(&self, args: &[&str]) -> Process {
        let client = Client::new(Maker::Ours, &self.server).unwrap();
        Process::start(client.receive(&self.target(), args))
    }

    /// Starts a peer that does as it is told, and gives its code; or says why the test is skipped.
    fn scripted(&self, args: &[&str]) -> Option<(Process, String)> {
        self.started(args, Process::start)
    }

    /// The same for a peer that goes on when something is typed.
    fn scripted_typing(&self, args: &[&str]) -> Option<(Process, String)> {
        self.started(args, Process::start_typing)
    }

    fn script(&self, args: &[&str]) -> Option<Command> {
        unless_missing(scripted(&self.server, args))
    }

    fn started(&self, args: &[&str], start: fn(Command) -> Process) -> Option<(Process, String)> {
        let peer = start(self.script(args)?);
        let code = peer.line_after(Stream::Out, "code ");
        Some((peer, code))
    }

    /// Starts a sender that sends half of a large file and then waits for its end, and a receiver
    /// of it; waits until that has written it.
    fn half(&self, args: &[&str]) -> Option<(Process, Process)> {
        self.half_by(args, r#"exec "$@""#)
    }

    /// The same with a receiver that is run by a shell.
    fn half_by(&self, args: &[&str], script: &str) -> Option<(Process, Process)> {
        let half = (LARGE / 2).to_string();
        let sender = ["stall", "\"half.bin\"", &LARGE.to_string(), &half];
        let (sender, code) = self.scripted(&sender)?;
        let client = Client::new(Maker::Ours, &self.server).unwrap();
        let receive = client.receive(&self.target(), &[args, &[&code]].concat());
        let receiver = Process::start(by_shell(script, &receive));
        sender.line_after(Stream::Out, "stalled");
        let begun = Instant::now();
        while !has_open(&receiver, LARGE as u64 / 2) {
            assert!(begun.elapsed() < PATIENCE, "{:?}", files(&self.target()));
            thread::yield_now();
        }
        Some((sender, receiver))
    }
}

/// Whether a program has an open file of this length, of whatever name.
fn has_open(process: &Process, length: u64) -> bool {
    let open = fs::read_dir(format!("/proc/{}/fd", process.id())).unwrap();
    let files = open.filter_map(|entry| fs::metadata(entry.ok()?.path()).ok());
    files.into_iter().any(|file| file.is_file() && file.len() == length)
}

/// Has a shell run a command, which is `"$@"` to it.
fn by_shell(script: &str, command: &Command) -> Command {
    let mut shell = Command::new("bash");
    shell.args(["-c", script, "bash"]).arg(command.get_program()).args(command.get_args());
    shell.current_dir(command.get_current_dir().unwrap());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    shell
}

/// Hides /proc, without which a file that has no name cannot get one.
const WITHOUT_PROC: &str =
    r#"exec unshare -m sh -c 'mount -t tmpfs none /proc && exec "$@"' sh "$@""#;

fn files(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Checks that what came was kept, and that the person was told; gives how many bytes that are.
fn kept(scene: &Scene, finished: &Finished) -> usize {
    let [data, note] = &files(&scene.target())[..] else { panic!("{finished}") };
    assert!(data.starts_with("half.bin.part-"), "{data}");
    assert_eq!(*note, format!("{data}.json"));
    let content = fs::read(scene.target().join(data)).unwrap();
    let note = fs::read(scene.target().join(note)).unwrap();
    let note: Value = serde_json::from_slice(&note).unwrap();
    assert_eq!(note["offered_name"], "half.bin");
    assert_eq!(note["announced_bytes"], LARGE);
    assert_eq!(note["received"], content.len());
    assert_eq!(note["sha256"], HEXLOWER.encode(&Sha256::digest(&content)));
    assert!(finished.err.contains(" of 4.0 MB"), "{finished}");
    assert!(finished.err.contains(&format!("stays in '{data}'")), "{finished}");
    content.len()
}

#[test]
fn a_sender_gone_in_the_middle_leaves_a_part_where_asked_for() {
    let scene = Scene::new();
    let sender = ["send", "\"half.bin\"", &LARGE.to_string(), &(LARGE / 2).to_string()];
    let Some((_sender, code)) = scene.scripted(&sender) else { return };
    let finished = scene.receive(&["--keep-partial", &code]).finish();
    finished.complaint();
    // How much of it the vanished sender's system has sent nobody knows.
    assert!((1..=LARGE / 2).contains(&kept(&scene, &finished)));
}

#[test]
fn ctrl_c_leaves_a_part_where_asked_for() {
    let scene = Scene::new();
    let Some((_sender, receiver)) = scene.half(&["--keep-partial"]) else {
        return;
    };
    receiver.interrupt();
    let finished = receiver.finish();
    assert_eq!(finished.status.code(), Some(130), "{finished}");
    assert_eq!(kept(&scene, &finished), LARGE / 2);
}

#[test]
fn ctrl_c_leaves_nothing_otherwise_and_says_how_far_it_came() {
    let scene = Scene::new();
    let Some((_sender, receiver)) = scene.half(&[]) else { return };
    receiver.interrupt();
    let finished = receiver.finish();
    assert_eq!(finished.status.code(), Some(130), "{finished}");
    assert!(finished.err.contains("Broken off after "), "{finished}");
    assert!(finished.err.contains(" of 4.0 MB"), "{finished}");
    assert!(Snapshot::of(&scene.target()).is_empty());
}

#[test]
fn kill_9_leaves_nothing_but_what_was_to_be_kept() {
    for (args, left) in [(&[][..], 0), (&["--keep-partial"], 2)] {
        let scene = Scene::new();
        let Some((_sender, mut receiver)) = scene.half(args) else { return };
        receiver.kill();
        let names = files(&scene.target());
        assert_eq!(names.len(), left, "{names:?}");
        assert!(names.iter().all(|name| name.starts_with("half.bin.part-")), "{names:?}");
    }
}

#[test]
fn what_a_killed_receiver_left_is_cleared_by_the_next_and_told() {
    let mut probe = Command::new("unshare");
    probe.args(["-m", "mount", "-t", "tmpfs", "none", "/proc"]);
    if !probe.output().is_ok_and(|done| done.status.success()) {
        return Missing::because("nothing can be mounted here").skip();
    }
    let scene = Scene::new();
    let Some((_sender, mut killed)) = scene.half_by(&[], WITHOUT_PROC) else { return };
    killed.kill();
    let Some((_other, running)) = scene.half_by(&[], WITHOUT_PROC) else { return };
    // The first is gone when the second begins, and the second stays when a third does.
    let [left] = &files(&scene.target())[..] else { panic!("{:?}", files(&scene.target())) };
    assert!(left.starts_with(".wormhole-"), "{left}");
    let Some((_sender, code)) = scene.scripted(&["send", "\"f\"", "3", "3"]) else { return };
    scene.receive(&[&code]).finish().succeeded();
    assert_eq!(files(&scene.target()), [left, "f"]);
    running.interrupt();
    let finished = running.finish();
    assert!(finished.err.contains("Removed what a killed transfer had left: '.wormhole-"));
    assert_eq!(files(&scene.target()), ["f"]);
}

#[test]
fn the_limit_of_a_files_size_is_an_error_that_both_sides_are_told() {
    let scene = Scene::new();
    fs::write(scene.sandbox.path().join("large"), vec![7; LARGE]).unwrap();
    let client = Client::new(Maker::Ours, &scene.server).unwrap();
    let receive = |code: &str| {
        let receive = client.receive(&scene.target(), &[code]);
        Process::start(by_shell(r#"ulimit -f 256; exec "$@""#, &receive)).finish()
    };
    // What is too large by what is announced is refused at once.
    let sender = Process::start(client.send(scene.sandbox.path(), &["large"]));
    let refused = receive(&sender.code());
    assert!(refused.complaint().contains("files may have 262144 bytes here"), "{refused}");
    assert!(!refused.err.contains("Receiving ("), "{refused}");
    sender.finish().complaint();
    // What nobody knew of before, when it comes.
    let input = client.send(scene.sandbox.path(), &["-"]);
    let sender = Process::start(by_shell(r#"exec "$@" <large"#, &input));
    let failed = receive(&sender.code());
    assert!(failed.complaint().contains("not become larger than 262144 bytes"), "{failed}");
    let told = sender.finish();
    assert!(told.complaint().contains("the peer gave up: the receiver"), "{told}");
    assert_eq!(files(&scene.target()), [""; 0]);
}

/// Interrupts our program when the peer and it are ready, and checks that it told the peer once.
fn tells_once(mut peer: Process, ours: Process, ready: &str) {
    peer.line_after(Stream::Out, "ready");
    ours.line_after(Stream::Err, ready);
    ours.interrupt();
    let finished = ours.finish();
    assert_eq!(finished.status.code(), Some(130), "{finished}");
    peer.type_line("that was all");
    let peer = peer.finish();
    assert!(peer.out.contains("told 1\n"), "{finished}\n{peer}");
}

#[test]
fn who_is_interrupted_tells_the_peer_once() {
    let scene = Scene::new();
    let Some((peer, code)) = scene.scripted_typing(&["count", "send"]) else { return };
    tells_once(peer, scene.receive(&[&code]), "Receiving (");

    // At the question, when no transfer has begun.
    let Some((peer, code)) = scene.scripted_typing(&["count", "offer"]) else { return };
    let client = Client::new(Maker::Ours, &scene.server).unwrap();
    let receiver = client.run(&scene.target(), &["receive", "--hide-progress", &code]);
    tells_once(peer, Process::start_typing(receiver), "Receiving file (5 Bytes) into: ");

    fs::write(scene.sandbox.path().join("small"), "small").unwrap();
    for (how, code, ready) in
        [("wait", "8-once-told", "Sending"), ("take", "9-once-told", "Sending (")]
    {
        let client = Client::new(Maker::Ours, &scene.server).unwrap();
        let sender = Process::start(client.send(scene.sandbox.path(), &["--code", code, "small"]));
        let peer = Process::start_typing(scene.script(&["count", how, code]).unwrap());
        tells_once(peer, sender, ready);
    }
}

#[test]
fn what_the_rust_client_sends_as_a_tar_is_unpacked_on_request() {
    let scene = Scene::new();
    let Some(rust) = unless_missing(Client::new(Peer::Rust, &scene.server)) else { return };
    let album = scene.sandbox.path().join("album");
    fs::create_dir_all(album.join("empty")).unwrap();
    fs::create_dir_all(album.join("deep/er")).unwrap();
    fs::write(album.join("deep/er/ä"), b"content").unwrap();
    fs::write(album.join("z".repeat(120)), b"long").unwrap();
    let sender = Process::start(rust.send(scene.sandbox.path(), &["album"]));
    let code = sender.line_after(Stream::Out, "wormhole-rs receive ");
    let finished = scene.receive(&["--unpack", &code]).finish().succeeded();
    sender.finish().succeeded();
    assert!(finished.err.contains("The other computer calls it 'album.tar'"), "{finished}");
    assert_eq!(files(&scene.target()), ["album"]);
    let ours = scene.target().join("album");
    assert_eq!(Snapshot::of(&ours).paths(), Snapshot::of(&album).paths());
    assert_eq!(fs::read(ours.join("deep/er/ä")).unwrap(), b"content");
}
