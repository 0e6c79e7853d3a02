//! What keeps the program from starting: a line that says so, an exit code, and nothing touched.

#![cfg(unix)]
#![allow(clippy::unwrap_used)]

mod common;

use std::{
    fs,
    net::TcpListener,
    os::unix::net::UnixListener,
    path::Path,
    process::{Command, Stdio},
};

use common::Process;
use rusqlite::Connection;

/// Starts the program in a folder; gives its exit code and its last line, and checks that it left
/// the files as they were.
fn refusal(folder: &Path, arguments: &[&str]) -> (i32, String) {
    let listing = || {
        let mut files: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .map(|path| (fs::read(&path).unwrap_or_default(), path))
            .collect();
        files.sort();
        files
    };
    let before = listing();
    let mut command = Command::new(env!("CARGO_BIN_EXE_wormhole-server"));
    let output = command.current_dir(folder).arg("mailbox").args(arguments).output().unwrap();
    assert!(output.stdout.is_empty(), "it says that it listens");
    assert_eq!(listing(), before, "{arguments:?} touched something");
    let said = String::from_utf8(output.stderr).unwrap();
    let line = said.lines().last().unwrap().strip_prefix("wormhole-server: ").unwrap();
    (output.status.code().unwrap(), line.to_owned())
}

fn database(path: &Path, sql: &str) {
    Connection::open(path).unwrap().execute_batch(sql).unwrap();
}

#[test]
fn databases_that_cannot_be_used_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("text"), "x".repeat(5_000)).unwrap();
    database(&path("foreign"), "CREATE TABLE other (x)");
    database(
        &path("newer"),
        "CREATE TABLE version (version INTEGER); INSERT INTO version VALUES (3);
         CREATE TABLE nameplates (x); CREATE TABLE mailboxes (x); CREATE TABLE messages (x);",
    );
    for (option, name, expected) in [
        ("--channel-db", "text", "file is not a database"),
        ("--channel-db", "foreign", "expected a channel database"),
        ("--channel-db", "newer", "unable to handle db version 3"),
        ("--channel-db", "no folder/relay.sqlite", "no folder/relay.sqlite"),
        ("--usage-db", "newer", "holds a channel database: expected a usage database"),
        ("--usage-db", "text", "file is not a database"),
    ] {
        let (code, line) = refusal(folder.path(), &["--port=0", option, name]);
        assert_eq!(code, 1, "{line}");
        assert!(line.contains(expected), "{option} {name}: {line}");
        let (code, line) = refusal(folder.path(), &["--check-config", "--port=0", option, name]);
        assert_eq!(code, 1, "{line}");
    }
}

#[test]
fn a_port_that_is_taken_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let port = format!("--port=tcp:{}:interface=127.0.0.1", address.port());
    let (code, line) = refusal(folder.path(), &[&port]);
    assert_eq!(code, 1);
    assert!(line.starts_with(&format!("cannot listen at {address}: ")), "{line}");
}

#[test]
fn a_unix_socket_belongs_to_who_listens_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("http.sock");
    let port = format!("--port=unix:{}", path.display());
    let listening = UnixListener::bind(&path).unwrap();
    let (code, line) = refusal(folder.path(), &[&port]);
    assert_eq!(code, 1);
    assert!(line.starts_with("cannot listen at unix:"), "{line}");

    drop(listening);
    assert!(path.exists(), "it is left behind");
    let mut command = Command::new(env!("CARGO_BIN_EXE_wormhole-server"));
    command.args(["mailbox", "--channel-db=:memory:", &port]).stderr(Stdio::null());
    let server = Process::run(command);
    server.ask_to_end();
    assert!(server.wait().success());
    assert!(!path.exists(), "it went with the server");

    fs::write(&path, "no socket").unwrap();
    let (code, _) = refusal(folder.path(), &[&port]);
    assert_eq!(code, 1, "what is no socket is not taken over");
}

#[test]
fn a_key_of_another_certificate_is_a_wrong_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(["a.example".to_owned()]).unwrap();
    let certificate = certificate.self_signed(&key).unwrap();
    fs::write(folder.path().join("cert.pem"), certificate.pem()).unwrap();
    let other = rcgen::KeyPair::generate().unwrap();
    fs::write(folder.path().join("key.pem"), other.serialize_pem()).unwrap();
    let arguments = ["--port=0", "--tls-cert=cert.pem", "--tls-key=key.pem"];
    let (code, line) = refusal(folder.path(), &arguments);
    assert_eq!(code, 2);
    assert!(line.contains("the key in key.pem is not for the certificate in cert.pem"), "{line}");
}
