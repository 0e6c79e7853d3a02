//! A private certificate authority.

use std::fs;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use tempfile::TempDir;
use wormhole_client::Error;
use wormhole_server::{Config, Tls, testing};

use crate::{builder, guarded};

/// A server at `wss://localhost` and the certificate (PEM) of the authority that vouches for it.
fn server() -> (testing::Server, String, String) {
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.distinguished_name.push(DnType::CommonName, "an authority");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(["localhost".to_owned()]).unwrap();
    let certificate = certificate.signed_by(&key, &authority).unwrap();
    let folder = TempDir::new().unwrap();
    let [cert_path, key_path] = ["cert.pem", "key.pem"].map(|name| folder.path().join(name));
    fs::write(&cert_path, certificate.pem()).unwrap();
    fs::write(&key_path, key.serialize_pem()).unwrap();
    let tls = Some(Tls::read(&cert_path, &key_path).unwrap());
    let server = testing::Setup::from(Config { tls, workers: 1, ..Config::default() }).start();
    let url = server.url().replace("127.0.0.1", "localhost");
    (server, url, authority.pem())
}

#[actix::test]
async fn only_who_is_told_of_the_authority_believes_it() {
    let (_server, url, authority) = server();
    let stranger = builder(&url).open();
    let refused = guarded(stranger.closed()).await;
    let Err(Error::ServerConnection { reason, .. }) = refused else { panic!("{refused:?}") };
    assert!(reason.contains("certificate"), "{reason}");

    let trusting = builder(&url).tls_root(&authority).unwrap().open();
    trusting.allocate_code(2).unwrap();
    guarded(trusting.code()).await.unwrap();
    assert_eq!(guarded(trusting.close()).await, Err(Error::Lonely));

    for junk in ["", "junk", &authority.replace("MII", "AAA")] {
        let refused = builder(&url).tls_root(junk).err();
        assert!(matches!(refused, Some(Error::TlsRoot(_))), "{refused:?}");
    }
}
