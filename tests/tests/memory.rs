//! A folder of very many files takes hardly more memory than one of a few, at both ends together.
//!
//! What counts is what the program has in use, to the byte: what the system's allocator keeps
//! besides differs from machine to machine.

#![allow(clippy::unwrap_used)]

use std::{fs, path::Path};

use peak_alloc::PeakAlloc;
use tempfile::TempDir;
use tokio::task::spawn_blocking;
use wormhole_client::{
    Wormhole,
    protocol::transit::Role,
    transfer::{APPID, AppVersions, Incoming, Plan, Rules, receive, send},
    transit::Config,
};
use wormhole_tests::{Maker, Server};

/// Counts what is in use, to the byte.
#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

const FEW: usize = 1_000;
const MANY: usize = 30_000;
/// What the many may take more than the few, at both ends. Some forty bytes each tell their names
/// apart; their paths, of which none is shorter than that, would double it.
const MORE: usize = 60 * MANY;

/// Makes a folder of small files, half of them in one folder, the others in many and deep.
fn make(folder: &Path, files: usize) {
    for number in 0..files {
        let inside = match number % 2 {
            0 => folder.join("flat"),
            _ => folder.join(format!("{}/{}", number / 2000, number / 20)),
        };
        fs::create_dir_all(&inside).unwrap();
        fs::write(inside.join(format!("a file with a name of some length, {number}")), "x")
            .unwrap();
    }
}

fn count(folder: &Path) -> usize {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.map(|path| if path.is_dir() { count(&path) } else { 1 }).sum()
}

/// Sends a folder of so many files, receives it beside, and gives the most that was in use more
/// than before.
async fn peak_of(url: &str, files: usize) -> usize {
    let (from, to) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let folder = from.path().join("many");
    make(&folder, files);
    let open = |role| {
        Wormhole::builder(APPID, url).versions(AppVersions::ours(role).write()).unwrap().open()
    };
    let (sender, receiver) = (open(Role::Sender), open(Role::Receiver));
    let before = ALLOCATOR.current_usage();
    ALLOCATOR.reset_peak_usage();
    sender.allocate_code(2).unwrap();
    receiver.set_code(sender.code().await.unwrap().as_str()).unwrap();
    let config = Config { relays: Vec::new(), ..Config::default() };
    let sending = async {
        let plan = spawn_blocking(move || Plan::of_all(&[folder], Rules::default())).await;
        send(&sender, plan.unwrap().unwrap(), &config, |_| {}).await.unwrap();
    };
    let receiving = async {
        let Incoming::Bulk(bulk) = receive(&receiver, &config).await.unwrap() else {
            panic!("it is no folder")
        };
        bulk.accept_into(to.path(), |_| {}).await.unwrap();
    };
    tokio::join!(sending, receiving);
    let peak = ALLOCATOR.peak_usage().saturating_sub(before);
    assert_eq!(count(to.path()), files);
    peak
}

#[test]
fn thirty_thousand_files_take_hardly_more_than_a_thousand() {
    let server = Server::start(Maker::Ours).unwrap();
    actix::System::new().block_on(async {
        // What is made once and kept is there before.
        peak_of(server.url(), 1).await;
        let few = peak_of(server.url(), FEW).await;
        let many = peak_of(server.url(), MANY).await;
        assert!(many < few + MORE, "{FEW} files took {few} bytes, {MANY} files {many}");
    });
}
