//! The program under a service manager: a socket that hears what systemd would, and sockets that
//! systemd would have bound.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

mod common;

use std::{
    fs::{self, File},
    io,
    net::{TcpListener, TcpStream, UdpSocket},
    os::{
        fd::OwnedFd,
        linux::net::SocketAddrExt,
        unix::net::{SocketAddr, UnixDatagram},
    },
    path::PathBuf,
    process::{self, Command, Stdio},
    slice,
    time::Duration,
};

use common::{Caller, Process};
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
use tempfile::TempDir;
use wormhole_server::listen;

/// Whoever waits so long for a datagram waits in vain.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the program says to its manager, and a folder for the rest.
struct Manager {
    folder: TempDir,
    ear: UnixDatagram,
}

impl Manager {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let ear = UnixDatagram::bind(folder.path().join("notify")).unwrap();
        ear.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { folder, ear }
    }

    /// The program, on a free port and with a database in the folder.
    fn command(&self) -> Command {
        self.command_on(0)
    }

    fn command_on(&self, port: u16) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_wormhole-server"));
        command
            .args(["mailbox", "--host=127.0.0.1", "--port", &port.to_string(), "--channel-db"])
            .arg(self.database())
            .env("NOTIFY_SOCKET", self.folder.path().join("notify"))
            .stderr(File::create(self.log_path()).unwrap());
        command
    }

    fn database(&self) -> PathBuf {
        self.folder.path().join("relay.sqlite")
    }

    fn log_path(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    /// What the program has written on standard error.
    fn log(&self) -> String {
        fs::read_to_string(self.log_path()).unwrap()
    }

    /// Waits for the next datagram.
    fn hear(&self) -> String {
        self.try_hear().unwrap()
    }

    fn try_hear(&self) -> io::Result<String> {
        let mut datagram = [0; 4_096];
        let length = self.ear.recv(&mut datagram)?;
        Ok(String::from_utf8(datagram[..length].to_vec()).unwrap())
    }

    /// Gives the datagrams that are there, without waiting.
    fn hear_rest(&self) -> Vec<String> {
        self.ear.set_nonblocking(true).unwrap();
        let mut heard = Vec::new();
        let end = loop {
            match self.try_hear() {
                Ok(datagram) => heard.push(datagram),
                Err(end) => break end,
            }
        };
        assert_eq!(end.kind(), io::ErrorKind::WouldBlock);
        self.ear.set_nonblocking(false).unwrap();
        heard
    }
}

/// What the program says when it serves clients.
fn ready(server: &Process) -> String {
    format!("READY=1\nSTATUS=listening on {}", server.url)
}

fn id(server: &Process) -> Pid {
    Pid::from_raw(server.id().try_into().unwrap()).unwrap()
}

#[actix::test]
async fn ready_is_told_when_clients_are_welcomed_and_stopping_when_that_ends() {
    let manager = Manager::new();
    let server = Process::run(manager.command());
    assert_eq!(manager.hear(), ready(&server));
    let mut caller = Caller::connect(&server.url).await;
    let (codes, status) = server.terminate(slice::from_mut(&mut caller)).await;
    assert!(status.success() && codes == [Some(1001)], "{status} {codes:?}");
    assert_eq!(manager.hear_rest(), ["STOPPING=1"]);
}

#[test]
fn without_a_database_nothing_is_ready() {
    let manager = Manager::new();
    fs::create_dir(manager.database()).unwrap();
    let status = manager.command().stdout(Stdio::null()).status().unwrap();
    assert_eq!(status.code(), Some(1), "{}", manager.log());
    assert_eq!(manager.hear_rest(), [""; 0]);
}

#[test]
fn the_watchdog_hears_pings_while_the_program_runs() {
    let manager = Manager::new();
    let mut command = manager.command();
    command.env("WATCHDOG_USEC", "2000");
    let server = Process::run(command);
    assert_eq!(manager.hear(), ready(&server));
    for _ in 0..20 {
        assert_eq!(manager.hear(), "WATCHDOG=1");
    }
    kill_process(id(&server), Signal::STOP).unwrap();
    waitpid(Some(id(&server)), WaitOptions::UNTRACED).unwrap();
    manager.hear_rest();
    // No ping can come now, however slow the machine is.
    manager.ear.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    assert_eq!(manager.try_hear().unwrap_err().kind(), io::ErrorKind::WouldBlock);
    kill_process(id(&server), Signal::CONT).unwrap();
    manager.ear.set_read_timeout(Some(PATIENCE)).unwrap();
    assert_eq!(manager.hear(), "WATCHDOG=1");
}

