//! What the program writes with `--dump-timing`, beside what Python's writes.

use std::{fs, net::TcpListener, os::unix::fs::symlink};

use serde_json::Value;
use wormhole_tests::{Client, Maker, Missing, Process, Server};

use crate::{FILES, Scene, is_frame};

pub(crate) fn ours_is_written_as_pythons_is() -> Result<(), Missing> {
    let ours = Scene::new();
    let (sent, received, code) = ours.transfer(Maker::Ours)?;
    for (finished, file) in [(&sent, FILES[0]), (&received, FILES[1])] {
        let last = finished.err.lines().last();
        assert_eq!(last, Some(format!("Timing data written to {file}").as_str()), "{finished}");
    }
    let (_, secret) = code.split_once('-').expect("a code");
    for file in FILES {
        let json = fs::read_to_string(ours.path().join(file)).expect("a file");
        assert!(!json.contains(secret), "{file} holds the code");
    }
    let python = Scene::new();
    python.transfer(Maker::Python)?;
    for file in FILES {
        assert_eq!(steps(&ours.events(file)), steps(&python.events(file)), "{file}");
        for event in ours.events(file) {
            let keys: Vec<_> = event.as_object().expect("an object").keys().cloned().collect();
            assert_eq!(keys, ["details", "name", "start", "stop"]);
        }
    }
    Ok(())
}

/// What both programs record, with the keys of their details and whether it lasted.
fn steps(events: &[Value]) -> Vec<(String, Vec<String>, bool)> {
    let own = |event: &&Value| {
        let waits_for_actor = event["details"]["waiting"] == "actor";
        !is_frame(event) && !waits_for_actor && event["name"] != "import"
    };
    let step = |event: &Value| {
        let keys = event["details"].as_object().expect("an object").keys().cloned().collect();
        let name = event["name"].as_str().expect("a name").to_owned();
        (name, keys, event["stop"].is_f64())
    };
    let mut steps: Vec<_> = events.iter().filter(own).map(step).collect();
    steps.sort();
    steps
}

pub(crate) fn a_person_is_not_asked_before_the_server_is_there() -> Result<(), Missing> {
    let server = Server::start(Maker::Ours)?;
    let client = Client::new(Maker::Ours, &server)?;
    let scene = Scene::new();
    let send = ["send", "--code", "7-crossover-clockwork", "--text", "hello"];
    let sender = Process::start(client.run(scene.path(), &send));
    sender.code();
    let receive = client.run(scene.path(), &["receive", "--dump-timing", "t.json"]);
    let mut receiver = Process::start_typing(receive);
    receiver.type_all("7-crossover-clockwork\n");
    receiver.finish().succeeded();
    let events = scene.events("t.json");
    let at = |what: fn(&Value) -> bool| events.iter().position(what).expect("an event");
    let welcome = at(|event| event["details"]["message"]["type"] == "welcome");
    assert!(welcome < at(|event| event["name"] == "input code"), "{events:?}");
    Ok(())
}

pub(crate) fn a_failure_is_recorded_too() -> Result<(), Missing> {
    let scene = Scene::new();
    let refused =
        TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("its number");
    let client = Client::at(Maker::Ours, &format!("ws://{refused}/v1"))?;
    let receive = client.run(scene.path(), &["receive", "--dump-timing", "t.json", "1-two-three"]);
    let finished = Process::start(receive).finish();
    assert!(finished.complaint().contains("refused"), "{finished}");
    assert!(finished.err.contains("Timing data written to t.json"), "{finished}");
    let events = scene.events("t.json");
    assert_eq!(events.first().expect("an event")["name"], "command dispatch");
    assert_eq!(events.last().expect("an event")["name"], "exit");

    let receive = ["receive", "--dump-timing", "t.json", "malformed"];
    let finished = Process::start(client.run(scene.path(), &receive)).finish();
    assert!(finished.complaint().contains("7-crossover-clockwork"), "{finished}");
    Ok(())
}

pub(crate) fn a_log_that_cannot_be_written_is_an_error_at_once() -> Result<(), Missing> {
    let scene = Scene::new();
    scene.recorded();
    let client = Client::at(Maker::Ours, "ws://192.0.2.1/v1")?;
    for args in [&["timing", "send.json"][..], &["send", "--text", "hello"]] {
        let args = [&["--dump-timing", "no/t.json"], args].concat();
        let finished = Process::start(client.run(scene.path(), &args)).finish();
        assert_eq!(finished.only_line(), "wormhole: no/t.json: entity not found", "{finished}");
    }
    Ok(())
}

pub(crate) fn no_file_is_written_over_another() -> Result<(), Missing> {
    let scene = Scene::new();
    scene.recorded();
    symlink("send.json", scene.path().join("link.json")).expect("a link");
    let before = scene.events("send.json");
    let client = Client::at(Maker::Ours, "ws://192.0.2.1/v1")?;
    for args in [
        "timing send.json -o send.json",
        "timing receive.json link.json -o ./send.json",
        "--dump-timing send.json timing send.json -o page.html",
        "--dump-timing ./new.html timing send.json -o new.html",
    ] {
        let args: Vec<&str> = args.split(' ').collect();
        let finished = Process::start(client.run(scene.path(), &args)).finish();
        assert!(finished.only_line().contains("would be overwritten"), "{finished}");
    }
    assert_eq!(scene.events("send.json"), before);
    assert!(!scene.path().join("new.html").exists());
    Ok(())
}

pub(crate) fn what_is_no_log_is_no_page() -> Result<(), Missing> {
    let scene = Scene::new();
    let client = Client::at(Maker::Ours, "ws://192.0.2.1/v1")?;
    scene.write("other.json", "{\"name\": \"\u{1b}[31m\"}");
    for (file, why) in [("other.json", "JSON array of events"), ("missing.json", "No such file")] {
        let finished = Process::start(client.run(scene.path(), &["timing", file])).finish();
        assert!(finished.only_line().contains(&format!("{file}: ")), "{finished}");
        assert!(finished.err.contains(why), "{finished}");
    }
    Ok(())
}
