//! What people do with our program, as the README and the help texts say it.

#![allow(clippy::unwrap_used)]

use std::{fs, process::Command};

use tempfile::TempDir;
use wormhole_tests::{Client, Maker, Process, Server, Stream};

/// One server, and a folder for each of two people.
struct Scene {
    client: Client,
    here: TempDir,
    there: TempDir,
    _server: Server,
}

impl Scene {
    fn new() -> Self {
        let server = Server::start(Maker::Ours).unwrap();
        let client = Client::new(Maker::Ours, &server).unwrap();
        let [here, there] = std::array::from_fn(|_| TempDir::new().unwrap());
        fs::write(here.path().join("note.txt"), "a note").unwrap();
        Self { client, here, there, _server: server }
    }

    fn send(&self, args: &[&str]) -> Process {
        Process::start(self.client.send(self.here.path(), args))
    }

    /// Receives as a person does, who answers what is asked.
    fn receive(&self, args: &[&str], answers: &str) -> Process {
        let args = [&["receive", "--hide-progress"], args].concat();
        let mut process = Process::start_typing(self.client.run(self.there.path(), &args));
        process.type_all(answers);
        process
    }

    fn arrived(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.there.path().join(name)).ok()
    }
}

#[test]
fn the_line_that_a_local_sender_prints_works_on_the_other_computer() {
    let scene = Scene::new();
    let program = Maker::Ours.program("wormhole").unwrap();
    let wormhole = |folder: &TempDir| {
        let mut command = Command::new(&program);
        command.current_dir(folder.path()).env("WORMHOLE_TRANSIT_HELPER", "");
        command
    };
    let mut sender = wormhole(&scene.here);
    sender.args(["send", "--local", "note.txt"]);
    let sender = Process::start(sender);
    let line = sender.line_after(Stream::Err, "wormhole --relay-url ");
    let mut receiver = wormhole(&scene.there);
    receiver.args(["receive", "--accept-file", "--relay-url"]);
    receiver.args(line.split(' ').filter(|word| *word != "receive"));
    Process::start(receiver).finish().succeeded();
    sender.finish().succeeded();
    assert_eq!(scene.arrived("note.txt").as_deref(), Some("a note"));
}

#[test]
fn the_default_answer_is_yes() {
    for (answers, accepted) in [("\n", true), ("y\n", true), ("n\n", false), ("", false)] {
        let scene = Scene::new();
        let sender = scene.send(&["note.txt"]);
        let receiver = scene.receive(&[&sender.code()], answers).finish();
        let sender = sender.finish();
        assert_eq!(scene.arrived("note.txt").is_some(), accepted, "{answers:?}");
        if accepted {
            receiver.succeeded();
            sender.succeeded();
        } else {
            assert!(receiver.complaint().contains("transfer rejected"), "{receiver}");
            assert!(sender.complaint().contains("transfer rejected"), "{sender}");
        }
    }
}

#[test]
fn a_code_that_is_not_given_is_asked_for() {
    let scene = Scene::new();
    let sender = scene.send(&["note.txt"]);
    let answers = format!("{}\n\n", sender.code());
    scene.receive(&[], &answers).finish().succeeded();
    sender.finish().succeeded();
}

#[test]
fn either_side_makes_the_code() {
    let scene = Scene::new();
    let receiver = scene.receive(&["--allocate", "-c", "3", "--accept-file"], "");
    let code = receiver.line_after(Stream::Err, "Allocated code: ");
    assert_eq!(code.split('-').count(), 4, "{code}");
    scene.send(&["--code", &code, "note.txt"]).finish().succeeded();
    receiver.finish().succeeded();
    assert_eq!(scene.arrived("note.txt").as_deref(), Some("a note"));
}

