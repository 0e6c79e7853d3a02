//! Bad input: one clear line, exit status 1, nothing half-written, nothing lost.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use tempfile::TempDir;
use wormhole_server::testing;
use wormhole_tests::{
    Client, Finished, Maker, Missing, Process, Server, Snapshot, Stream, accept_upgrade, scripted,
    unless_missing,
};

/// Enough that a transfer cannot be over before anybody notices the beginning.
const LARGE: usize = 4_000_000;

/// One server and one folder of our own, with `target` inside it for what is received.
struct Scene {
    server: Server,
    sandbox: TempDir,
}

impl Scene {
    fn new() -> Self {
        let sandbox = TempDir::new().unwrap();
        fs::create_dir(sandbox.path().join("target")).unwrap();
        Self { server: ours(Server::start(Maker::Ours)), sandbox }
    }

    fn client(&self) -> Client {
        ours(Client::new(Maker::Ours, &self.server))
    }

    fn path(&self) -> &Path {
        self.sandbox.path()
    }

    fn target(&self) -> PathBuf {
        self.path().join("target")
    }

    fn send(&self, args: &[&str]) -> Process {
        Process::start(self.client().send(self.path(), args))
    }

    fn receive(&self, args: &[&str]) -> Process {
        Process::start(self.client().receive(&self.target(), args))
    }

    /// Starts the misbehaving peer, or says why the test is skipped.
    fn scripted(&self, args: &[&str]) -> Option<Process> {
        let mut command = unless_missing(scripted(&self.server, args))?;
        command.current_dir(self.path());
        Some(Process::start(command))
    }

    /// Starts a misbehaving sender and returns it with its code.
    fn scripted_sender(&self, name: &str, size: usize, sent: usize) -> Option<(Process, String)> {
        let name = serde_json::to_string(name).unwrap();
        let sender = self.scripted(&["send", &name, &size.to_string(), &sent.to_string()])?;
        let code = sender.line_after(Stream::Out, "code ");
        Some((sender, code))
    }
}

/// Ours is always there: a test that finds it missing has panicked already.
fn ours<T>(found: Result<T, Missing>) -> T {
    found.unwrap_or_else(|missing| panic!("{missing}"))
}

/// A client's address where `serve` answers every connection.
fn server_that(serve: fn(&mut TcpStream) -> io::Result<()>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            // A client that hangs up early is what the test wants.
            let _ = serve(&mut stream).and_then(|()| io::copy(&mut stream, &mut io::sink()));
        }
    });
    format!("ws://{address}/v1")
}

#[test]
fn a_server_that_is_lost_is_told_and_told_when_it_is_back() {
    let folder = TempDir::new().unwrap();
    // Enough messages for the code.
    let server = testing::Setup::default().drop_after(9).start();
    let client = ours(Client::at(Maker::Ours, server.url()));
    let sender = Process::start(client.send(folder.path(), &["--text", "hello"]));
    sender.code();
    sender.line_after(Stream::Err, "The mailbox server is gone; trying again..");
    sender.line_after(Stream::Err, "The mailbox server is back.");
}

#[test]
fn malformed_codes_are_named_with_an_example() {
    let scene = Scene::new();
    for code in ["seven-words-here", "7 purple sausages", "-", "4.0-x", "-1-two"] {
        let finished = scene.receive(&["--", code]).finish();
        let line = finished.only_line();
        let example = line.replace(code, "").contains(|c: char| c.is_ascii_digit());
        assert!(example, "no example in `{line}` for {code:?}");
        assert!(Snapshot::of(&scene.target()).is_empty());
    }
}

#[test]
fn a_path_that_does_not_exist_is_named_before_a_code_is_made() {
    let scene = Scene::new();
    let finished = scene.send(&["nowhere.bin"]).finish();
    assert!(finished.only_line().contains("nowhere.bin"), "{finished}");
    assert!(!finished.err.contains("Wormhole code is"), "{finished}");
}

#[test]
fn a_path_that_cannot_be_read_is_named_before_a_code_is_made() {
    let scene = Scene::new();
    // Not even root can read a link to itself.
    symlink("loop.bin", scene.path().join("loop.bin")).unwrap();
    let finished = scene.send(&["loop.bin"]).finish();
    assert!(finished.only_line().contains("loop.bin"), "{finished}");
    assert!(!finished.err.contains("Wormhole code is"), "{finished}");
}

