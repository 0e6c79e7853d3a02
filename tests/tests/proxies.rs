//! The mailbox server behind Caddy, nginx and HAProxy, with the configurations that it ships.
//!
//! Client, proxy and server have an address each: 127.0.0.2, 127.0.0.3 and 127.0.0.1, from where
//! the proxy connects too. Linux alone has all of them without being asked.

#![allow(clippy::unwrap_used)]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::ExitCode;

use libtest_mimic::{Arguments, Completion, Trial};
use serde_json::Value;
use socket2::{Domain, Type};
use tempfile::TempDir;
use wormhole_tests::{
    Client, Event, Maker, Missing, PATIENCE, Process, Proxy, ProxyProgram, Server, Socket,
};

/// The address that clients make up.
const MADE_UP: &str = "198.51.100.66";

type Test = fn(ProxyProgram) -> Result<(), Missing>;

const TESTS: &[(&str, Test)] = &[
    ("the_shipped_file_is_valid", the_shipped_file_is_valid),
    ("a_client_is_told_its_own_address", a_client_is_told_its_own_address),
    ("a_made_up_address_changes_nothing", a_made_up_address_changes_nothing),
    ("nothing_made_up_reaches_the_server", nothing_made_up_reaches_the_server),
    ("a_text_is_sent_and_received", a_text_is_sent_and_received),
    ("a_stop_reaches_the_client", a_stop_reaches_the_client),
    ("every_page_is_passed_on", every_page_is_passed_on),
];

fn main() -> ExitCode {
    let args = Arguments::from_args();
    let trial = |program: ProxyProgram, (name, test): (&str, Test)| {
        Trial::ignorable_test(format!("{}::{name}", program.name()), move || {
            Ok(match test(program) {
                Ok(()) => Completion::Completed,
                Err(missing) => Completion::ignored_with(missing),
            })
        })
    };
    let of = |program| TESTS.iter().map(move |test| trial(program, *test));
    let mut trials: Vec<Trial> = if cfg!(target_os = "linux") {
        ProxyProgram::ALL.into_iter().flat_map(of).collect()
    } else {
        eprintln!("proxies: skipped, as only Linux has all of 127.0.0.0/8");
        Vec::new()
    };
    trials.push(Trial::test("the_readme_shows_lines_of_the_shipped_files", || {
        check_readme();
        Ok(())
    }));
    trials.push(Trial::ignorable_test("traefik", || {
        Ok(Completion::ignored_with("Debian does not package it: its files are not run"))
    }));
    libtest_mimic::run(&args, trials).exit_code()
}

fn the_shipped_file_is_valid(program: ProxyProgram) -> Result<(), Missing> {
    program.check_shipped()?.succeeded();
    Ok(())
}

fn a_client_is_told_its_own_address(program: ProxyProgram) -> Result<(), Missing> {
    let (_server, proxy) = start(program)?;
    check_welcome(&proxy, &[]);
    Ok(())
}

fn a_made_up_address_changes_nothing(program: ProxyProgram) -> Result<(), Missing> {
    let (_server, proxy) = start(program)?;
    for header in made_up() {
        check_welcome(&proxy, &[header]);
    }
    check_welcome(&proxy, &made_up());
    // A proxy that obeys removes what it has set itself.
    let named = ("Connection", "X-Real-IP, X-Real-Port, X-Forwarded-For, Forwarded");
    check_welcome(&proxy, &[owned(named)]);
    Ok(())
}

fn nothing_made_up_reaches_the_server(program: ProxyProgram) -> Result<(), Missing> {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = Proxy::start(program, &server.local_addr().unwrap().to_string())?;
    let mut headers = made_up();
    headers.push(owned(("X-Forwarded-Proto", "gopher")));
    let mut client = ask(&proxy, "GET", "/", &headers);
    let (mut passed_on, _) = server.accept().unwrap();
    passed_on.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        let mut byte = [0];
        passed_on.read_exact(&mut byte).unwrap();
        head.push(byte[0].into());
    }
    passed_on.write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n").unwrap();
    drop(passed_on);
    assert_eq!(status(&mut client), "204");

    let head = head.to_ascii_lowercase();
    assert!(!head.contains(MADE_UP) && !head.contains("gopher"), "{head}");
    let values = |name: &str| -> Vec<&str> {
        let pairs = head.lines().filter_map(|line| line.split_once(": "));
        pairs.filter(|(key, _)| *key == name).map(|(_, value)| value).collect()
    };
    assert_eq!(values("x-forwarded-proto"), ["http"], "{head}");
    let told = [values("x-real-ip"), values("x-forwarded-for"), values("forwarded")].concat();
    assert_eq!(told, ["127.0.0.2"], "{head}");
    Ok(())
}