#[test]
fn a_code_that_is_easily_guessed_is_used_with_a_warning() {
    for (code, weak) in [("5-abc", true), ("5-password", true), ("5-crossover-clockwork", false)] {
        let scene = Scene::new();
        let sender = scene.send(&["--code", code, "note.txt"]);
        scene.receive(&["--accept-file", code], "").finish().succeeded();
        let sender = sender.finish().succeeded();
        assert_eq!(sender.err.contains("Warning: this code "), weak, "{sender}");
    }
}

#[test]
fn a_text_comes_out_as_it_went_in() {
    let scene = Scene::new();
    let text = "two\nlines, a tab\t, \u{202e}, \u{1b}[31m and ünï\n";
    let args = ["send", "--no-qr", "--text", "-"];
    let mut sender = Process::start_typing(scene.client.run(scene.here.path(), &args));
    sender.type_all(text);
    let received = scene.receive(&[&sender.code()], "").finish().succeeded();
    sender.finish().succeeded();
    assert_eq!(received.out, text);
}

#[test]
fn the_output_file_is_a_name_a_folder_or_what_to_overwrite() {
    let scene = Scene::new();
    fs::create_dir(scene.there.path().join("folder")).unwrap();
    fs::write(scene.there.path().join("old"), "old").unwrap();
    for (output, path) in [("new", "new"), ("folder", "folder/note.txt"), ("old", "old")] {
        let sender = scene.send(&["note.txt"]);
        scene.receive(&["-o", output, &sender.code()], "y\n").finish().succeeded();
        sender.finish().succeeded();
        assert_eq!(scene.arrived(path).as_deref(), Some("a note"));
    }
    assert_eq!(fs::read_dir(scene.there.path()).unwrap().count(), 3);
}

#[test]
fn what_exists_in_a_folder_is_overwritten_only_by_who_says_so() {
    let scene = Scene::new();
    fs::create_dir(scene.there.path().join("folder")).unwrap();
    fs::write(scene.there.path().join("folder/note.txt"), "old").unwrap();
    fs::write(scene.there.path().join("note.txt"), "old").unwrap();
    let output = ["-o", "folder"];
    for (output, path) in [(&[][..], "note.txt"), (&output, "folder/note.txt")] {
        for (accept, answers, overwritten) in [
            (&["--accept-file"][..], "", false),
            (&[], "", false),
            (&[], "\n", false),
            (&[], "n\n", false),
            (&[], "y\n", true),
        ] {
            let sender = scene.send(&["note.txt"]);
            let code = sender.code();
            let receiver = scene.receive(&[output, accept, &[&code]].concat(), answers).finish();
            let sender = sender.finish();
            assert_eq!(receiver.err.contains("overwrite it? (y/N)"), accept.is_empty());
            assert_eq!(
                scene.arrived(path).as_deref(),
                Some(if overwritten { "a note" } else { "old" })
            );
            if overwritten {
                assert!(receiver.err.contains(&format!("Overwriting '{path}'")), "{receiver}");
                receiver.succeeded();
                sender.succeeded();
            } else {
                receiver.complaint();
                assert!(sender.complaint().contains("transfer rejected"), "{sender}");
            }
        }
    }
}

#[test]
fn an_output_that_cannot_be_is_told_before_the_code_is_used() {
    let scene = Scene::new();
    fs::write(scene.there.path().join("file"), "old").unwrap();
    for output in ["file/", "nowhere/", "nowhere/new", "/dev/null"] {
        // Nobody has this code, so that only what is said before it is used ends the program.
        let receiver = scene.receive(&["-o", output, "5-nobody-here"], "").finish();
        assert!(receiver.complaint().contains(output.trim_end_matches("/new")), "{receiver}");
    }
}