#[test]
fn an_unreachable_server_is_named_with_the_reason() {
    let sandbox = TempDir::new().unwrap();
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let client = ours(Client::at(Maker::Ours, &format!("ws://{free}/v1")));
    let sender = Process::start(client.send(sandbox.path(), &["--text", "hello"])).finish();
    let receiver = Process::start(client.receive(sandbox.path(), &["1-two-three"])).finish();
    for finished in [sender, receiver] {
        let line = finished.only_line();
        assert!(line.contains(&free.to_string()), "no address in `{line}`");
        assert!(line.to_lowercase().contains("refused"), "no reason in `{line}`");
    }
}

#[test]
fn a_server_that_does_not_speak_http_is_an_error() {
    let url = server_that(|stream| stream.write_all(b"220 mail.example ESMTP\r\n"));
    refuses_server(&url);
}

#[test]
fn a_server_that_sends_no_json_is_an_error() {
    refuses_server(&server_that(|stream| accept_upgrade(stream, "certainly not JSON \x1b[31m")));
}

#[test]
fn a_server_that_sends_mistyped_frames_is_an_error() {
    refuses_server(&server_that(|stream| {
        accept_upgrade(stream, r#"{"type": "welcome", "welcome": ["\u001b[31m"]}"#)
    }));
}

#[test]
fn a_server_that_hangs_up_is_an_error() {
    refuses_server(&server_that(|stream| {
        stream.read_exact(&mut [0; 1])?;
        stream.shutdown(std::net::Shutdown::Both)
    }));
}

fn refuses_server(url: &str) {
    let sandbox = TempDir::new().unwrap();
    let client = ours(Client::at(Maker::Ours, url));
    let finished = Process::start(client.send(sandbox.path(), &["--text", "hello"])).finish();
    finished.only_line();
    assert!(!finished.err.contains("Wormhole code is"), "{finished}");
}

#[test]
fn a_wrong_code_fails_on_both_sides() {
    let scene = Scene::new();
    fs::write(scene.path().join("note.txt"), "note").unwrap();
    let sender = scene.send(&["note.txt"]);
    let code = sender.code();
    let (nameplate, _) = code.split_once('-').unwrap();
    let receiver = scene.receive(&[&format!("{nameplate}-not-these-words")]);
    for finished in [receiver.finish(), sender.finish()] {
        assert!(finished.complaint().contains("code"), "{finished}");
    }
    assert!(Snapshot::of(&scene.target()).is_empty());
}

#[test]
fn a_sender_gone_in_the_middle_leaves_nothing() {
    let scene = Scene::new();
    let Some((sender, code)) = scene.scripted_sender("half.bin", LARGE, LARGE / 2) else { return };
    scene.receive(&[&code]).finish().complaint();
    assert!(sender.finish().out.contains("gone"));
    assert!(Snapshot::of(&scene.target()).is_empty());
}

#[test]
fn a_receiver_gone_in_the_middle_fails_the_sender() {
    let Some((finished, scripted)) = send_to_scripted_receiver("vanish") else { return };
    finished.complaint();
    assert!(scripted.contains("gone"), "{scripted}");
}

#[test]
fn a_wrong_hash_fails_the_sender() {
    let Some((finished, scripted)) = send_to_scripted_receiver("wrong-hash") else { return };
    finished.complaint();
    assert!(scripted.contains("lied"), "{scripted}");
}

/// Sends a large file to a receiver that misbehaves; returns our end and what the receiver said.
fn send_to_scripted_receiver(what: &str) -> Option<(Finished, String)> {
    let scene = Scene::new();
    fs::write(scene.path().join("large.bin"), vec![7; LARGE]).unwrap();
    let sender = scene.send(&["large.bin"]);
    let receiver = scene.scripted(&["receive", &sender.code(), what])?;
    let finished = sender.finish();
    Some((finished, receiver.finish().out))
}

#[test]
fn an_offered_backslash_stays_inside_the_target() {
    let scene = Scene::new();
    let Some((sender, code)) = scene.scripted_sender("..\\evil", 3, 3) else { return };
    scene.receive(&[&code]).finish().succeeded();
    assert!(sender.finish().out.contains("acknowledged"));
    assert_eq!(
        Snapshot::of(scene.path()).paths(),
        [Path::new("target"), Path::new("target/..\\evil")]
    );
}

#[test]
fn an_offered_name_that_is_no_name_is_refused() {
    let paths = ["../evil", "/tmp/evil", "a/b/evil", "./evil", "a/", "a/.."];
    let long = "x".repeat(4096);
    let others = ["", ".", "..", &long, "nul\0byte"];
    for name in paths.into_iter().chain(others) {
        let scene = Scene::new();
        let Some((sender, code)) = scene.scripted_sender(name, 3, 3) else { return };
        scene.receive(&[&code]).finish().complaint();
        assert!(sender.finish().out.contains("refused"), "{name:?}");
        assert_eq!(Snapshot::of(scene.path()).paths(), [Path::new("target")], "{name:?}");
    }
}

#[test]
fn an_offered_folder_with_evil_members_is_refused() {
    for (members, reason) in [
        (r#"["ok", "../evil"]"#, "unsafe name '../evil'"),
        (r#"["/tmp/evil"]"#, "unsafe name '/tmp/evil'"),
        (r#"["../d-x/evil"]"#, "unsafe name '../d-x/evil'"),
        (r#"["a/../../evil"]"#, "unsafe name 'a/../../evil'"),
        (r#"["bell\u0007/../evil"]"#, "unsafe name 'bell\\x07/../evil'"),
        (r#"["evil@", "evil/f"]"#, "link 'evil'"),
        (r#"["evil", "evil"]"#, "name 'evil' twice"),
    ] {
        let scene = Scene::new();
        let Some(sender) = scene.scripted(&["members", members]) else { return };
        let code = sender.line_after(Stream::Out, "code ");
        let finished = scene.receive(&[&code]).finish();
        assert!(finished.complaint().contains(reason), "{finished}");
        assert!(sender.finish().out.contains("not acknowledged"), "{members}");
        assert_eq!(Snapshot::of(scene.path()).paths(), [Path::new("target")], "{members}");
    }
}

#[test]
fn an_existing_file_is_not_overwritten() {
    let scene = Scene::new();
    fs::write(scene.path().join("note.txt"), "new").unwrap();
    fs::write(scene.target().join("note.txt"), "old").unwrap();
    let before = Snapshot::of(&scene.target());
    let sender = scene.send(&["note.txt"]);
    let receiver = scene.receive(&[&sender.code()]).finish();
    assert!(receiver.complaint().contains("note.txt"), "{receiver}");
    sender.finish().complaint();
    assert_eq!(Snapshot::of(&scene.target()), before);
}

#[test]
fn a_full_disk_fails_both_sides_and_leaves_nothing() {
    let scene = Scene::new();
    fs::write(scene.path().join("large.bin"), vec![7; LARGE]).unwrap();
    let sender = scene.send(&["large.bin"]);
    let receive = scene.client().receive(&scene.target(), &[&sender.code()]);
    let finished = Process::start(with_small_files(&receive)).finish();
    finished.complaint();
    sender.finish().complaint();
    assert!(Snapshot::of(&scene.target()).is_empty());
}

/// Wraps a command so that a write past 256 KiB fails, as on a full disk.
fn with_small_files(command: &Command) -> Command {
    let mut limited = Command::new("bash");
    // Ignored, or the signal would end the program before the write can fail.
    limited.args(["-c", "trap '' XFSZ; ulimit -f 256; exec \"$@\"", "bash"]);
    limited.arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => limited.env(name, value),
            None => limited.env_remove(name),
        };
    }
    limited.current_dir(command.get_current_dir().unwrap());
    limited
}

#[test]
fn a_folder_cut_in_the_middle_leaves_nothing() {
    let scene = Scene::new();
    let album = scene.path().join("album");
    fs::create_dir(&album).unwrap();
    fs::write(album.join("large.bin"), vec![7; LARGE]).unwrap();
    let sender = scene.send(&["album"]);
    let receive = scene.client().receive(&scene.target(), &[&sender.code()]);
    Process::start(with_small_files(&receive)).finish().complaint();
    sender.finish().complaint();
    assert!(Snapshot::of(&scene.target()).is_empty());
}

#[test]
fn usage_errors_exit_with_2() {
    let scene = Scene::new();
    for finished in [
        scene.send(&["--no-such-flag"]).finish(),
        scene.receive(&["1-two-three", "--no-such-flag"]).finish(),
    ] {
        assert_eq!(finished.status.code(), Some(2), "{finished}");
        assert!(finished.err.contains("--no-such-flag"), "{finished}");
    }
}
