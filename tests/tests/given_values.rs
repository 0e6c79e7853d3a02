//! Each limit is one, wherever it is met: what is one less or just as much gets through the whole
//! system, what is one more is refused before a code is made; and a value is judged in one way, from
//! an argument, a variable, standard input or a prompt.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::net::{Ipv6Addr, TcpListener};
use std::path::Path;

use tempfile::TempDir;
use wormhole_client::protocol::{
    transfer::{Message, Offer},
    wire::{MAX_IDENTIFIER, MAX_MESSAGE},
};
use wormhole_tests::{Client, Maker, Missing, Process, Server, Stream};

const CODE: &str = "7-crossover-clockwork";
/// What stands before a code is shown.
const SHOWN: &str = "Wormhole code is";

struct Scene {
    client: Client,
    folder: TempDir,
    _server: Server,
}

impl Scene {
    fn new() -> Self {
        Self::of(Maker::Ours).unwrap()
    }

    fn of(server: Maker) -> Result<Self, Missing> {
        let server = Server::start(server)?;
        let client = Client::new(Maker::Ours, &server).unwrap();
        let folder = TempDir::new().unwrap();
        fs::write(folder.path().join("note.txt"), "a note").unwrap();
        Ok(Self { client, folder, _server: server })
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn run(&self, args: &[&str]) -> Process {
        Process::start(self.client.run(self.path(), args))
    }

    fn run_typing(&self, args: &[&str], typed: &str) -> Process {
        let mut process = Process::start_typing(self.client.run(self.path(), args));
        process.type_all(typed);
        process
    }
}

/// A text that takes so many bytes as a message: quotes take two each.
fn text_of(message: usize, quotes: usize) -> String {
    let empty = Message::Offer(Offer::Text(String::new())).write().len();
    let plain = message - empty - 2 * quotes;
    format!("{}{}", "\"".repeat(quotes), "x".repeat(plain))
}

#[test]
fn a_text_is_as_long_as_a_message_may_be() {
    for quotes in [0, 1000] {
        for args in [&["send", "--code", CODE, "--text", "-"][..], &["send", "--code", CODE]] {
            for message in [MAX_MESSAGE - 1, MAX_MESSAGE] {
                let scene = Scene::new();
                let text = text_of(message, quotes);
                let sender = scene.run_typing(args, &text);
                let received = scene.run(&["receive", CODE]).finish().succeeded();
                assert!(received.out.trim_end() == text, "{message} bytes, {quotes} quotes");
                sender.finish().succeeded();
            }
            let scene = Scene::new();
            let refused = scene.run_typing(args, &text_of(MAX_MESSAGE + 1, quotes)).finish();
            let line = refused.complaint();
            assert!(line.contains("send it as a file") || line.contains("more than"), "{line}");
            assert!(!refused.err.contains(SHOWN), "{refused}");
        }
    }
}

#[test]
fn a_name_is_as_long_as_servers_take() {
    for length in [MAX_IDENTIFIER - 1, MAX_IDENTIFIER] {
        let scene = Scene::new();
        let appid = "a".repeat(length);
        let send = ["--appid", &appid, "send", "--code", CODE, "--text", "hello"];
        let sender = scene.run(&send);
        let received = scene.run(&["--appid", &appid, "receive", CODE]).finish().succeeded();
        assert_eq!(received.out, "hello\n");
        sender.finish().succeeded();
    }
    let scene = Scene::new();
    for length in [0, MAX_IDENTIFIER + 1] {
        let appid = "a".repeat(length);
        let refused = scene.run(&["--appid", &appid, "send", "--text", "hello"]).finish();
        assert_eq!(refused.status.code(), Some(2), "{refused}");
    }
}

#[test]
fn a_code_has_as_many_digits_and_words_as_it_may() {
    for (digits, words) in [(39, 63), (40, 64)] {
        let scene = Scene::new();
        let code = format!("{}-a-secret", "7".repeat(digits));
        let sender = scene.run(&["send", "--code", &code, "--text", "hello"]);
        scene.run(&["receive", &code]).finish().succeeded();
        sender.finish().succeeded();
        let sender = scene.run(&["send", "-c", &words.to_string(), "--text", "hello"]);
        let code = sender.code();
        assert_eq!(code.split('-').count(), words + 1);
        scene.run(&["receive", &code]).finish().succeeded();
        sender.finish().succeeded();
    }
    let scene = Scene::new();
    let long = format!("{}-a-secret", "7".repeat(41));
    for args in [
        &["send", "--code", &long, "--text", "hello"][..],
        &["receive", &long],
        &["send", "-c", "65", "--text", "hello"],
        &["send", "-c", "0", "--text", "hello"],
        &["receive", "-a", "-c", "65"],
    ] {
        let refused = scene.run(args).finish();
        assert!(!refused.status.success() && !refused.err.contains(SHOWN), "{refused}");
    }
    assert!(scene.run_typing(&["receive"], &long).finish().complaint().contains("number"));
}

#[test]
fn a_code_is_judged_in_one_way_wherever_it_comes_from() {
    for (code, why) in [
        ("5", "no hyphen"),
        ("5-", "no secret"),
        ("0-", "-0"),
        ("-", "number"),
        ("x-y", "number"),
        ("5-a b", "spaces"),
        ("5-a\tb", "control"),
    ] {
        let scene = Scene::new();
        let refusals = [
            scene.run(&["send", &format!("--code={code}"), "--text", "hello"]),
            scene.run(&["receive", "--", code]),
            scene.run_typing(&["receive"], &format!("{code}\n")),
        ];
        for refused in refusals.map(Process::finish) {
            assert!(refused.complaint().contains(why), "{code:?}: {refused}");
            assert!(!refused.err.contains(SHOWN), "{refused}");
        }
    }
    // Blanks around it are no part of it.
    for typed in [false, true] {
        let scene = Scene::new();
        let sender = scene.run(&["send", "--code", &format!(" {CODE}\n"), "--text", "hello"]);
        let receiver = match typed {
            true => scene.run_typing(&["receive"], &format!(" {CODE} \r\n")),
            false => scene.run(&["receive", &format!("{CODE} ")]),
        };
        receiver.finish().succeeded();
        sender.finish().succeeded();
    }
}

#[test]
fn who_wants_no_code_says_so_on_both_sides() {
    let ways: [(&[&str], &[&str]); 3] =
        [(&["-0"], &["-0"]), (&["--force", "--code=0-"], &["-0"]), (&["-0"], &["--force", "0-"])];
    for (here, there) in ways {
        let scene = Scene::new();
        let sender = scene.run(&[&["send", "--text", "hello"], here].concat());
        sender.line_after(Stream::Err, "receive -0");
        let received = scene.run(&[&["receive"], there].concat()).finish().succeeded();
        assert_eq!(received.out, "hello\n");
        let sent = sender.finish().succeeded();
        assert!(!sent.err.contains(SHOWN), "{sent}");
    }
    let scene = Scene::new();
    for args in [
        &["send", "-0", "--code", CODE, "--text", "hello"][..],
        &["send", "-0", "-c", "3", "--text", "hello"],
        &["receive", "-0", CODE],
        &["receive", "-0", "--allocate"],
        &["send", "--force", "--code", "5-", "--text", "hello"],
        &["receive", "--force", "5-"],
    ] {
        assert!(!scene.run(args).finish().status.success(), "{args:?}");
    }
}

#[test]
fn addresses_are_judged_in_one_way_before_anything_is_done() {
    let scene = Scene::new();
    for (option, variable, bad) in [
        ("--relay-url", "WORMHOLE_RELAY_URL", "localhost:4000"),
        ("--relay-url", "WORMHOLE_RELAY_URL", "http://localhost:4000/v1"),
        ("--relay-url", "WORMHOLE_RELAY_URL", "ws://localhost:0/v1"),
        ("--relay-url", "WORMHOLE_RELAY_URL", "ws:///v1"),
        ("--relay-url", "WORMHOLE_RELAY_URL", ""),
        ("--transit-helper", "WORMHOLE_TRANSIT_HELPER", "tcp:localhost"),
        ("--transit-helper", "WORMHOLE_TRANSIT_HELPER", "tcp:localhost:65536"),
        ("--transit-helper", "WORMHOLE_TRANSIT_HELPER", "localhost:4001"),
    ] {
        for args in [&["send", "note.txt"][..], &["receive", CODE]] {
            let program = Maker::Ours.program("wormhole").unwrap();
            let mut by_option = std::process::Command::new(program);
            by_option.current_dir(scene.path());
            let mut by_variable = std::process::Command::new(by_option.get_program());
            by_variable.current_dir(scene.path());
            by_option.args(args).arg(format!("{option}={bad}"));
            by_variable.args(args).env(variable, bad);
            for command in [by_option, by_variable] {
                let refused = Process::start(command).finish();
                assert_eq!(refused.status.code(), Some(2), "{bad}: {refused}");
                assert!(refused.err.contains(option), "{bad}: {refused}");
            }
        }
    }
}

#[test]
fn a_yes_is_a_yes_in_a_variable_and_at_a_prompt() {
    for (yes, accepted) in [("Yes", true), ("on", true), ("1", true), ("no", false), ("0", false)] {
        let scene = Scene::new();
        let sender = scene.run(&["send", "--code", CODE, "note.txt"]);
        let mut receive = scene.client.run(scene.path(), &["receive", "-o", "arrived", CODE]);
        receive.env("WORMHOLE_ACCEPT_FILE", yes);
        // Who is asked says nothing, which is a no.
        let receiver = Process::start(receive).finish();
        assert_eq!(receiver.status.success(), accepted, "{yes}: {receiver}");
        assert_eq!(sender.finish().status.success(), accepted, "{yes}");

        let scene = Scene::new();
        let sender = scene.run_typing(
            &["send", "--code", CODE, "--verify", "note.txt"],
            &format!("perhaps\n{yes}\n"),
        );
        let receiver = scene.run(&["receive", "--accept-file", "-o", "arrived", CODE]).finish();
        assert_eq!(receiver.status.success(), accepted, "{yes}: {receiver}");
        assert_eq!(sender.finish().status.success(), accepted, "{yes}");
    }
    let scene = Scene::new();
    let mut receive = scene.client.run(scene.path(), &["receive", CODE]);
    receive.env("WORMHOLE_ACCEPT_FILE", "perhaps");
    assert_eq!(Process::start(receive).finish().status.code(), Some(2));
}

#[test]
fn a_port_that_is_taken_is_said_before_a_code_is_used() {
    // Of both families, as the program listens.
    let taken = TcpListener::bind((Ipv6Addr::UNSPECIFIED, 0));
    let taken = taken.or_else(|_| TcpListener::bind("0.0.0.0:0")).unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let scene = Scene::new();
    for args in [&["send", "--port", &port, "note.txt"][..], &["receive", "--port", &port, "-a"]] {
        let refused = scene.run(args).finish();
        assert!(refused.complaint().contains(&port), "{refused}");
        assert!(!refused.err.contains(SHOWN) && !refused.err.contains("Allocated"), "{refused}");
    }
}

#[test]
fn a_place_where_nothing_can_lie_is_said_before_a_code_is_used() {
    let scene = Scene::new();
    for output in ["nowhere/arrived", "note.txt/arrived", "/dev/null"] {
        let refused = scene.run(&["receive", "-a", "-o", output]).finish();
        assert!(refused.complaint().contains(output.trim_end_matches("/arrived")), "{refused}");
        assert!(!refused.err.contains("Allocated"), "{refused}");
    }
}

#[test]
fn the_timing_log_takes_the_place_of_nothing_that_is_sent_or_received() {
    let scene = Scene::new();
    fs::write(scene.path().join("old"), "old").unwrap();
    for args in [
        &["--dump-timing", "note.txt", "send", "note.txt"][..],
        &["--dump-timing", "old", "receive", "-o", "old", CODE],
        &["--dump-timing", "new", "receive", "-o", "./new", CODE],
    ] {
        let refused = scene.run(args).finish();
        assert!(refused.complaint().contains("name another file"), "{refused}");
    }
    assert_eq!(fs::read_to_string(scene.path().join("note.txt")).unwrap(), "a note");
}
