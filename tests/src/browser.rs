//! A browser without a window.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::{env, fs, thread};

use data_encoding::BASE64;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{Missing, PATIENCE};

/// Is a running Chromium with one page, led by its DevTools protocol.
pub struct Browser {
    child: Child,
    to: ChildStdin,
    from: Receiver<Value>,
    session: Option<String>,
    sent: u64,
    events: Vec<Value>,
    _profile: TempDir,
}

/// How a page is looked at.
#[derive(Clone, Copy, Debug)]
pub struct View {
    /// CSS pixels.
    pub width: u32,
    /// CSS pixels.
    pub height: u32,
    /// What the person prefers, `light` or `dark`.
    pub scheme: &'static str,
}

impl Browser {
    /// Starts Chromium: `WORMHOLE_CHROMIUM`, or what `PATH` has.
    ///
    /// # Errors
    ///
    /// [`Missing`] when there is none.
    ///
    /// # Panics
    ///
    /// When it does not start, or is missing where [`Missing::unless_installed`] panics.
    pub fn start() -> Result<Self, Missing> {
        let program = program()?;
        let profile = TempDir::new().expect("a folder for the browser");
        // It reads its orders from descriptor 3 and answers on 4.
        let mut child = Command::new("sh")
            .args(["-c", r#"exec "$0" "$@" 3<&0 4>&1 </dev/null >/dev/null"#])
            .arg(program)
            .args(["--headless=new", "--no-sandbox", "--hide-scrollbars", "--no-first-run"])
            .args(["--disable-background-networking", "--remote-debugging-pipe"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg("about:blank")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("a shell that starts");
        let to = child.stdin.take().expect("the stream was asked to be a pipe");
        let answers = BufReader::new(child.stdout.take().expect("likewise"));
        let (heard, from) = channel();
        thread::spawn(move || {
            for message in answers.split(0).map_while(Result::ok) {
                let message = serde_json::from_slice(&message).expect("DevTools speak JSON");
                if heard.send(message).is_err() {
                    return;
                }
            }
        });
        let (session, events) = (None, Vec::new());
        let mut browser = Self { child, to, from, session, sent: 0, events, _profile: profile };
        let page = browser.call("Target.createTarget", json!({"url": "about:blank"}));
        let attach = json!({"targetId": page["targetId"], "flatten": true});
        let session = browser.call("Target.attachToTarget", attach);
        browser.session = session["sessionId"].as_str().map(str::to_owned);
        for domain in ["Page", "Network", "Log", "Runtime", "Audits"] {
            browser.call(&format!("{domain}.enable"), json!({}));
        }
        Ok(browser)
    }

    /// Opens an address and waits until all of it is loaded.
    pub fn open(&mut self, url: &str, view: View) {
        let View { width, height, scheme } = view;
        let size = json!({
            "width": width, "height": height, "deviceScaleFactor": 2, "mobile": width < 600,
        });
        self.call("Emulation.setDeviceMetricsOverride", size);
        let scheme = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        self.call("Emulation.setEmulatedMedia", scheme);
        self.events.clear();
        let opened = self.call("Page.navigate", json!({"url": url}));
        assert_eq!(opened["errorText"], Value::Null, "{url}");
        while self.events("Page.loadEventFired").is_empty() {
            let event = self.hear();
            self.events.push(event);
        }
    }

    /// Returns the value of a JavaScript expression in the page, or what its promise brings.
    pub fn evaluate(&mut self, expression: &str) -> Value {
        let expression =
            json!({"expression": expression, "returnByValue": true, "awaitPromise": true});
        let mut outcome = self.call("Runtime.evaluate", expression);
        assert_eq!(outcome["exceptionDetails"], Value::Null);
        outcome["result"]["value"].take()
    }

    /// Waits until the element that the selector finds is to be seen, with text in it, and returns
    /// that text.
    pub fn text(&mut self, selector: &str) -> String {
        let seen = format!(
            "new Promise((tell) => {{ const look = () => {{ \
             const e = document.querySelector({selector:?}); \
             if (e?.checkVisibility() && e.innerText) {{ watch.disconnect(); tell(e.innerText) }} }}; \
             const watch = new MutationObserver(look); \
             watch.observe(document, {{attributes: true, characterData: true, childList: true, \
             subtree: true}}); look() }})"
        );
        self.evaluate(&seen).as_str().expect("a text").to_owned()
    }

    /// Clicks in the middle of the first element that the selector finds.
    pub fn click(&mut self, selector: &str) {
        self.drag(selector, 0);
    }

    /// Presses the mouse button there, moves by so many CSS pixels to the right, and releases it.
    pub fn drag(&mut self, selector: &str, right: i32) {
        let place = self.middle(selector);
        let left_button = |x: f64, buttons: u8| json!({"x": x, "y": place.1, "button": "left", "buttons": buttons, "clickCount": 1});
        let to = place.0 + f64::from(right);
        self.mouse("mousePressed", left_button(place.0, 1));
        if right != 0 {
            self.mouse("mouseMoved", left_button(to, 1));
        }
        self.mouse("mouseReleased", left_button(to, 0));
    }

    /// Moves the mouse there.
    pub fn hover(&mut self, selector: &str) {
        let (x, y) = self.middle(selector);
        self.mouse("mouseMoved", json!({"x": x, "y": y}));
    }

    /// Turns the wheel there with the Ctrl key held, by so many pixels down.
    pub fn wheel_with_ctrl(&mut self, selector: &str, down: i32) {
        let (x, y) = self.middle(selector);
        let ctrl = 2;
        let turn = json!({"x": x, "y": y, "deltaX": 0, "deltaY": down, "modifiers": ctrl});
        self.mouse("mouseWheel", turn);
    }

    /// Presses a key, by the name that scripts know it by.
    pub fn press(&mut self, key: &str) {
        for kind in ["keyDown", "keyUp"] {
            self.call("Input.dispatchKeyEvent", json!({"type": kind, "key": key}));
        }
    }

    fn mouse(&mut self, kind: &str, mut event: Value) {
        event["type"] = json!(kind);
        self.call("Input.dispatchMouseEvent", event);
    }

    /// The middle of the first element that the selector finds, after scrolling it into view.
    fn middle(&mut self, selector: &str) -> (f64, f64) {
        let place = format!(
            "(() => {{ const e = document.querySelector({selector:?}); \
             e.scrollIntoView({{block: 'nearest'}}); const r = e.getBoundingClientRect(); \
             return [r.x + r.width / 2, r.y + r.height / 2] }})()"
        );
        let place = self.evaluate(&place);
        let coordinate = |index: usize| place[index].as_f64().expect("an element that is drawn");
        (coordinate(0), coordinate(1))
    }

    /// Draws the whole page into a PNG file, for people to look at.
    ///
    /// # Panics
    ///
    /// When the file cannot be written.
    pub fn picture(&mut self, path: &Path) {
        let picture = self.call("Page.captureScreenshot", json!({"captureBeyondViewport": true}));
        let picture = picture["data"].as_str().expect("a picture");
        let picture = BASE64.decode(picture.as_bytes()).expect("DevTools speak base64");
        fs::write(path, picture).expect("a folder for pictures");
    }

    /// Returns the addresses that were loaded since the page was opened, its own first.
    pub fn loaded(&self) -> Vec<&str> {
        let requests = self.events("Network.requestWillBeSent").into_iter();
        requests.filter_map(|request| request["request"]["url"].as_str()).collect()
    }

    /// Returns what a developer would see of the page: messages, errors, and violated policies.
    pub fn complaints(&self) -> Vec<&Value> {
        let kinds = ["Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown"];
        let kinds = kinds.into_iter().chain(["Audits.issueAdded"]);
        kinds.flat_map(|kind| self.events(kind)).collect()
    }

    fn events(&self, method: &str) -> Vec<&Value> {
        let events = self.events.iter().filter(|event| event["method"] == method);
        events.map(|event| &event["params"]).collect()
    }

    fn call(&mut self, method: &str, params: Value) -> Value {
        self.sent += 1;
        let mut order = json!({"id": self.sent, "method": method, "params": params});
        if let Some(session) = &self.session {
            order["sessionId"] = json!(session);
        }
        write!(self.to, "{order}\0").expect("a browser that listens");
        loop {
            let mut message = self.hear();
            if message["id"] == self.sent {
                assert_eq!(message["error"], Value::Null, "{method}");
                return message["result"].take();
            }
            self.events.push(message);
        }
    }

    fn hear(&self) -> Value {
        self.from.recv_timeout(PATIENCE).expect("a browser that answers")
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let close = json!({"id": self.sent + 1, "method": "Browser.close"});
        if write!(self.to, "{close}\0").is_ok() {
            // Its last process closes the pipe.
            while self.from.recv_timeout(PATIENCE).is_ok() {}
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn program() -> Result<PathBuf, Missing> {
    if let Some(program) = env::var_os("WORMHOLE_CHROMIUM") {
        return Ok(program.into());
    }
    let names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
    Missing::unless_one_installed(&names)
}
