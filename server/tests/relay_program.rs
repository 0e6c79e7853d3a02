//! The transit relay as a program: what it says, what it tells of itself, and how it ends.

#![cfg(unix)]
#![allow(clippy::unwrap_used)]

mod common;

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use common::Caller;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

/// A program that runs a relay, perhaps beside a mailbox server.
struct Program {
    child: Child,
    /// What it says at its start.
    addresses: Value,
    folder: TempDir,
}

impl Program {
    fn start(arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_wormhole-server"));
        command.args(arguments).arg("--ephemeral").arg("--status-socket").arg(socket(&folder));
        command.stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { child, addresses: serde_json::from_str(&line).unwrap(), folder }
    }

    fn call(&self, side: char) -> TcpStream {
        let address = self.addresses["relay"][0].as_str().unwrap();
        let mut stream = TcpStream::connect(address.strip_prefix("tcp:").unwrap()).unwrap();
        let side = String::from_iter([side; 16]);
        writeln!(stream, "please relay {} for side {side}", "t".repeat(64)).unwrap();
        stream
    }

    /// Two connections that are joined.
    fn pair(&self) -> (TcpStream, TcpStream) {
        let (mut one, mut two) = (self.call('a'), self.call('b'));
        assert_eq!((hear(&mut one, 3), hear(&mut two, 3)), ("ok\n".to_owned(), "ok\n".to_owned()));
        (one, two)
    }

