//! What ten thousand wormholes leave behind in the program that opened them: nothing.

#![allow(clippy::unwrap_used)]

use std::{fmt, fs, process::Command, sync::OnceLock, time::Duration};

use futures_util::future::join_all;
use peak_alloc::PeakAlloc;
use tokio::sync::watch;
use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    span,
};
use wormhole_client::{Error, Wormhole};
use wormhole_tests::{Maker, Process, Stream};

const WORMHOLES: usize = 10_000;
/// What is opened at once, in fours.
const AT_ONCE: usize = 25;
/// How many come before, until everything that is made once is there.
const WARM_UP: usize = 3_000;
/// What may be in use besides, which is no wormhole's: ten bytes of each would show.
const IN_USE: usize = 10 * WORMHOLES;

/// Counts what is in use, to the byte. What the system's allocator keeps besides, in its holes, differs
/// from machine to machine.
#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// Counts the layers that have been seated and have not stopped, by what the client traces.
struct Layers(watch::Sender<i64>);

static LAYERS: OnceLock<watch::Sender<i64>> = OnceLock::new();

/// What an event says.
#[derive(Default)]
struct Said(String);

impl Visit for Said {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.0 = format!("{value:?}");
        }
    }
}

impl Subscriber for Layers {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "wormhole_client::wiring" && metadata.fields().field("layer").is_some()
    }

    fn event(&self, event: &Event<'_>) {
        let mut said = Said::default();
        event.record(&mut said);
        let change = match said.0.as_str() {
            "seated" => 1,
            "stopped" => -1,
            odd => panic!("a layer is {odd}"),
        };
        self.0.send_modify(|living| *living += change);
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

/// Opens four wormholes: two that talk and close, one that is dropped as it is, and one that is
/// dropped with a code, while its peer will never come.
async fn four(url: &str, number: usize) {
    let open = || Wormhole::builder("example.org/leaks", url).open();
    let [a, b, unused, lonely] = [open(), open(), open(), open()];
    drop(unused);
    lonely.set_code(&format!("{number}-lonely")).unwrap();
    lonely.send_message("to nobody");
    a.allocate_code(2).unwrap();
    b.set_code(a.code().await.unwrap().as_str()).unwrap();
    let (at_a, at_b) = tokio::join!(a.exchange("from a"), b.exchange("from b"));
    assert_eq!((&at_a.unwrap()[..], &at_b.unwrap()[..]), (&b"from b"[..], &b"from a"[..]));
    assert_eq!(a.message().await.err(), Some(Error::Closed));
    // Half of those that are dropped have been served by then.
    if number.is_multiple_of(2) {
        lonely.welcome().await.unwrap();
    }
}

async fn many(url: &str, wormholes: usize) {
    let rounds = wormholes / (4 * AT_ONCE);
    for round in 0..rounds {
        let all = (0..AT_ONCE).map(|number| four(url, 1_000_000 + round * AT_ONCE + number));
        join_all(all).await;
    }
    let mut living = LAYERS.get().unwrap().subscribe();
    let none = living.wait_for(|living| *living == 0);
    tokio::time::timeout(Duration::from_secs(60), none).await.expect("layers live on").unwrap();
}

fn open_files() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}

#[test]
fn ten_thousand_wormholes_leave_nothing_behind() {
    let layers = watch::Sender::new(0);
    LAYERS.set(layers.clone()).unwrap();
    tracing::subscriber::set_global_default(Layers(layers)).unwrap();
    let mut command = Command::new(Maker::Ours.program("wormhole-server").unwrap());
    command.args(["mailbox", "--host=127.0.0.1", "--port=0", "--channel-db=:memory:"]);
    command.args(["--hold-down=0", "--max-address-nameplates=0", "--max-address-mailboxes=0"]);
    command.args(["--max-address-connections=0", "--max-address-commands=0"]);
    let server = Process::start(command);
    let url = server.line_after(Stream::Out, "listening on ");

    actix::System::new().block_on(async {
        many(&url, WARM_UP).await;
        let (files, in_use) = (open_files(), ALLOCATOR.current_usage());
        many(&url, WORMHOLES).await;
        assert_eq!(open_files(), files);
        let grown = ALLOCATOR.current_usage().saturating_sub(in_use);
        assert!(grown < IN_USE, "{grown} bytes more in use than before");
    });
}