#[actix::test]
async fn the_watchdog_of_another_process_hears_nothing() {
    let manager = Manager::new();
    let mut command = manager.command();
    command.env("WATCHDOG_USEC", "2000").env("WATCHDOG_PID", process::id().to_string());
    let server = Process::run(command);
    let ready = ready(&server);
    Caller::bound(&server.url, "side").await;
    assert!(server.terminate(&mut []).await.1.success());
    assert_eq!(manager.hear_rest(), [&ready, "STOPPING=1"]);
}

#[actix::test]
async fn an_abstract_socket_is_told_too() {
    let manager = Manager::new();
    let name = manager.folder.path().to_str().unwrap();
    let address = SocketAddr::from_abstract_name(name).unwrap();
    let ear = UnixDatagram::bind_addr(&address).unwrap();
    ear.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut command = manager.command();
    command.env("NOTIFY_SOCKET", format!("@{name}"));
    let server = Process::run(command);
    assert_eq!(Manager { ear, ..manager }.hear(), ready(&server));
}

#[actix::test]
async fn a_manager_that_is_not_there_is_missed_but_not_needed() {
    for (address, missed) in [("/nowhere/notify", true), ("nowhere", true), ("", false)] {
        let manager = Manager::new();
        let mut command = manager.command();
        command.env("WATCHDOG_USEC", "1000000");
        match address {
            "" => command.env_remove("NOTIFY_SOCKET"),
            address => command.env("NOTIFY_SOCKET", address),
        };
        let server = Process::run(command);
        Caller::bound(&server.url, "side").await;
        assert!(server.terminate(&mut []).await.1.success());
        assert_eq!(manager.log().contains(" WARN "), missed, "{}", manager.log());
        assert_eq!(manager.hear_rest(), [""; 0]);
    }
}

/// The command run by a shell that hands over two sockets as systemd does, for the process `heir`:
/// `$$` is the program itself.
fn hand_over(manager: &Manager, heir: &str, sockets: [OwnedFd; 2], command: Command) -> Command {
    hand_over_named("web:odd", manager, heir, sockets, command)
}

fn hand_over_named(
    names: &str,
    manager: &Manager,
    heir: &str,
    sockets: [OwnedFd; 2],
    command: Command,
) -> Command {
    let [first, second] = sockets;
    let mut shell = Command::new("sh");
    shell
        .arg("-c")
        .arg(format!("LISTEN_PID={heir} exec \"$0\" \"$@\" 3<&0 4<&2 0</dev/null 2>>\"$LOG\""))
        .arg(command.get_program())
        .args(command.get_args())
        .env("NOTIFY_SOCKET", manager.folder.path().join("notify"))
        .env("LOG", manager.log_path())
        .env("LISTEN_FDS", "2")
        .env("LISTEN_FDNAMES", names)
        .stdin(first)
        .stderr(second);
    shell
}

fn listener() -> (TcpListener, String) {
    let listener = listen("127.0.0.1:0".parse().unwrap()).unwrap();
    let url = format!("ws://{}/v1", listener.local_addr().unwrap());
    (listener, url)
}

#[actix::test]
async fn sockets_of_the_manager_are_served_and_no_other() {
    let manager = Manager::new();
    let ((first, one), (second, two)) = (listener(), listener());
    // The port of the options is taken: to bind it would fail.
    let taken = listener().0;
    let command = manager.command_on(taken.local_addr().unwrap().port());
    let sockets = [first.into(), second.into()];
    let server = Process::run(hand_over(&manager, "$$", sockets, command));
    assert_eq!(server.url, format!("{one} {two}"));
    assert_eq!(manager.hear(), ready(&server));
    Caller::bound(&one, "side").await;
    Caller::bound(&two, "side").await;
}

