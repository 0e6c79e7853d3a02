//! The mailbox server's landing page: what it looks like in a browser, and whether the lines work
//! that it tells people to type.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::{env, fs};

use libtest_mimic::Arguments;
use serde_json::json;
use tempfile::TempDir;
use wormhole_tests::{Browser, Maker, Missing, Process, Server, View, trial};

fn main() -> ExitCode {
    let args = Arguments::from_args();
    let lines = [Maker::Ours, Maker::Python]
        .map(|maker| trial(&format!("the_lines_work::{maker}"), move || the_lines_work(maker)));
    let looks = trial("it_looks_as_it_should", it_looks_as_it_should);
    libtest_mimic::run(&args, lines.into_iter().chain([looks]).collect()).exit_code()
}

/// Sends and receives a file by what the page says, typed into a shell.
fn the_lines_work(maker: Maker) -> Result<(), Missing> {
    let program = maker.program("wormhole")?;
    let server = Server::start(Maker::Ours)?;
    let lines = lines(&page(server.url()));
    let [send, receive, export, address] = lines.as_slice() else { panic!("{lines:?}") };
    assert_eq!(address, server.url());

    let short = [format!("{export}; wormhole send FILE"), format!("{export}; wormhole receive")];
    for [send, receive] in [[send, receive], [&short[0], &short[1]]] {
        let [here, there] = [(); 2].map(|()| TempDir::new().expect("a folder"));
        fs::write(here.path().join("note.txt"), "a note").expect("a file");
        let send = send.replace("FILE", "note.txt");
        let sender = Process::start(shell(&program, here.path(), &send));
        let receive = format!("{receive} --accept-file {}", sender.code());
        Process::start(shell(&program, there.path(), &receive)).finish().succeeded();
        sender.finish().succeeded();
        let arrived = fs::read_to_string(there.path().join("note.txt"));
        assert_eq!(arrived.expect("a file"), "a note");
    }
    Ok(())
}

/// Runs a line as a person does whose `wormhole` is this one.
fn shell(program: &Path, folder: &Path, line: &str) -> Command {
    let first = program.parent().expect("a program in a folder").to_owned();
    let path = env::split_paths(&env::var_os("PATH").unwrap_or_default()).collect::<Vec<_>>();
    let path = env::join_paths([first].into_iter().chain(path)).expect("folders without colons");
    let mut command = Command::new("sh");
    command.args(["-c", line]).current_dir(folder);
    command.env("PATH", path).env("HOME", folder).env("LC_ALL", "C.UTF-8");
    command.env_remove("WORMHOLE_RELAY_URL").env("WORMHOLE_TRANSIT_HELPER", "");
    command
}

/// Gets the page as a browser does.
fn page(url: &str) -> String {
    let host = url.trim_start_matches("ws://").trim_end_matches("/v1");
    let mut stream = TcpStream::connect(host).expect("a server");
    let request = format!("GET / HTTP/1.0\r\nHost: {host}\r\nAccept: text/html\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("a server that reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer in UTF-8");
    answer
}

/// The lines to type and to copy; nothing in them is escaped here.
fn lines(page: &str) -> Vec<String> {
    let lines = page.split("<code class=\"line\">").skip(1);
    let lines = lines.filter_map(|rest| rest.split("</code>").next());
    lines.map(|line| line.replace("<span>", "").replace("</span>", "")).collect()
}

fn it_looks_as_it_should() -> Result<(), Missing> {
    let mut browser = Browser::start()?;
    let server = Server::start(Maker::Ours)?;
    let page = server.url().replace("ws://", "http://").replace("/v1", "/");
    let mut papers = Vec::new();
    for (width, height) in [(360, 740), (1280, 800)] {
        for scheme in ["light", "dark"] {
            let view = View { width, height, scheme };
            browser.open(&page, view);
            assert_eq!(browser.loaded(), [&page], "{view:?}");
            assert!(browser.complaints().is_empty(), "{view:?}: {:?}", browser.complaints());
            let picture = format!("{}/page-{width}-{scheme}.png", env!("CARGO_TARGET_TMPDIR"));
            browser.picture(Path::new(&picture));
            assert_eq!(browser.evaluate("innerWidth"), json!(width));
            let wide = browser.evaluate("document.documentElement.scrollWidth");
            assert_eq!(wide, json!(width), "it has to be scrolled sideways: {view:?}");
            browser.click(".line");
            let selected = browser.evaluate("getSelection().toString()");
            assert_eq!(selected, format!("wormhole --relay-url {} send FILE", server.url()));
            let paper = "getComputedStyle(document.documentElement).backgroundColor";
            papers.push((scheme, browser.evaluate(paper)));
            decode(&picture, server.url());
        }
    }
    let [light, dark, ..] = papers.as_slice() else { unreachable!("four views") };
    assert_ne!(light.1, dark.1, "the page does not care what the person prefers");
    assert!(papers.iter().all(|paper| paper == light || paper == dark), "{papers:?}");
    Ok(())
}

/// Reads the QR code from the picture, where a program is installed that can.
fn decode(picture: &str, expected: &str) {
    match Command::new("zbarimg").args(["--quiet", "--raw", picture]).output() {
        Ok(read) => assert_eq!(String::from_utf8_lossy(&read.stdout).trim(), expected, "{picture}"),
        Err(_) => eprintln!("zbarimg is not installed: the QR code in {picture} is not read"),
    }
}
