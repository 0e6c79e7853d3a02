//! The server speaks TLS itself, with a certificate of an authority of one's own: to our client
//! and to Python's.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use tempfile::TempDir;
use wormhole_tests::{Client, Maker, Missing, Process, Stream, unless_missing};

/// A server at `wss://localhost`, and the certificate of the authority that vouches for it.
struct Stage {
    folder: TempDir,
    url: String,
    _server: Process,
}

impl Stage {
    fn set() -> Self {
        let folder = TempDir::new().unwrap();
        let mut authority = CertificateParams::new(Vec::new()).unwrap();
        // OpenSSL takes a certificate whose issuer has its own name for a self-signed one.
        authority.distinguished_name.push(DnType::CommonName, "an authority");
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap());
        let authority = authority.unwrap();
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(["localhost".to_owned()]).unwrap();
        let certificate = certificate.signed_by(&key, &authority).unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("authority.pem"), authority.pem()).unwrap();
        fs::write(path("cert.pem"), certificate.pem()).unwrap();
        fs::write(path("key.pem"), key.serialize_pem()).unwrap();

        let mut command = Command::new(Maker::Ours.program("wormhole-server").unwrap());
        command.current_dir(folder.path()).args(["mailbox", "--host=127.0.0.1", "--port=0"]);
        command.args(["--channel-db=:memory:", "--tls-cert=cert.pem", "--tls-key=key.pem"]);
        let server = Process::start(command);
        let url = server.line_after(Stream::Out, "listening on ");
        assert!(url.starts_with("wss://127.0.0.1:"), "{url}");
        let url = url.replace("127.0.0.1", "localhost");
        Self { folder, url, _server: server }
    }

    fn authority(&self) -> PathBuf {
        self.folder.path().join("authority.pem")
    }
}

fn over_tls(sender: Maker, receiver: Maker) -> Result<(), Missing> {
    let stage = Stage::set();
    let [sender, receiver] = [Client::at(sender, &stage.url)?, Client::at(receiver, &stage.url)?];
    let [here, there] = [TempDir::new().unwrap(), TempDir::new().unwrap()];
    let trusting = |mut command: Command| {
        command.env("SSL_CERT_FILE", stage.authority());
        Process::start(command)
    };
    let sending = trusting(sender.send(here.path(), &["--text", "over TLS"]));
    let receiving = trusting(receiver.receive(there.path(), &[&sending.code()]));
    let received = receiving.finish();
    assert!(received.out.contains("over TLS"), "{received:?}");
    assert!(sending.finish().status.success());
    Ok(())
}

#[test]
fn ours_to_ours() {
    unless_missing(over_tls(Maker::Ours, Maker::Ours));
}

#[test]
fn ours_to_python() {
    unless_missing(over_tls(Maker::Ours, Maker::Python));
}

#[test]
fn python_to_ours() {
    unless_missing(over_tls(Maker::Python, Maker::Ours));
}

#[test]
fn a_certificate_that_nobody_vouches_for_is_refused() {
    let stage = Stage::set();
    let client = Client::at(Maker::Ours, &stage.url).unwrap();
    let mut command = client.send(stage.folder.path(), &["--text", "x"]);
    command.env_remove("SSL_CERT_FILE");
    let refused = Process::start(command).finish();
    assert!(!refused.status.success());
    assert!(refused.err.contains("certificate"), "{refused:?}");
}

#[test]
fn a_file_that_holds_no_certificates_is_named() {
    let stage = Stage::set();
    let client = Client::at(Maker::Ours, &stage.url).unwrap();
    let mut command = client.send(stage.folder.path(), &["--text", "x"]);
    command.env("SSL_CERT_FILE", stage.folder.path().join("missing.pem"));
    let refused = Process::start(command).finish();
    assert!(!refused.status.success());
    assert!(refused.err.contains("SSL_CERT_FILE names "), "{refused:?}");
}