#[actix::test]
async fn sockets_with_the_relays_names_are_the_relays() {
    for (server, names, expected) in [
        ("serve", "mailbox:relay", "ws://ONE/v1 tcp:TWO"),
        ("relay", "anything:relay-websocket", "tcp:ONE ws://TWO/"),
    ] {
        let manager = Manager::new();
        let ((first, one), (second, two)) = (listener(), listener());
        let mut command = Command::new(env!("CARGO_BIN_EXE_wormhole-server"));
        command.args([server, "--log-level=error"]);
        if server == "serve" {
            command.args(["--channel-db", ":memory:"]);
        }
        let sockets = [first.into(), second.into()];
        let server = Process::run(hand_over_named(names, &manager, "$$", sockets, command));
        let [one, two] = [one, two].map(|url| url["ws://".len()..url.len() - 3].to_owned());
        assert_eq!(server.url, expected.replace("ONE", &one).replace("TWO", &two));
    }
}

#[actix::test]
async fn sockets_for_another_process_or_for_nobody_are_left_alone() {
    for heir in ["1", ""] {
        let manager = Manager::new();
        let ((first, one), (second, two)) = (listener(), listener());
        let sockets = [first.into(), second.into()];
        let server = Process::run(hand_over(&manager, heir, sockets, manager.command()));
        assert!(server.url != one && server.url != two, "{}", server.url);
        Caller::bound(&server.url, "side").await;
    }
}

#[test]
fn sockets_that_clients_cannot_connect_to_are_refused_by_name() {
    let connected = || {
        let (listener, _) = listener();
        TcpStream::connect(listener.local_addr().unwrap()).unwrap()
    };
    let odd: [(OwnedFd, &str); 4] = [
        (UdpSocket::bind("127.0.0.1:0").unwrap().into(), "expected ListenStream="),
        (UnixDatagram::unbound().unwrap().into(), "expected ListenStream="),
        (File::open("/dev/null").unwrap().into(), "expected ListenStream="),
        (connected().into(), "expected Accept=no"),
    ];
    for (socket, reason) in odd {
        let manager = Manager::new();
        let sockets = [listener().0.into(), socket];
        let mut command = hand_over(&manager, "$$", sockets, manager.command());
        let status = command.stdout(Stdio::null()).status().unwrap();
        assert_eq!(status.code(), Some(2));
        let log = manager.log();
        assert!(log.contains("\"odd\"") && log.contains(reason), "{log}");
        assert_eq!(manager.hear_rest(), [""; 0]);
    }
}

#[test]
fn the_units_are_right_and_keep_the_program_in() {
    let server = (
        "wormhole-server",
        include_str!("../systemd/wormhole-server.service"),
        include_str!("../systemd/wormhole-server.socket"),
    );
    let relay = (
        "wormhole-relay",
        include_str!("../systemd/wormhole-relay.service"),
        include_str!("../systemd/wormhole-relay.socket"),
    );
    for (name, unit, ports) in [server, relay] {
        let folder = tempfile::tempdir().unwrap();
        let service = folder.path().join(format!("{name}.service"));
        let socket = folder.path().join(format!("{name}.socket"));
        let installed = "/usr/local/bin/wormhole-server ";
        let program = concat!(env!("CARGO_BIN_EXE_wormhole-server"), " ");
        assert!(unit.contains(installed));
        fs::write(&service, unit.replace(installed, program)).unwrap();
        fs::write(&socket, ports).unwrap();

        // Exposure from 0 to 100: below 20 is "OK".
        for check in [&["verify"][..], &["security", "--offline=true", "--threshold=19"]] {
            let mut analyze = Command::new("systemd-analyze");
            analyze.args(check).arg(&service);
            if check == ["verify"] {
                analyze.arg(&socket);
            }
            let Ok(output) = analyze.output() else {
                return eprintln!("skipped: systemd-analyze is not installed");
            };
            // It complains of other units of the machine too.
            let ours = String::from_utf8_lossy(&output.stderr).contains(name);
            assert!(output.status.success() && !ours, "{output:?}");
        }
    }
}
