//! Programs without an event loop.

use std::{
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use futures_executor::block_on;
use wormhole_client::{Connection, Error, KeyStatus, blocking::Wormhole, protocol::code::Code};
use wormhole_server::testing;

use crate::{APPID, builder};

#[test]
fn code_verifier_data() {
    let server = testing::start();
    let a = Wormhole::new(APPID, server.url());
    let code = a.get_code().unwrap();
    assert_eq!(a.get_code().unwrap().as_str(), code.as_str());
    let url = server.url().to_owned();
    let other = thread::spawn(move || {
        let b = Wormhole::new(APPID, url);
        b.set_code(code.as_str()).unwrap();
        assert_eq!(b.set_code(code.as_str()), Err(Error::OnlyOneCode));
        let verifier = b.get_verifier().unwrap();
        let key = b.derive_key("x", 16).unwrap();
        (verifier, key, b.get_data("from b").unwrap().to_vec())
    });
    let verifier = a.get_verifier().unwrap();
    assert!(a.status().key != KeyStatus::None);
    let key = a.derive_key("x", 16).unwrap();
    assert_eq!(&a.get_data("from a").unwrap()[..], b"from b");
    assert_eq!(other.join().unwrap(), (verifier, key, b"from a".to_vec()));
    assert_eq!(a.get_data("again").err(), Some(Error::Closed));
    assert_eq!(a.close(), Ok(()));
}

#[test]
fn messages_welcome_and_versions() {
    let server = testing::start();
    let open = |name: &str| {
        let versions = serde_json::json!({"name": name});
        Wormhole::open(builder(server.url()).versions(versions).unwrap()).unwrap()
    };
    let (a, b) = (open("a"), open("b"));
    assert!(a.get_welcome().unwrap().get("error").is_none());
    b.set_code(a.get_code().unwrap().as_str()).unwrap();
    assert_eq!(a.get_versions().unwrap()["name"], "b");
    a.send_message("one");
    a.send_message("two");
    let messages = [(); 2].map(|()| b.get_message().unwrap().to_vec());
    assert_eq!(messages, [b"one", b"two"]);
    assert_eq!(b.close(), Ok(()));
    assert_eq!(a.close(), Ok(()));
}

#[test]
fn failures_end_every_call() {
    let server = testing::start();
    let a = Wormhole::new(APPID, server.url());
    assert!(matches!(a.set_code("no code"), Err(Error::KeyFormat(_))));
    a.set_code("4-x").unwrap();
    assert_eq!(a.close(), Err(Error::Lonely));

    let limited = builder(server.url()).timeout(Duration::from_millis(1));
    let late = Wormhole::open(limited).unwrap();
    assert_eq!(late.get_verifier().err(), Some(Error::Timeout));

    server.stop();
    let (_, port) = "ws://127.0.0.1:1/v1".rsplit_once(':').unwrap();
    let nowhere = Wormhole::new(APPID, format!("ws://127.0.0.1:{port}"));
    let code = nowhere.get_code().map(|code: Code| code.as_str().to_owned());
    assert!(matches!(code, Err(Error::ServerConnection { .. })), "{code:?}");
}

#[test]
fn dropped_by_its_own_callback_it_ends_all_the_same() {
    let server = testing::start();
    let own = Arc::<Mutex<Option<Wormhole>>>::default();
    let to_drop = Arc::clone(&own);
    let builder = builder(server.url()).on_status(move |status| {
        if status.connection == Connection::Closed {
            drop(to_drop.lock().unwrap().take());
        }
    });
    let wormhole = Wormhole::open(builder).unwrap();
    let handle = wormhole.handle();
    handle.allocate_code(2).unwrap();
    *own.lock().unwrap() = Some(wormhole);
    assert_eq!(block_on(handle.close()), Err(Error::Lonely));
}

#[test]
fn dropped_it_has_said_goodbye() {
    let server = testing::start();
    let wormhole = Wormhole::new(APPID, server.url());
    wormhole.get_code().unwrap();
    let handle = wormhole.handle();
    drop(wormhole);
    // The thread has ended; what it left says how.
    assert_eq!(handle.status().connection, Connection::Closed);
}
