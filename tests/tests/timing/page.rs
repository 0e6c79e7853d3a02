//! The page in a browser: what it draws of two sides, how it is led, and that nothing in a
//! recording does anything.

use std::path::Path;

use serde_json::{Value, json};
use wormhole_tests::{Browser, Maker, Missing, View};

use crate::{FILES, Scene, is_frame};

const DESKTOP: View = View { width: 1280, height: 800, scheme: "light" };

pub(crate) fn a_recorded_transfer_is_drawn() -> Result<(), Missing> {
    let mut browser = Browser::start()?;
    let scene = Scene::new();
    let page = scene.recorded();
    let mut papers = Vec::new();
    for (width, height) in [(360, 740), (1280, 800)] {
        for scheme in ["light", "dark"] {
            let view = View { width, height, scheme };
            open(&mut browser, &page, view);
            let path = format!("{}/timing-{width}-{scheme}.png", env!("CARGO_TARGET_TMPDIR"));
            browser.picture(Path::new(&path));
            assert_eq!(browser.evaluate("innerWidth"), json!(width));
            let wide = browser.evaluate("document.documentElement.scrollWidth");
            assert_eq!(wide, json!(width), "it has to be scrolled sideways: {view:?}");
            assert_eq!(count(&mut browser, ".mark"), json!(65), "events");
            assert_eq!(count(&mut browser, ".arrow"), json!(52), "frames");
            let names = ["Sender\n0d74d9683a", "Server", "Receiver\n17d065ee61"];
            assert_eq!(text(&mut browser, "#names"), names.join("\n"));
            let paper = "getComputedStyle(document.documentElement).backgroundColor";
            papers.push((scheme, browser.evaluate(paper)));
        }
    }
    let [light, dark, ..] = papers.as_slice() else { unreachable!("four views") };
    assert_ne!(light.1, dark.1, "the page does not care what the person prefers");
    assert!(papers.iter().all(|paper| paper == light || paper == dark), "{papers:?}");
    Ok(())
}

/// The beginning of what is seen and its length, in seconds.
fn seen(browser: &mut Browser) -> (f64, f64) {
    let of = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => \
              done([+plot.dataset.from, +plot.dataset.span]))))";
    let seen = browser.evaluate(of);
    (seen[0].as_f64().expect("a time"), seen[1].as_f64().expect("a time"))
}

/// What is seen after it came so many times closer.
fn closer(browser: &mut Browser, before: f64, factor: f64) -> (f64, f64) {
    let (from, span) = seen(browser);
    let now = before / span;
    assert!((now / factor - 1.0).abs() < 0.01, "{factor} times closer expected, not {now}");
    (from, span)
}

const LABELS: &str = "#plot .mark span:not([hidden])";

pub(crate) fn it_is_zoomed_and_moved() -> Result<(), Missing> {
    let mut browser = Browser::start()?;
    let scene = Scene::new();
    open(&mut browser, &scene.recorded(), DESKTOP);
    let (begin, everything) = seen(&mut browser);
    assert!((0.1..0.12).contains(&everything), "{everything}");
    let few = count(&mut browser, LABELS).as_u64();

    browser.click("#in");
    let (from, span) = closer(&mut browser, everything, 2.0);
    assert!(from > begin);
    browser.press("+");
    let (_, span) = closer(&mut browser, span, 1.5);
    browser.wheel_with_ctrl("#plot", -250);
    let (from, after) = seen(&mut browser);
    assert!(after < span, "not nearer than {span}: {after}");
    let span = after;

    // The ruler's first label is of a time that is in the picture.
    let label = text_of(&mut browser, "#ruler text");
    let first: f64 = label.trim_end_matches(" ms").parse().expect("milliseconds");
    assert!((from..from + span).contains(&(first / 1e3)), "{label} is not in {from} to {span}");

    browser.drag("#plot", -200);
    let (to, after) = closer(&mut browser, span, 1.0);
    assert!(to > from && to < from + after);
    browser.press("0");
    assert_eq!(seen(&mut browser), (begin, everything));

    for _ in 0..4 {
        browser.click("#in");
    }
    browser.click("#overview");
    seen(&mut browser);
    assert!(count(&mut browser, LABELS).as_u64() < few, "some are outside");
    assert!(browser.complaints().is_empty(), "{:?}", browser.complaints());
    Ok(())
}

pub(crate) fn keys_go_from_event_to_event() -> Result<(), Missing> {
    let mut browser = Browser::start()?;
    let scene = Scene::new();
    // So low that the lanes have to be scrolled.
    open(&mut browser, &scene.recorded(), View { height: 300, ..DESKTOP });
    let (_, everything) = seen(&mut browser);
    browser.press("ArrowRight");
    seen(&mut browser);
    assert_eq!(count(&mut browser, ".chosen"), json!(1));
    browser.press("Enter");
    let (_, near) = seen(&mut browser);
    assert!(near < everything, "not nearer than {everything}: {near}");
    let inside = "(() => { const r = document.querySelector('.mark.chosen').getBoundingClientRect(); \
                  return r.top >= 0 && r.bottom <= innerHeight })()";
    for _ in 0..8 {
        browser.press("ArrowRight");
        seen(&mut browser);
        assert_eq!(browser.evaluate(inside), json!(true), "the event that is told is not seen");
    }
    browser.press("Escape");
    seen(&mut browser);
    assert_eq!(count(&mut browser, ".chosen"), json!(0));
    Ok(())
}

