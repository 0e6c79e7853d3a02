//! Relays that are reached by websocket.

use std::io::Cursor;

use actix_service::{Service, ServiceFactory};
use actix_tls::accept::rustls_0_23::{Acceptor, reexports::ServerConfig};
use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256};
use sha2::{Digest, Sha256};
use tokio::{
    io::{AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::spawn_local,
};
use wormhole_client::{
    Wormhole,
    protocol::transit::{Endpoint, Hints, RelayHint, Role},
    transit::{Config, Connection, Listen, Transit, TransitError},
};

use super::{
    peer::{key, transit},
    relay::Relay,
    scripted::guarded,
};

fn websocket(url: &str) -> RelayHint {
    Endpoint::WebSocket(url.parse().unwrap()).into()
}

fn at(relay: &RelayHint) -> Hints {
    Hints { relays: vec![relay.clone()], ..Hints::default() }
}

/// Connects two who do not listen, each by its own relay.
async fn meet(sender: &RelayHint, receiver: &RelayHint) -> [Connection; 2] {
    let key = key();
    let [a, b] = [Role::Sender, Role::Receiver].map(|role| transit(role, false, &[]));
    let (of_sender, of_receiver) = (at(sender), at(receiver));
    let both = tokio::join!(a.connect(&key, &of_sender), b.connect(&key, &of_receiver));
    [both.0.unwrap(), both.1.unwrap()]
}

#[actix::test]
async fn bytes_and_websockets_meet_at_a_relay() {
    guarded(async {
        let relay = Relay::start();
        let (tcp, websocket) = (&relay.hint, &relay.websocket);
        let data: Vec<u8> = (0..3_000_000).map(|n| (n % 251) as u8).collect();
        let digest: [u8; 32] = Sha256::digest(&data).into();
        for (sends, receives) in [(websocket, websocket), (websocket, tcp), (tcp, websocket)] {
            let [sender, receiver] = meet(sends, receives).await;
            let way = format!("relay {}", websocket.endpoints[0]);
            let shown = [&sender, &receiver].map(|end| end.via().way.to_string());
            assert!(shown.contains(&way), "{shown:?}");
            let source = Box::new(Cursor::new(data.clone()));
            let progress = || watch::channel(0).0;
            let (sent, landed) = tokio::join!(
                sender.ship(source, data.len() as u64, progress()),
                receiver.land(Vec::new(), data.len() as u64, progress()),
            );
            let (received, of_received) = landed.unwrap();
            assert!(received == data);
            assert_eq!([sent.unwrap(), of_received], [digest; 2]);
            receiver.send_record(b"ack".to_vec()).await.unwrap();
            assert_eq!(sender.receive_record(3).await.unwrap(), b"ack");
            // The goodbye of one is the end for the other.
            tokio::join!(receiver.finish(), async {
                sender.receive_record(1).await.unwrap_err();
                drop(sender);
            });
        }
    })
    .await;
}

#[actix::test]
async fn what_is_no_websocket_is_told() {
    guarded(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("ws://{}/", listener.local_addr().unwrap());
        let answering = async {
            let (mut tcp, _) = listener.accept().await.unwrap();
            tcp.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n").await.unwrap();
            tcp
        };
        let (key, theirs) = (key(), at(&websocket(&url)));
        let ours = transit(Role::Sender, false, &[]);
        let (failed, _tcp) = tokio::join!(ours.connect(&key, &theirs), answering);
        let failed = failed.err().unwrap().to_string();
        let reason = "expected a websocket, got the HTTP answer 404 Not Found";
        assert_eq!(failed, format!("cannot reach the peer: relay {url}: {reason}"));
    })
    .await;
}

/// Takes TLS off for what listens at a port, and the certificate (PEM).
async fn tls_before(port: u16) -> (u16, String) {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    let certificate = CertificateParams::new(["localhost".to_owned()]).unwrap();
    let certificate = certificate.self_signed(&key).unwrap();
    let settings = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key.into())
        .unwrap();
    let acceptor = Acceptor::new(settings);
    let acceptor = ServiceFactory::<TcpStream>::new_service(&acceptor, ()).await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let front = listener.local_addr().unwrap().port();
    spawn_local(async move {
        loop {
            let (tcp, _) = listener.accept().await.unwrap();
            let accepted = acceptor.call(tcp);
            spawn_local(async move {
                let Ok(mut tls) = accepted.await else { return };
                let mut behind = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                let _ = copy_bidirectional(&mut tls, &mut behind).await;
            });
        }
    });
    (front, certificate.pem())
}

#[actix::test]
async fn a_relay_is_believed_as_the_mailbox_server_is() {
    guarded(async {
        let relay = Relay::start();
        let Endpoint::Tcp(hint) = &relay.hint.endpoints[0] else { panic!("no TCP") };
        let (front, authority) = tls_before(hint.port.get()).await;
        let relays = vec![websocket(&format!("wss://localhost:{front}/"))];
        let config = Config { listen: Listen::Never, relays, ..Config::default() };
        let key = key();

        let stranger = transit(Role::Sender, false, &config.relays);
        let failed = stranger.connect(&key, &Hints::default()).await.err().unwrap();
        let TransitError::AllFailed(tried) = failed else { panic!("{failed}") };
        assert!(tried.told[0].reason.contains("certificate"), "{tried}");

        // No server is needed to say whom one believes.
        let builder = Wormhole::builder("appid", "ws://127.0.0.1:1/v1");
        let wormhole = builder.tls_root(&authority).unwrap().open();
        let [a, b] = [Role::Sender, Role::Receiver]
            .map(|role| Transit::beside(&wormhole, role, &config).unwrap());
        let nothing = Hints::default();
        let both = tokio::join!(a.connect(&key, &nothing), b.connect(&key, &nothing));
        let (a, b) = (both.0.unwrap(), both.1.unwrap());
        a.send_record(b"through TLS".to_vec()).await.unwrap();
        assert_eq!(b.receive_record(100).await.unwrap(), b"through TLS");
    })
    .await;
}
