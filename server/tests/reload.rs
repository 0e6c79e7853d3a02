//! SIGHUP: the configuration is read again, and nobody is disconnected.

#![cfg(unix)]
#![allow(clippy::unwrap_used)]

mod common;

use std::{
    fs,
    io::{BufRead, BufReader},
    net::TcpStream,
    process::{ChildStderr, Command},
    sync::Arc,
};

use common::{Caller, Process};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject},
};
use serde_json::json;
use tempfile::TempDir;

/// A server with a configuration file, whose log is read.
struct Stage {
    folder: TempDir,
    server: Process,
    log: BufReader<ChildStderr>,
}

/// The start of every configuration; the limits leave room for a hundred clients of one address.
const BASE: &str = "port = 0\nhost = \"127.0.0.1\"\nchannel-db = \":memory:\"\n\
                    max-connection-commands = 0\nmax-address-commands = 0\n";

impl Stage {
    fn set(file: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        certify(&folder, "one");
        fs::write(folder.path().join("server.toml"), format!("{BASE}{file}")).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_wormhole-server"));
        command.current_dir(folder.path()).args(["mailbox", "--config=server.toml"]);
        let (server, log) = Process::run_with_log(command);
        Self { folder, server, log }
    }

    /// Has the server read another configuration, and gives what it says of it.
    fn reload(&mut self, file: &str) -> String {
        fs::write(self.folder.path().join("server.toml"), file).unwrap();
        self.server.hang_up();
        loop {
            let mut line = String::new();
            assert!(self.log.read_line(&mut line).unwrap() > 0, "the server has ended");
            if line.contains("the configuration") {
                return line;
            }
        }
    }
}

/// Makes a certificate for a name, as `cert.pem` and `key.pem`.
fn certify(folder: &TempDir, name: &str) {
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new([format!("{name}.example")]).unwrap();
    let certificate = certificate.self_signed(&key).unwrap();
    fs::write(folder.path().join("cert.pem"), certificate.pem()).unwrap();
    fs::write(folder.path().join("key.pem"), key.serialize_pem()).unwrap();
}

async fn hundred(url: &str) -> Vec<Caller> {
    let mut callers = Vec::new();
    for side in 0..100 {
        callers.push(Caller::bound(url, &side.to_string()).await);
    }
    callers
}

#[actix::test]
async fn a_reload_loses_none_of_a_hundred_clients() {
    let mut stage = Stage::set("motd = \"before\"\n");
    let mut callers = hundred(&stage.server.url).await;
    let open = json!({"type": "open", "mailbox": "m"});
    let [one, two, ..] = &mut callers[..] else { unreachable!("a hundred") };
    one.ask(open.clone()).await;
    two.ask(open).await;
    assert_eq!(one.welcome["welcome"]["motd"], "before");

    let file = "motd = \"after\"\nsignal-error = \"soon\"\ndisallow-list = true\n\
                trusted-proxy = \"127.0.0.1\"\nmax-body-bytes = 4\n";
    let said = stage.reload(&format!("{BASE}{file}"));
    assert!(said.contains("the configuration was read again"), "{said}");

    for caller in &mut callers {
        assert!(caller.until_pong().await.is_empty());
    }
    let [one, two, ..] = &mut callers[..] else { unreachable!("a hundred") };
    one.get(json!({"type": "add", "phase": "p", "body": "0011"})).await;
    assert_eq!(two.hear().await["body"], "0011");
    let refused = one.get(json!({"type": "add", "phase": "q", "body": "001122"})).await;
    assert_eq!(refused["error"], "limit reached: at most 4 bytes in the body of a message");
    one.get(json!({"type": "claim", "nameplate": "8"})).await;
    assert_eq!(one.get(json!({"type": "list"})).await["nameplates"], json!([]));
    let new = Caller::connect_as(&stage.server.url, "192.0.2.7").await;
    let welcome = &new.welcome["welcome"];
    assert_eq!((&welcome["motd"], &welcome["error"]), (&json!("after"), &json!("soon")));
    assert_eq!(welcome["your-address"]["ipv4"], "192.0.2.7");
}

#[actix::test]
async fn a_configuration_that_is_wrong_changes_nothing() {
    let mut stage = Stage::set("motd = \"before\"\n");
    let mut callers = hundred(&stage.server.url).await;
    for broken in ["motd = \"after\"\nmax-apps = -1\n", "motd = \"after\"\nnonsense", "motdd = 1\n"]
    {
        let said = stage.reload(&format!("{BASE}{broken}"));
        assert!(said.contains("the configuration stays as it was: "), "{said}");
        let new = Caller::connect(&stage.server.url).await;
        assert_eq!(new.welcome["welcome"]["motd"], "before");
    }
    for caller in &mut callers {
        assert!(caller.until_pong().await.is_empty());
    }
}

/// Tells whether the server shows this certificate, and has its key.
fn shows(url: &str, certificate: &str, name: &'static str) -> bool {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let mut connection = ClientConnection::new(Arc::new(config), name.try_into().unwrap()).unwrap();
    let address = url.strip_prefix("wss://").unwrap().strip_suffix("/v1").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    while connection.is_handshaking() {
        if connection.complete_io(&mut stream).is_err() {
            return false;
        }
    }
    true
}

#[test]
fn a_renewed_certificate_is_shown_and_a_broken_one_is_not() {
    let tls = "tls-cert = \"cert.pem\"\ntls-key = \"key.pem\"\n";
    let mut stage = Stage::set(tls);
    let path = stage.folder.path().join("cert.pem");
    let first = fs::read_to_string(&path).unwrap();
    assert!(shows(&stage.server.url, &first, "one.example"));

    certify(&stage.folder, "two");
    let second = fs::read_to_string(&path).unwrap();
    assert!(!shows(&stage.server.url, &second, "two.example"), "it has not been told");
    stage.reload(&format!("{BASE}{tls}"));
    assert!(shows(&stage.server.url, &second, "two.example"));
    assert!(!shows(&stage.server.url, &first, "one.example"));

    fs::write(stage.folder.path().join("key.pem"), "no key").unwrap();
    let said = stage.reload(&format!("{BASE}{tls}"));
    assert!(said.contains("--tls-key"), "{said}");
    assert!(shows(&stage.server.url, &second, "two.example"));
}