pub(crate) fn events_tell_about_themselves() -> Result<(), Missing> {
    let mut browser = Browser::start()?;
    let scene = Scene::new();
    open(&mut browser, &scene.recorded(), DESKTOP);
    assert_eq!(browser.evaluate("tip.hidden && details.hidden"), json!(true));
    let bind = mark(&mut browser, "bind");
    browser.hover(&bind);
    assert_eq!(browser.evaluate("tip.hidden"), json!(false));
    let tip = text(&mut browser, "#tip");
    let [label, place, way] = tip.lines().collect::<Vec<_>>()[..] else { panic!("{tip}") };
    assert_eq!(label, "bind");
    assert!(place.ends_with("ms") && way.starts_with("reached the server after"), "{tip}");

    browser.click(&bind);
    seen(&mut browser);
    assert_eq!(text(&mut browser, "#what"), "bind");
    let event: Value = serde_json::from_str(&text(&mut browser, "#event")).expect("JSON");
    assert_eq!(event["name"], "ws_send");
    assert_eq!(event["details"]["client_version"], json!(["python", "0.24.0"]));
    // Its `ack` is of the same frame and lit with it.
    assert_eq!(count(&mut browser, ".mark.on"), json!(2));
    assert_eq!(count(&mut browser, ".arrow.on"), json!(2));

    let span = mark(&mut browser, "pake2");
    browser.hover(&span);
    assert!(text(&mut browser, "#tip").contains("took "));
    browser.click("#next");
    assert_ne!(text(&mut browser, "#what"), "bind");
    browser.click("#close");
    assert_eq!(browser.evaluate("details.hidden"), json!(true));
    Ok(())
}

/// Finds a mark by its label.
fn mark(browser: &mut Browser, label: &str) -> String {
    let index = format!(
        "[...document.querySelectorAll('.mark')].find(m => m.textContent === {label:?}).dataset.index"
    );
    format!(".mark[data-index={}]", browser.evaluate(&index))
}

pub(crate) fn an_attack_is_text() -> Result<(), Missing> {
    let mut browser = Browser::start()?;
    let attack = "</script><script>window.hit = 1</script><img src=x onerror=\"window.hit = 1\">";
    let scene = Scene::new();
    let file = json!([
        {"name": attack, "start": 1.0, "stop": 1.5, "details": {"waiting": attack, attack: attack}},
        {"name": "ws_send", "start": 2.0, "stop": null, "details":
            {"_side": attack, "type": attack, "phase": attack, "id": attack, "__proto__": attack}},
        {"name": "GotPake", "start": 3.0, "stop": 3.5, "details":
            {"waiting": "actor", "actor": attack}},
        {"name": "exit", "start": 4.0, "stop": null, "details": {"which": attack}},
    ]);
    scene.write("attack.json", &file.to_string());
    open(&mut browser, &scene.page(&["attack.json"]), DESKTOP);
    for _ in 0..4 {
        browser.press("ArrowRight");
        seen(&mut browser);
        assert!(text(&mut browser, "#event").contains("</script><script>window.hit"));
        let chosen = ".chosen";
        browser.hover(chosen);
    }
    assert_eq!(browser.evaluate("typeof window.hit"), "undefined");
    assert_eq!(browser.evaluate("document.images.length"), json!(0));
    assert_eq!(browser.evaluate("document.scripts.length"), json!(2));
    assert!(browser.complaints().is_empty(), "{:?}", browser.complaints());
    Ok(())
}

/// Sends a folder between two programs, and draws what they recorded.
pub(crate) fn what_is_written_now_is_drawn(maker: Maker) -> Result<(), Missing> {
    let mut browser = Browser::start()?;
    let scene = Scene::new();
    scene.transfer(maker)?;
    open(&mut browser, &scene.page(&FILES), DESKTOP);
    let picture = format!("{}/timing-{maker}.png", env!("CARGO_TARGET_TMPDIR"));
    browser.picture(Path::new(&picture));
    let events = FILES.map(|file| scene.events(file)).concat();
    let frames = events.iter().filter(|event| is_frame(event)).count();
    assert_eq!(count(&mut browser, ".mark"), json!(events.len()));
    assert_eq!(count(&mut browser, ".arrow"), json!(frames));
    assert!(!text(&mut browser, ".clocks").contains("same transfer?"));
    // Python has no actors.
    let actors = count(&mut browser, "#names .row").as_u64();
    assert_eq!(actors > Some(0), maker == Maker::Ours);
    Ok(())
}

fn count(browser: &mut Browser, selector: &str) -> Value {
    browser.evaluate(&format!("document.querySelectorAll({selector:?}).length"))
}

fn text(browser: &mut Browser, selector: &str) -> String {
    let text = browser.evaluate(&format!("document.querySelector({selector:?}).innerText"));
    text.as_str().expect("an element with text").to_owned()
}

/// The text of an element that is no HTML, such as what is drawn.
fn text_of(browser: &mut Browser, selector: &str) -> String {
    let text = browser.evaluate(&format!("document.querySelector({selector:?}).textContent"));
    text.as_str().expect("an element").to_owned()
}

/// Opens a page that must be at peace with itself.
fn open(browser: &mut Browser, page: &str, view: View) {
    browser.open(page, view);
    assert_eq!(browser.loaded(), [page], "{view:?}");
    assert!(browser.complaints().is_empty(), "{view:?}: {:?}", browser.complaints());
}
