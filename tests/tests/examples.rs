//! The examples of the client library, each run as its own documentation says.

#![allow(clippy::unwrap_used)]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;

use tempfile::TempDir;
use wormhole_tests::{Client, Event, Maker, PATIENCE, Process, Server, Socket, Stream};

/// Runs an example against a server.
fn example(name: &str, server: &Server, args: &[&str]) -> Command {
    let mut command = Command::new(Maker::Ours.program(&format!("examples/{name}")).unwrap());
    command.args(args).env("WORMHOLE_RELAY_URL", server.url());
    command
}

#[test]
fn text_goes_to_another_terminal_and_to_every_client() {
    let server = Server::start(Maker::Ours).unwrap();
    let send = || {
        let sender =
            Process::start(example("text", &server, &["send", "two\nlines, \u{1b}[31m and ünï"]));
        let code = sender.line_after(Stream::Out, "");
        (sender, code)
    };
    let (sender, code) = send();
    let received = Process::start(example("text", &server, &["receive", &code])).finish();
    assert_eq!(received.succeeded().out, "two\\nlines, \\x1b[31m and ünï\n");
    sender.finish().succeeded();

    let (sender, code) = send();
    let folder = TempDir::new().unwrap();
    let client = Client::new(Maker::Ours, &server).unwrap();
    let received = Process::start(client.receive(folder.path(), &[&code])).finish();
    assert_eq!(received.succeeded().out, "two\nlines, \u{1b}[31m and ünï\n");
    sender.finish().succeeded();
}

#[test]
fn text_takes_no_file() {
    let server = Server::start(Maker::Ours).unwrap();
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("note.txt"), "a note").unwrap();
    let client = Client::new(Maker::Ours, &server).unwrap();
    let sender = Process::start(client.send(folder.path(), &["note.txt"]));
    let received = Process::start(example("text", &server, &["receive", &sender.code()])).finish();
    assert!(received.complaint().contains("a file"), "{received}");
    assert!(sender.finish().complaint().contains("rejected"));
}

#[test]
fn blocking_swaps_lines() {
    let server = Server::start(Maker::Ours).unwrap();
    let one = Process::start(example("blocking", &server, &["mine"]));
    let code = one.line_after(Stream::Out, "code: ");
    let mut two =
        Process::start_typing(example("blocking", &server, &["yours", &code, "--verify"]));
    let words = two.line_after(Stream::Out, "both sides show: ");
    assert_eq!(words.split(' ').count(), 16, "{words}");
    assert_eq!(one.line_after(Stream::Out, "both sides show: "), words);
    two.type_all("Y\n");
    for (process, line) in [(one, "yours"), (two, "mine")] {
        let finished = process.finish().succeeded();
        assert_eq!(
            finished.out.lines().last(),
            Some(&*format!("their line: {line}")),
            "{finished}"
        );
    }
}

#[test]
fn blocking_sends_nothing_where_the_words_are_not_confirmed() {
    let server = Server::start(Maker::Ours).unwrap();
    let one = Process::start(example("blocking", &server, &["mine"]));
    let code = one.line_after(Stream::Out, "code: ");
    let mut two =
        Process::start_typing(example("blocking", &server, &["yours", &code, "--verify"]));
    two.line_after(Stream::Out, "the same?");
    two.type_all("\n");
    let refused = two.finish();
    assert!(refused.complaint().contains("were not confirmed"), "{refused}");
    assert!(!refused.out.contains("their line"), "{refused}");
    let other = one.finish();
    assert!(other.complaint().contains("the other side did not confirm"), "{other}");
    assert!(!other.out.contains("yours"), "{other}");
}

