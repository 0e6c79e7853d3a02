//! The commands beside the server, against a running one.

#![cfg(unix)]
#![allow(clippy::unwrap_used)]

mod common;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::atomic::{AtomicU8, Ordering::Relaxed},
};

use common::{Caller, Process};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A server with a configuration file, which the commands read too.
struct Stage {
    folder: TempDir,
    server: Process,
}

impl Stage {
    fn set(file: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = rcgen::CertificateParams::new(["relay.example".to_owned()]).unwrap();
        fs::write(path("cert.pem"), certificate.self_signed(&key).unwrap().pem()).unwrap();
        fs::write(path("key.pem"), key.serialize_pem()).unwrap();
        fs::write(path("server.toml"), file.replace("FOLDER", folder.path().to_str().unwrap()))
            .unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_wormhole-server"));
        command.current_dir(folder.path()).args(["mailbox", "--config=server.toml"]);
        Self { server: Process::run(command), folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn run(&self, arguments: &[&str]) -> Output {
        run(self.folder.path(), arguments)
    }
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wormhole-server"));
    command.current_dir(folder).args(arguments).arg("--config=server.toml").output().unwrap()
}

fn told(output: &Output) -> (Option<i32>, String) {
    let text = [&output.stdout[..], &output.stderr[..]].concat();
    (output.status.code(), String::from_utf8(text).unwrap().trim().to_owned())
}

/// An endpoint that is known before it is bound: an address of this machine's own network that
/// nobody else uses.
fn endpoint() -> String {
    static NEXT: AtomicU8 = AtomicU8::new(1);
    let [.., high, low] = std::process::id().to_be_bytes();
    format!("tcp:4000:interface=127.{high}.{low}.{}", NEXT.fetch_add(1, Relaxed))
}

#[actix::test]
async fn a_health_check_asks_the_server_as_it_is_configured() {
    let on_port = format!("port = {:?}\n", endpoint());
    for listening in [
        on_port.clone(),
        format!("{on_port}tls-cert = \"cert.pem\"\ntls-key = \"key.pem\"\n"),
        "port = \"unix:FOLDER/http.sock\"\n".to_owned(),
        "port = 0\nhost = \"127.0.0.1\"\nstatus-socket = \"FOLDER/status.sock\"\n".to_owned(),
    ] {
        let stage = Stage::set(&listening);
        assert_eq!(
            told(&stage.run(&["healthcheck"])),
            (Some(0), "ready".to_owned()),
            "{listening}"
        );
        let Stage { folder, server } = stage;
        server.kill();
        let (code, said) = told(&run(folder.path(), &["healthcheck"]));
        assert_eq!(code, Some(1), "{said}");
        assert!(said.starts_with("wormhole-server: the server does not answer: "), "{said}");
        assert_eq!(said.lines().count(), 1);
    }
}

#[actix::test]
async fn a_health_check_believes_no_other_certificate() {
    let stage = Stage::set(&format!(
        "port = {:?}\ntls-cert = \"cert.pem\"\ntls-key = \"key.pem\"\n",
        endpoint()
    ));
    let key =
        rcgen::KeyPair::from_pem(&fs::read_to_string(stage.path("key.pem")).unwrap()).unwrap();
    let other = rcgen::CertificateParams::new(["other.example".to_owned()]).unwrap();
    fs::write(stage.path("cert.pem"), other.self_signed(&key).unwrap().pem()).unwrap();
    let (code, said) = told(&stage.run(&["healthcheck"]));
    assert_eq!(code, Some(1));
    assert!(said.contains("expected the one of --tls-cert"), "{said}");
}

#[actix::test]
async fn a_health_check_needs_a_way_to_the_server() {
    let stage = Stage::set("port = 0\nhost = \"127.0.0.1\"\n");
    let (code, said) = told(&stage.run(&["healthcheck"]));
    assert_eq!(code, Some(2));
    assert!(said.contains("--port is known only to the server"), "{said}");
}

#[actix::test]
async fn the_status_tells_what_is_there_now() {
    let stage = Stage::set(
        "port = 0\nhost = \"127.0.0.1\"\nstatus-socket = \"FOLDER/status.sock\"\n\
         max-connection-nameplates = 1\n",
    );
    let mut caller = Caller::bound(&stage.server.url, "a").await;
    let claimed = caller.get(json!({"type": "claim", "nameplate": "8"})).await;
    caller.ask(json!({"type": "open", "mailbox": claimed["mailbox"]})).await;
    caller.ask(json!({"type": "add", "phase": "p", "body": "0011"})).await;
    caller.get(json!({"type": "allocate"})).await;

    let (code, said) = told(&stage.run(&["status", "--json"]));
    assert_eq!(code, Some(0), "{said}");
    let said: Value = serde_json::from_str(&said).unwrap();
    let figures = &said["figures"];
    for (name, expected) in [
        ("websockets", 1),
        ("subscriptions", 1),
        ("apps", 1),
        ("nameplates", 1),
        ("mailboxes", 1),
        ("messages", 1),
        ("ready", 1),
        ("refusals", 1),
    ] {
        assert_eq!(figures[name], f64::from(expected), "{name}");
    }
    assert_eq!(figures["limit_reached"]["max-connection-nameplates"], 1.0);
    assert_eq!(figures["commands"]["claim"], 1.0);

    let (_, table) = told(&stage.run(&["status"]));
    assert!(table.contains("reached max-connection-nameplates"), "{table}");
    #[cfg(target_os = "linux")]
    {
        use std::os::unix::fs::PermissionsExt;
        let socket = fs::metadata(stage.path("status.sock")).unwrap();
        assert_eq!(socket.permissions().mode() & 0o777, 0o600);
    }
}

#[actix::test]
async fn the_usage_is_told_by_day_and_copied_with_the_rest() {
    let stage = Stage::set(
        "port = 0\nhost = \"127.0.0.1\"\nchannel-db = \"relay.sqlite\"\n\
         usage-db = \"usage.sqlite\"\nstatus-socket = \"FOLDER/status.sock\"\n",
    );
    for (side, mood) in [("a", "happy"), ("b", "scary")] {
        let mut caller = Caller::connect(&stage.server.url).await;
        let bind = json!({"type": "bind", "appid": "app", "side": side,
                          "client_version": ["test\u{1b}", "1"]});
        caller.ask(bind).await;
        caller.ask(json!({"type": "open", "mailbox": mood})).await;
        caller.get(json!({"type": "close", "mood": mood})).await;
    }
    // What waits to be written is written at the latest when the server has ended.
    let Stage { folder, server } = stage;
    let copied = told(&run(folder.path(), &["backup", "copy.sqlite"]));
    assert_eq!(copied.0, Some(0), "{}", copied.1);
    assert!(folder.path().join("copy.sqlite-usage").exists(), "{}", copied.1);
    let (code, said) = told(&run(folder.path(), &["backup", "copy.sqlite"]));
    assert_eq!(code, Some(1), "{said}");
    server.ask_to_end();
    assert!(server.wait().success());

    let (code, said) = told(&run(folder.path(), &["usage", "--json"]));
    assert_eq!(code, Some(0), "{said}");
    let days: Value = serde_json::from_str(&said).unwrap();
    let count = |result: &str| -> u64 {
        let days = days.as_array().unwrap().iter();
        days.map(|day| day["mailboxes"][result].as_u64().unwrap()).sum()
    };
    assert_eq!((count("scary"), count("lonely"), count("happy")), (1, 1, 0));
    let (_, table) = told(&run(folder.path(), &["usage"]));
    assert!(table.starts_with("date ") && !table.contains('\u{1b}'), "{table}");
    let (code, said) = told(&run(folder.path(), &["usage", "--to", "2020-01-01", "--json"]));
    assert_eq!((code, said.as_str()), (Some(0), "[]"));
}