fn a_text_is_sent_and_received(program: ProxyProgram) -> Result<(), Missing> {
    let (_server, proxy) = start(program)?;
    let client = Client::at(Maker::Ours, &format!("ws://{}/v1", proxy.address()))?;
    let folder = TempDir::new().unwrap();
    let sender = Process::start(client.send(folder.path(), &["--text", "by way of a proxy"]));
    let receiver = client.receive(folder.path(), &[&sender.code()]);
    let received = Process::start(receiver).finish().succeeded();
    sender.finish().succeeded();
    assert_eq!(received.out.trim_end(), "by way of a proxy");
    Ok(())
}

fn a_stop_reaches_the_client(program: ProxyProgram) -> Result<(), Missing> {
    let (server, proxy) = start(program)?;
    let (mut socket, _) = connect(&proxy, &[]);
    assert!(matches!(socket.hear().unwrap(), Event::Text(_)));
    server.interrupt();
    let end = socket.hear().unwrap();
    assert!(matches!(end, Event::Closed(Some(1001))), "{end:?}");
    Ok(())
}

fn every_page_is_passed_on(program: ProxyProgram) -> Result<(), Missing> {
    let (server, proxy) = start(program)?;
    assert_eq!(status(&mut ask(&proxy, "HEAD", "/", &[])), "200");
    for path in ["/", "/.well-known/wormhole.json", "/healthz", "/readyz", "/v1", "/nowhere"] {
        let mut direct = TcpStream::connect(address(&server)).unwrap();
        request(&mut direct, "GET", path, &[]);
        let behind = status(&mut ask(&proxy, "GET", path, &[]));
        assert_eq!(behind, status(&mut direct), "{path}");
    }
    Ok(())
}

/// Each line that the README shows is in the shipped file, in the same order.
fn check_readme() {
    let readme = include_str!("../../server/README.md");
    let section = readme.split("\n## ").find(|text| text.starts_with("Behind a proxy")).unwrap();
    let blocks: Vec<&str> = section.split("```").skip(1).step_by(2).collect();
    for (block, program) in blocks.iter().zip([ProxyProgram::Caddy, ProxyProgram::Nginx]) {
        let mut shipped = program.shipped().lines().map(str::trim);
        for line in block.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let name = program.name();
            assert!(
                shipped.any(|other| other == line),
                "{name}: `{line}` is not there, or earlier"
            );
        }
    }
    assert_eq!(blocks.len(), 2);
}

fn start(program: ProxyProgram) -> Result<(Server, Proxy), Missing> {
    let server = Server::start(Maker::Ours)?;
    let proxy = Proxy::start(program, address(&server))?;
    Ok((server, proxy))
}

fn address(server: &Server) -> &str {
    server.url().strip_prefix("ws://").and_then(|url| url.strip_suffix("/v1")).unwrap()
}

fn owned((name, value): (&str, &str)) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

fn made_up() -> Vec<(String, String)> {
    let headers = [
        ("X-Real-IP", MADE_UP),
        ("X-Forwarded-For", MADE_UP),
        ("Forwarded", "for=198.51.100.66;proto=https"),
        ("X-Real-Port", "1"),
    ];
    headers.map(owned).into()
}

/// Connects as a websocket client from another address than the proxy's; tells its own port too.
fn connect(proxy: &Proxy, headers: &[(String, String)]) -> (Socket, u16) {
    let stream = dial(proxy);
    let port = stream.local_addr().unwrap().port();
    (Socket::upgrade(stream, proxy.address(), "/v1", headers, PATIENCE).unwrap(), port)
}

fn check_welcome(proxy: &Proxy, headers: &[(String, String)]) {
    let (mut socket, port) = connect(proxy, headers);
    let Event::Text(text) = socket.hear().unwrap() else { panic!("no welcome") };
    let told: Value = serde_json::from_str(&text).unwrap();
    let told = &told["welcome"]["your-address"];
    assert_eq!(told["ipv4"], "127.0.0.2", "{headers:?}");
    // X-Forwarded-For has no port.
    assert!(told["port"] == port || told["port"] == 0, "{told} instead of {port}: {headers:?}");
    socket.close(1000).unwrap();
}

fn dial(proxy: &Proxy) -> TcpStream {
    let [from, to] = ["127.0.0.2:0", proxy.address()].map(|at| at.parse::<SocketAddr>().unwrap());
    let socket = socket2::Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&from.into()).unwrap();
    socket.connect(&to.into()).unwrap();
    socket.into()
}

fn ask(proxy: &Proxy, method: &str, path: &str, headers: &[(String, String)]) -> TcpStream {
    let mut stream = dial(proxy);
    request(&mut stream, method, path, headers);
    stream
}

fn request(stream: &mut TcpStream, method: &str, path: &str, headers: &[(String, String)]) {
    let host = stream.peer_addr().unwrap();
    let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(format!("{head}\r\n").as_bytes()).unwrap();
}

/// Reads the whole answer and gives its status.
fn status(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let answer = String::from_utf8_lossy(&answer);
    answer.split(' ').nth(1).unwrap_or_default().to_owned()
}