#[test]
fn an_output_makes_the_offered_name_irrelevant_and_keeps_the_mode() {
    use std::os::unix::fs::PermissionsExt;
    let scene = Scene::new();
    let odd = "a\u{1b}[31m\u{202e}gpj";
    fs::write(scene.here.path().join(odd), "a note").unwrap();
    let secret = scene.there.path().join("secret");
    fs::write(&secret, "old").unwrap();
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
    for (output, path) in [(&["-o", "secret"][..], "secret"), (&[], "a␛[31m[U+202E]gpj")] {
        let sender = scene.send(&[odd]);
        let receiver = scene.receive(&[output, &[&sender.code()]].concat(), "y\n").finish();
        sender.finish().succeeded();
        let receiver = receiver.succeeded();
        assert!(receiver.err.contains("calls it 'a\\x1b[31m\\u202egpj'"), "{receiver}");
        assert!(!receiver.err.contains(['\u{1b}', '\u{202e}']), "{receiver}");
        assert_eq!(scene.arrived(path).as_deref(), Some("a note"));
    }
    assert_eq!(fs::metadata(&secret).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn the_verifiers_are_the_same_and_a_no_stops_it() {
    for (answer, goes_on) in [("Yes\n", true), ("perhaps\nno\n", false), ("", false)] {
        let scene = Scene::new();
        let args = ["send", "--no-qr", "--verify", "note.txt"];
        let mut sender = Process::start_typing(scene.client.run(scene.here.path(), &args));
        let code = sender.code();
        sender.type_all(answer);
        let receiver = scene.receive(&["-v", "--accept-file", &code], "").finish();
        let sender = sender.finish();
        let shown = |text: &str| {
            let hex = text.split_once("Verifier ").unwrap().1.split('.').next().unwrap();
            assert_eq!(hex.len(), 64, "{text}");
            hex.to_owned()
        };
        assert_eq!(shown(&sender.err), shown(&receiver.err));
        assert_eq!(scene.arrived("note.txt").is_some(), goes_on, "{answer:?}");
        if !goes_on {
            assert!(sender.complaint().contains("rejected verification check"), "{sender}");
            assert!(receiver.complaint().contains("rejected verification check"), "{receiver}");
        }
    }
}

#[test]
fn an_interrupted_sender_frees_its_code_and_tells_a_receiver() {
    let scene = Scene::new();
    let alone = scene.send(&["--code", "5-a-b", "note.txt"]);
    alone.code();
    alone.interrupt();
    assert_eq!(alone.finish().status.code(), Some(130));

    // The nameplate is free again: two others meet there, and nobody is crowded.
    let sender = scene.send(&["--code", "5-c-d", "note.txt"]);
    sender.code();
    let args = ["receive", "5-c-d"];
    let asked = Process::start_typing(scene.client.run(scene.there.path(), &args));
    asked.line_after(Stream::Err, "Receiving file ");
    sender.interrupt();
    assert_eq!(sender.finish().status.code(), Some(130));
    let told = asked.finish();
    assert!(told.complaint().contains("the sender interrupted the transfer"), "{told}");
    assert_eq!(fs::read_dir(scene.there.path()).unwrap().count(), 0);
}

#[test]
fn options_and_their_variables_mean_the_same() {
    let scene = Scene::new();
    let app = ["--appid", "example.org/other"];
    let sender = scene.send(&[&app[..], &["--text", "hi"]].concat());
    let received = scene.receive(&[&app[..], &[&sender.code()]].concat(), "").finish();
    assert_eq!(received.succeeded().out, "hi\n");
    sender.finish().succeeded();

    let sender = scene.send(&["note.txt"]);
    let args = ["recieve", &sender.code()];
    let mut receiver = scene.client.run(scene.there.path(), &args);
    receiver.env("WORMHOLE_ACCEPT_FILE", "1");
    Process::start(receiver).finish().succeeded();
    sender.finish().succeeded();
}

#[test]
fn the_programs_say_their_version() {
    for program in ["wormhole", "wormhole-server"] {
        let mut command = Command::new(Maker::Ours.program(program).unwrap());
        command.arg("--version");
        let said = Process::start(command).finish().succeeded().out;
        assert_eq!(said, format!("{program} {}\n", env!("CARGO_PKG_VERSION")));
    }
}