    fn ask(&self, path: &str) -> String {
        let mut stream = UnixStream::connect(socket(&self.folder)).unwrap();
        write!(stream, "GET {path} HTTP/1.0\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer.split_once("\r\n\r\n").unwrap().1.to_owned()
    }

    fn status(&self) -> Value {
        serde_json::from_str(&self.ask("/status")).unwrap()
    }

    fn terminate(&self) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn socket(folder: &TempDir) -> PathBuf {
    Path::join(folder.path(), "status.sock")
}

fn hear(stream: &mut TcpStream, length: usize) -> String {
    let mut heard = vec![0; length];
    stream.read_exact(&mut heard).unwrap();
    String::from_utf8(heard).unwrap()
}

const LOCAL: &str = "tcp:0:interface=127.0.0.1";

#[test]
fn a_relay_tells_what_it_does() {
    let program = Program::start(&["relay", "--port", LOCAL]);
    assert_eq!(program.addresses["mailbox"], Value::Null);
    let (mut one, mut two) = program.pair();
    one.write_all(b"hello").unwrap();
    assert_eq!(hear(&mut two, 5), "hello");
    let status = program.status();
    assert_eq!(status["figures"], Value::Null);
    let figures = &status["relay"];
    for (name, expected) in
        [("connections", 2.0), ("waiting", 0.0), ("pairs", 1.0), ("bytes", 5.0), ("ready", 1.0)]
    {
        assert_eq!(figures[name], expected, "{name}");
    }
    drop((one, two));
    while program.status()["relay"]["connections"] != 0.0 {}
    let metrics = program.ask("/metrics");
    for line in [
        "wormhole_relay_ended_total{mood=\"happy\"} 1.0\n",
        "wormhole_relay_connections_accepted_total 2.0\n",
        "wormhole_relay_limit{limit=\"relay-max-connections\"}",
        "# EOF\n",
    ] {
        assert!(metrics.contains(line), "no {line} in {metrics}");
    }
    assert!(!metrics.contains("mailbox"), "{metrics}");
    assert_eq!(program.ask("/readyz"), "ready\n");
}

#[actix::test]
async fn both_servers_run_in_one_process() {
    let program =
        Program::start(&["serve", "--port", LOCAL, "--relay-port", LOCAL, "--motd=hello"]);
    let caller = Caller::connect(program.addresses["mailbox"][0].as_str().unwrap()).await;
    assert_eq!(caller.welcome["welcome"]["motd"], "hello");
    let _pair = program.pair();
    let status = program.status();
    assert_eq!(
        (&status["figures"]["websockets"], &status["relay"]["pairs"]),
        (&1.0.into(), &1.0.into())
    );
    let metrics = program.ask("/metrics");
    assert!(metrics.contains("wormhole_mailbox_websockets 1.0\n"), "{metrics}");
    assert!(metrics.contains("wormhole_relay_pairs 1.0\n"), "{metrics}");
    assert!(!metrics.contains("wormhole_mailbox_limit{limit=\"relay"), "{metrics}");
}

#[test]
fn a_stop_ends_well() {
    for command in [&["relay"][..], &["serve", "--relay-port", LOCAL]] {
        let mut program = Program::start(&[command, &["--port", LOCAL]].concat());
        program.terminate();
        assert!(program.child.wait().unwrap().success(), "{command:?}");
    }
}

#[test]
fn pairs_have_time_at_a_stop() {
    let mut program = Program::start(&["relay", "--port", LOCAL, "--drain-seconds=600"]);
    let (mut one, mut two) = program.pair();
    program.terminate();
    while program.ask("/readyz") == "ready\n" {}
    one.write_all(b"the last words").unwrap();
    assert_eq!(hear(&mut two, 14), "the last words");
    drop((one, two));
    assert!(program.child.wait().unwrap().success());
}

#[test]
fn the_usage_log_goes_to_a_descriptor() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("usage.log");
    let mut shell = Command::new("sh");
    let program = env!("CARGO_BIN_EXE_wormhole-server");
    let arguments = format!("relay --port {LOCAL} --log-fd 3 --blur-usage 3600");
    shell.args(["-c", &format!("exec {program} {arguments} 3>{} 2>&1", log.display())]);
    let mut child = shell.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let said = lines.find(|line| line.as_ref().is_ok_and(|line| line.starts_with("listening")));
    let said = said.unwrap().unwrap();
    let mut stranger = TcpStream::connect(said.rsplit_once("tcp:").unwrap().1).unwrap();
    stranger.write_all(b"x\n").unwrap();
    stranger.read_to_end(&mut Vec::new()).unwrap();
    drop(stranger);
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    assert!(child.wait().unwrap().success());
    let line: Value = serde_json::from_str(&std::fs::read_to_string(log).unwrap()).unwrap();
    assert_eq!((&line["mood"], &line["total_bytes"]), (&"errory".into(), &0.into()));
    assert!(line["started"].as_f64().unwrap() % 3_600.0 < f64::EPSILON);

    let refused = Command::new(program).args(["relay", "--port", LOCAL, "--log-fd=99"]).output();
    let refused = refused.unwrap();
    assert_eq!(refused.status.code(), Some(1));
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(said.contains("cannot write to the file descriptor 99 of --relay-log-fd: "), "{said}");
}

#[test]
fn a_relay_takes_its_options_without_their_prefix() {
    let print = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_wormhole-server"));
        let output = command.args(arguments).arg("--print-config").output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let printed = print(&["relay", "--port=1", "--max-waiting=5"]);
    assert!(printed.contains("relay-port = \"1\"  # from the command line\n"), "{printed}");
    assert!(printed.contains("relay-max-waiting = 5  # from the command line\n"), "{printed}");
    assert!(
        printed.contains("\nport = \"4000\"  # the default\n") || printed.starts_with("port = ")
    );
}

/// A websocket that asks as a client does, by hand: what is masked with zeros is as it was.
fn call_web(address: &str, side: char) -> TcpStream {
    let address = address.strip_prefix("ws://").unwrap().trim_end_matches('/');
    let mut stream = TcpStream::connect(address).unwrap();
    let head = "GET / HTTP/1.1\r\nHost: relay\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    assert!(hear(&mut stream, 129).ends_with("\r\n\r\n"));
    let line =
        format!("please relay {} for side {}\n", "t".repeat(64), side.to_string().repeat(16));
    let header = [0x82, 0x80 | line.len() as u8, 0, 0, 0, 0];
    stream.write_all(&[&header[..], line.as_bytes()].concat()).unwrap();
    stream
}

/// What a websocket hears when it is joined to its peer.
fn hear_joined(stream: &mut TcpStream) {
    let mut heard = [0; 5];
    stream.read_exact(&mut heard).unwrap();
    assert_eq!(&heard, b"\x82\x03ok\n");
}

#[test]
fn websocket_is_spoken_where_it_is_wanted() {
    let program = Program::start(&["relay", "-p", LOCAL, "-w", LOCAL]);
    let mut one = program.call('a');
    let mut two = call_web(program.addresses["relay-websocket"][0].as_str().unwrap(), 'b');
    hear_joined(&mut two);
    assert_eq!(hear(&mut one, 3), "ok\n");
    let status = program.status();
    assert_eq!(
        (&status["relay"]["pairs"], &status["relay"]["websockets"]),
        (&1.0.into(), &1.0.into())
    );
    let both = Program::start(&["serve", "--port", LOCAL, "--relay-port", LOCAL]);
    assert_eq!(both.addresses["relay-websocket"], Value::Null);

    let url = "wss://relay.example.org/";
    let arguments = ["serve", "--port", LOCAL, "--relay-port", LOCAL, "--relay-websocket", LOCAL];
    let program = Program::start(&[&arguments[..], &["--relay-websocket-url", url]].concat());
    assert_eq!(program.addresses["relay-websocket"][0], url);
}

#[test]
fn a_relay_listens_at_a_unix_socket() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("relay.sock");
    let endpoint = format!("unix:{}", path.display());
    let program = Program::start(&["relay", "-p", &endpoint, "-p", LOCAL]);
    assert_eq!(program.addresses["relay"][0], endpoint);
    let mut one = UnixStream::connect(&path).unwrap();
    writeln!(one, "please relay {}", "t".repeat(64)).unwrap();
    let mut two = TcpStream::connect(
        program.addresses["relay"][1].as_str().unwrap().strip_prefix("tcp:").unwrap(),
    )
    .unwrap();
    writeln!(two, "please relay {}", "t".repeat(64)).unwrap();
    assert_eq!(hear(&mut two, 3), "ok\n");
    let words = "what the kernel carries between sockets of two kinds".repeat(1_000);
    let mut heard = vec![0; 3 + words.len()];
    std::thread::scope(|scope| {
        scope.spawn(|| two.write_all(words.as_bytes()).unwrap());
        one.read_exact(&mut heard).unwrap();
    });
    assert_eq!(heard, format!("ok\n{words}").as_bytes());
    program.terminate();
    let mut program = program;
    assert!(program.child.wait().unwrap().success());
    assert!(!path.exists());
}