#[test]
fn errors_are_for_people() {
    let server = Server::start(Maker::Ours).unwrap();
    let expected = "the code does not begin with a number";
    let pair = ["join", "no-code"];
    let examples: [(&str, &[&str]); 4] = [
        ("text", &["receive", "no-code"]),
        ("blocking", &["line", "no-code"]),
        ("delegate", &["no-code"]),
        ("pair_devices", &pair),
    ];
    for (name, args) in examples {
        let finished = Process::start(example(name, &server, args)).finish();
        assert_eq!(finished.status.code(), Some(1), "{finished}");
        assert_eq!(finished.only_line(), expected, "{finished}");
    }
}

#[test]
fn delegate_chats_until_one_side_leaves() {
    let server = Server::start(Maker::Ours).unwrap();
    let chat = |args: &[&str]| Process::start_typing(example("delegate", &server, args));
    let mut one = chat(&[]);
    let mut two = chat(&[&one.line_after(Stream::Out, "code: ")]);
    for (number, text) in ["hello", "", "\u{202e}how are you?"].into_iter().enumerate() {
        one.type_line(text);
        two.type_line(&format!("{text}{number}"));
    }
    assert_eq!(two.line_after(Stream::Out, "> \\u202e"), "how are you?");
    two.type_all("bye");
    let said = |process: Process| {
        let finished = process.finish().succeeded();
        assert!(finished.err.contains("code consumed, key confirmed"), "{finished}");
        assert!(
            finished.err.trim().ends_with("[closed, code consumed, key confirmed]"),
            "{finished}"
        );
        finished.out.lines().skip(1).collect::<Vec<_>>().join("\n")
    };
    assert_eq!(said(one), "> hello0\n> 1\n> \\u202ehow are you?2\n> bye");
    assert_eq!(said(two), "> hello\n> \\u202ehow are you?");
}

/// Gets the page of a web app, as text.
fn page(url: &str) -> String {
    let host = url.trim_start_matches("http://").trim_end_matches('/');
    let mut stream = TcpStream::connect(host).unwrap();
    write!(stream, "GET / HTTP/1.0\r\nHost: {host}\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn embedded_server_greets_every_visitor_and_stops_in_order() {
    let mut command = Command::new(Maker::Ours.program("examples/embedded_server").unwrap());
    command.args(["--port", "0"]);
    let app = Process::start(command);
    let url = app.line_after(Stream::Out, "listening on ");
    let folder = TempDir::new().unwrap();
    let visit = |mistake: &str| {
        let page = page(&url);
        assert!(page.contains("default-src 'none'"), "{page}");
        let (_, line) = page.split_once("wormhole --relay-url ").unwrap();
        let (mailbox, code) = line.lines().next().unwrap().split_once(" receive ").unwrap();
        let code = code.replace("</pre>", mistake);
        let client = Client::at(Maker::Ours, mailbox).unwrap();
        Process::start(client.receive(folder.path(), &[&code])).finish()
    };
    for number in 1..=2 {
        assert_eq!(visit("").succeeded().out, format!("hello, you are visitor {number}\n"));
    }
    visit("-or-not").complaint();
    app.line_after(Stream::Err, "visitor 3: the peer has another code");
    assert_eq!(visit("").succeeded().out, "hello, you are visitor 4\n");

    let host = url.trim_start_matches("http://").trim_end_matches('/');
    let mut client = Socket::open(host, "/wormhole/v1", &[], PATIENCE).unwrap();
    assert!(matches!(client.hear().unwrap(), Event::Text(_)));
    app.interrupt();
    let goodbye = client.hear().unwrap();
    assert!(matches!(goodbye, Event::Closed(Some(1001))), "{goodbye:?}");
    app.finish().succeeded();
}

#[test]
fn whoever_gives_no_arguments_is_told_which_there_are() {
    let server = Server::start(Maker::Ours).unwrap();
    for (name, usage) in [("text", "Usage: text <COMMAND>"), ("blocking", "blocking <LINE>")] {
        let finished = Process::start(example(name, &server, &[])).finish();
        assert_eq!(finished.status.code(), Some(2), "{finished}");
        assert!(finished.err.contains(usage), "{finished}");
    }
}
