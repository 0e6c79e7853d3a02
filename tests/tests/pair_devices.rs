//! The client library's example of a web app: a browser's session is paired with a second device.

#![allow(clippy::unwrap_used)]

use std::io;
use std::path::Path;
use std::process::{Command, ExitCode};

use libtest_mimic::Arguments;
use wormhole_tests::{
    Browser, Event, Maker, Missing, PATIENCE, Process, Server, Socket, Stream, View, trial,
};

fn main() -> ExitCode {
    let args = Arguments::from_args();
    let trials = vec![
        trial(
            "the_page_follows_each_step_until_the_device_is_paired",
            the_page_follows_each_step_until_the_device_is_paired,
        ),
        trial(
            "a_device_gets_nothing_where_the_person_says_no_or_leaves",
            a_device_gets_nothing_where_the_person_says_no_or_leaves,
        ),
        trial("a_wrong_code_is_told_to_both", a_wrong_code_is_told_to_both),
        trial(
            "only_the_apps_own_page_pairs_and_only_so_many_at_once",
            only_the_apps_own_page_pairs_and_only_so_many_at_once,
        ),
    ];
    libtest_mimic::run(&args, trials).exit_code()
}

/// The mailbox server, and the app.
struct Scene {
    url: String,
    server: Server,
    _app: Process,
}

impl Scene {
    fn new(args: &[&str]) -> Self {
        let server = Server::start(Maker::Ours).unwrap();
        let app = run(&server, &[&["serve", "--port", "0"], args].concat());
        let url = app.line_after(Stream::Out, "listening on ");
        Self { url, server, _app: app }
    }

    /// A device that somebody types this code into.
    fn join(&self, code: &str) -> Process {
        run(&self.server, &["join", code, "--name", NAME])
    }

    /// The websocket as a page of this origin opens it.
    fn socket(&self, origin: &str) -> io::Result<Socket> {
        let host = self.url.trim_start_matches("http://").trim_end_matches('/');
        Socket::open(host, "/pair", &[("Origin".to_owned(), origin.to_owned())], PATIENCE)
    }
}

const NAME: &str = "my <b>telephone</b> & \u{202e}more";
const SHOWN: &str = "my <b>telephone</b> & \\u202emore";

const STEPS: [&str; 5] = [
    "Looking for the mailbox server",
    "Mailbox server found",
    "Code ready",
    "Key alleged",
    "Key confirmed",
];

fn run(server: &Server, args: &[&str]) -> Process {
    let mut command = Command::new(Maker::Ours.program("examples/pair_devices").unwrap());
    command.args(args).env("WORMHOLE_RELAY_URL", server.url());
    Process::start(command)
}

/// Opens the page, and clicks until there is a code.
fn begin(browser: &mut Browser, scene: &Scene, view: View) -> String {
    browser.open(&scene.url, view);
    browser.click("#pair");
    browser.text("#code")
}

const VIEW: View = View { width: 800, height: 900, scheme: "light" };

fn the_page_follows_each_step_until_the_device_is_paired() -> Result<(), Missing> {
    let mut browser = Browser::start()?;
    let scene = Scene::new(&[]);
    let mut papers = Vec::new();
    for (scheme, width) in [("light", 800), ("dark", 360)] {
        let view = View { width, scheme, ..VIEW };
        let code = begin(&mut browser, &scene, view);
        picture(&mut browser, "code", scheme);
        let device = scene.join(&code);
        assert_eq!(browser.text("#name"), SHOWN);
        let emoji = device.line_after(Stream::Out, "emoji: ").replace(' ', "");
        assert_eq!(browser.text("#emoji").split_whitespace().collect::<String>(), emoji);
        let words = device.line_after(Stream::Out, "words: ");
        assert_eq!(browser.text("#words"), words.replace('-', " "));
        picture(&mut browser, "compare", scheme);
        let wide = browser.evaluate("document.documentElement.scrollWidth");
        assert_eq!(wide, width, "it has to be scrolled sideways");

        browser.click("#same");
        assert_eq!(browser.text("#result"), format!("Paired with {SHOWN}"));
        let said = device.finish().succeeded().out;
        let (_, token) = said.split_once("session token: ").unwrap();
        let digits = |text: &str| text.len() == 64 && text.chars().all(|c| c.is_ascii_hexdigit());
        assert!(digits(token.trim_end()), "{said}");
        let steps = browser.text("#steps");
        let mut steps = steps.lines().collect::<Vec<_>>();
        // The nameplate goes back to the server meanwhile.
        let used = steps.iter().position(|step| *step == "Code used up").unwrap();
        assert!(used >= 3, "{steps:?}");
        steps.remove(used);
        assert_eq!(steps, STEPS);
        picture(&mut browser, "paired", scheme);

        let paper = "getComputedStyle(document.documentElement).backgroundColor";
        papers.push(browser.evaluate(paper));
        assert_eq!(browser.loaded(), [&scene.url]);
        assert!(browser.complaints().is_empty(), "{:?}", browser.complaints());
    }
    assert_ne!(papers[0], papers[1], "the page does not care what the person prefers");
    Ok(())
}

fn picture(browser: &mut Browser, what: &str, scheme: &str) {
    let name = format!("pair-{what}-{scheme}.png");
    browser.picture(&Path::new(env!("CARGO_TARGET_TMPDIR")).join(name));
}

fn a_device_gets_nothing_where_the_person_says_no_or_leaves() -> Result<(), Missing> {
    let mut browser = Browser::start()?;
    let scene = Scene::new(&[]);
    let compared = |browser: &mut Browser| {
        let device = scene.join(&begin(browser, &scene, VIEW));
        browser.text("#words");
        device
    };
    let refused = |device: Process| {
        let finished = device.finish();
        assert!(finished.complaint().contains("the browser refused"), "{finished}");
        assert!(!finished.out.contains("token"), "{finished}");
    };
    let device = compared(&mut browser);
    browser.click("#cancel");
    assert_eq!(browser.text("#result"), "Not paired: you said no");
    refused(device);

    let device = compared(&mut browser);
    browser.open("about:blank", VIEW);
    refused(device);

    let device = compared(&mut browser);
    drop(browser);
    refused(device);
    Ok(())
}

fn a_wrong_code_is_told_to_both() -> Result<(), Missing> {
    let mut browser = Browser::start()?;
    let scene = Scene::new(&[]);
    let code = begin(&mut browser, &scene, VIEW);
    scene.join(&format!("{code}-or-not")).finish().complaint();
    assert_eq!(browser.text("#result"), "Not paired: the peer has another code");
    Ok(())
}

fn only_the_apps_own_page_pairs_and_only_so_many_at_once() -> Result<(), Missing> {
    let scene = Scene::new(&["--pairings", "1"]);
    let status = |socket: io::Result<Socket>| socket.err().unwrap().to_string();
    for origin in ["http://attacker.example", "null", ""] {
        assert!(status(scene.socket(origin)).ends_with("403"), "{origin}");
    }
    let own = scene.url.trim_end_matches('/');
    let mut first = scene.socket(own).unwrap();
    assert!(matches!(first.hear().unwrap(), Event::Text(_)));
    assert!(status(scene.socket(own)).ends_with("503"));
    Ok(())
}
