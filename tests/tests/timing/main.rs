//! The timing log: the files that the program writes, and the page that it draws of them.

mod log;
mod page;

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use libtest_mimic::Arguments;
use serde_json::Value;
use tempfile::TempDir;
use wormhole_tests::{Client, Finished, Maker, Missing, Process, Server, trial};

/// A transfer between programs of Python's: the sender's file and the receiver's.
const RECORDED: [&str; 2] = [
    include_str!("../../../client/tests/vectors/timing-send.json"),
    include_str!("../../../client/tests/vectors/timing-receive.json"),
];
const FILES: [&str; 2] = ["send.json", "receive.json"];

fn main() -> ExitCode {
    let args = Arguments::from_args();
    let trials = vec![
        trial("a_recorded_transfer_is_drawn", page::a_recorded_transfer_is_drawn),
        trial("it_is_zoomed_and_moved", page::it_is_zoomed_and_moved),
        trial("keys_go_from_event_to_event", page::keys_go_from_event_to_event),
        trial("events_tell_about_themselves", page::events_tell_about_themselves),
        trial("an_attack_is_text", page::an_attack_is_text),
        trial("what_is_written_now_is_drawn::ours", || {
            page::what_is_written_now_is_drawn(Maker::Ours)
        }),
        trial("what_is_written_now_is_drawn::python", || {
            page::what_is_written_now_is_drawn(Maker::Python)
        }),
        trial("ours_is_written_as_pythons_is", log::ours_is_written_as_pythons_is),
        trial(
            "a_person_is_not_asked_before_the_server_is_there",
            log::a_person_is_not_asked_before_the_server_is_there,
        ),
        trial("a_failure_is_recorded_too", log::a_failure_is_recorded_too),
        trial(
            "a_log_that_cannot_be_written_is_an_error_at_once",
            log::a_log_that_cannot_be_written_is_an_error_at_once,
        ),
        trial("no_file_is_written_over_another", log::no_file_is_written_over_another),
        trial("what_is_no_log_is_no_page", log::what_is_no_log_is_no_page),
    ];
    libtest_mimic::run(&args, trials).exit_code()
}

/// Files of recordings and the page of them.
struct Scene {
    folder: TempDir,
}

impl Scene {
    fn new() -> Self {
        Self { folder: TempDir::new().expect("a folder") }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path().join(name), text).expect("a file");
    }

    /// Draws files with the program and gives the page's address.
    fn page(&self, files: &[&str]) -> String {
        let client = Client::at(Maker::Ours, "ws://192.0.2.1/v1");
        let client = client.unwrap_or_else(|missing| panic!("{missing}"));
        let args = [&["timing", "-o", "page.html"], files].concat();
        let finished = Process::start(client.run(self.path(), &args)).finish().succeeded();
        assert_eq!((finished.out.as_str(), finished.err.as_str()), ("", ""));
        format!("file://{}", self.path().join("page.html").display())
    }

    fn recorded(&self) -> String {
        let [send, receive] = RECORDED;
        self.write(FILES[0], send);
        self.write(FILES[1], receive);
        self.page(&FILES)
    }

    /// Sends a folder between two programs that write their logs; returns how they ended and the
    /// code they used.
    fn transfer(&self, maker: Maker) -> Result<(Finished, Finished, String), Missing> {
        let server = Server::start(Maker::Ours)?;
        let client = Client::new(maker, &server)?;
        fs::create_dir(self.path().join("album")).expect("a folder");
        self.write("album/note.txt", "a note");
        let [send, receive] = FILES.map(|file| ["--dump-timing", file]);
        let send = [&send[..], &["send", "--no-qr", "album"]].concat();
        let sender = Process::start(client.run(self.path(), &send));
        let code = sender.code();
        let receive = [&receive[..], &["receive", "-o", "copy", &code]].concat();
        let mut receiver = Process::start_typing(client.run(self.path(), &receive));
        receiver.type_all("y\n");
        let received = receiver.finish().succeeded();
        Ok((sender.finish().succeeded(), received, code))
    }

    fn events(&self, file: &str) -> Vec<Value> {
        let json = fs::read(self.path().join(file)).expect("a file");
        serde_json::from_slice(&json).expect("a JSON array")
    }
}

/// A frame to the server or from it.
fn is_frame(event: &Value) -> bool {
    event["name"].as_str().is_some_and(|name| name.starts_with("ws_"))
}