/// Runs a command beside the relay; gives its exit code and what it says.
fn beside(arguments: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_wormhole-server")).args(arguments).output();
    let output = output.unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(said).unwrap())
}

#[test]
fn a_relays_health_is_checked() {
    let program = Program::start(&["relay", "-p", LOCAL, "-w", LOCAL]);
    let endpoint = |key: &str| {
        let address = program.addresses[key][0].as_str().unwrap();
        let port = address.trim_end_matches('/').rsplit(':').next().unwrap();
        format!("tcp:{port}:interface=127.0.0.1")
    };
    let (plain, frames) = (endpoint("relay"), endpoint("relay-websocket"));
    let status = socket(&program.folder);
    let good = (Some(0), "ready\n".to_owned());
    let check = ["healthcheck", "relay", "--relay-port", plain.as_str()];
    let socket = ["--status-socket", status.to_str().unwrap()];
    assert_eq!(beside(&[&check[..], &socket].concat()), good);
    assert_eq!(beside(&[&check[..], &["--relay-websocket", &frames]].concat()), good);
    // Of these questions nothing is recorded.
    while program.status()["relay"]["connections"] != 0.0 {}
    assert!(program.ask("/metrics").contains("ended_total{mood=\"errory\"} 0.0"));
    assert_eq!(beside(&check), good);
    let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = format!("tcp:{}:interface=127.0.0.1", other.local_addr().unwrap().port());
    let answering = std::thread::spawn(move || {
        let mut caller = other.accept().unwrap().0;
        caller.read_exact(&mut [0]).unwrap();
        caller.write_all(b"220 smtp\r\n").unwrap();
    });
    let (code, said) = beside(&["healthcheck", "relay", "--relay-port", &port]);
    answering.join().unwrap();
    assert_eq!(code, Some(1));
    assert_eq!(said, "wormhole-server: what answers is no transit relay\n");
    let (code, said) = beside(&["healthcheck", "relay", "--relay-port=0"]);
    assert_eq!(code, Some(2), "{said}");
    drop(program);
    assert_eq!(beside(&check).0, Some(1));
}

#[test]
fn usage_is_told_by_day() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("usage.sqlite");
    let database = database.to_str().unwrap();
    let mut program = Program::start(&["relay", "-p", LOCAL, "--usage-db", database]);
    drop(program.pair());
    while program.status()["relay"]["connections"] != 0.0 {}
    program.terminate();
    assert!(program.child.wait().unwrap().success());
    let (code, said) = beside(&["usage", "--relay-usage-db", database, "--json"]);
    assert_eq!(code, Some(0), "{said}");
    let said: Value = serde_json::from_str(&said).unwrap();
    assert_eq!((&said["mailbox"], &said["relay"][0]["ended"]["happy"]), (&Value::Null, &1.into()));
    let (_, said) = beside(&["usage", "--relay-usage-db", database]);
    assert!(said.starts_with("date           empty    errory"), "{said}");
}
