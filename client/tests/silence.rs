//! Nothing that is logged tells a secret, at any level, of any crate below us.

#![allow(clippy::unwrap_used)]

use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
    time::Duration,
};

use data_encoding::{BASE64, HEXLOWER, HEXUPPER};
use tracing::Level;
use wormhole_client::{Error, Wormhole};
use wormhole_server::testing;

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Lines {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

/// The forms in which bytes get into a log.
fn forms(secret: &[u8]) -> Vec<String> {
    let mut forms = vec![
        HEXLOWER.encode(secret),
        HEXUPPER.encode(secret),
        BASE64.encode(secret),
        format!("{secret:?}"),
    ];
    forms.extend(String::from_utf8(secret.to_vec()));
    forms
}

/// Two wormholes that talk and then one with a wrong code and one that is dropped; gives what
/// nobody else may know.
async fn talk(url: &str) -> Vec<Vec<u8>> {
    let open = || Wormhole::builder("example.org/silence", url).open();
    let [a, b] = [open(), open()];
    a.allocate_code(3).unwrap();
    let code = a.code().await.unwrap();
    let entry = b.input_code().unwrap();
    let (nameplate, words) = code.as_str().split_once('-').unwrap();
    entry.choose_nameplate(nameplate).await.unwrap();
    entry.choose_words(words).await.unwrap();
    let key = a.unverified_key().await.unwrap();
    let derived = a.derive_key("purpose", 32).unwrap();
    a.send_message("a message that nobody reads");
    b.send_message("an answer that nobody reads");
    a.message().await.unwrap();
    b.message().await.unwrap();
    // Together: any one of them might be in a log by chance.
    let mut secrets = vec![words.as_bytes().to_vec()];
    secrets.push(key.as_bytes().to_vec());
    secrets.push(derived.to_vec());
    secrets.push(b"a message that nobody reads".to_vec());
    secrets.push(b"an answer that nobody reads".to_vec());
    assert_eq!(tokio::join!(a.close(), b.close()), (Ok(()), Ok(())));

    let [right, wrong] = [open(), open()];
    right.set_code("7-rightsecret").unwrap();
    wrong.set_code("7-wrongsecret").unwrap();
    assert_eq!(right.closed().await, Err(Error::WrongPassword));
    assert_eq!(wrong.closed().await, Err(Error::WrongPassword));
    let dropped = open();
    dropped.set_code("8-droppedsecret").unwrap();
    dropped.send_message("never sent");
    let codes = ["rightsecret", "wrongsecret", "droppedsecret", "never sent"];
    secrets.extend(codes.map(|code| code.as_bytes().to_vec()));
    secrets
}

#[test]
fn no_log_line_tells_a_secret() {
    let lines = Lines::default();
    let writer = lines.clone();
    tracing_subscriber::fmt()
        .with_max_level(Level::TRACE)
        .with_writer(move || writer.clone())
        .init();
    // Its own log is of ciphertext at most, and is written here too.
    let server = testing::start();
    let secrets = actix::System::new().block_on(async {
        let talking = talk(server.url());
        tokio::time::timeout(Duration::from_secs(60), talking).await.expect("a test hangs")
    });
    server.stop();

    let log = lines.text();
    // What is looked for can be found: messages by their type, and the server's address.
    assert!(log.contains("GotPake") && log.contains("127.0.0.1"), "{log:.2000}");
    for secret in secrets {
        for form in forms(&secret) {
            assert!(!log.contains(&form), "the log tells a secret of {} bytes", secret.len());
        }
    }
}
