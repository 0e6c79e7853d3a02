//! A network that is cut: nothing comes any more, not even an end.

use std::{
    env, io,
    process::Command,
    time::{Duration, Instant},
};

use tokio::sync::watch;
use wormhole_client::{
    protocol::transit::{Hints, Role},
    transit::{Config, Connection, Doing, Fault, LandError, Lost, ShipError, Transit},
};

use super::{
    peer::{hints, key},
    scripted::guarded,
};

/// How long nothing may be heard in these tests.
const SILENCE: Duration = Duration::from_secs(3);

/// Says that the network may be cut.
const ALONE: &str = "WORMHOLE_TEST_ALONE";

fn ip(words: &[&str]) {
    assert!(Command::new("ip").args(words).status().unwrap().success(), "ip {words:?}");
}

#[test]
fn a_cut_network_is_noticed() {
    let allowed = Command::new("unshare").args(["--net", "ip", "link"]).output();
    if !allowed.is_ok_and(|tried| tried.status.success()) {
        eprintln!("skipped: only root can make a network of its own (unshare, ip)");
        return;
    }
    let inside = Command::new("unshare")
        .arg("--net")
        .arg(env::current_exe().unwrap())
        .args(["--ignored", "--exact", "cut::inside_a_network_of_its_own"])
        .env(ALONE, "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&inside.stdout);
    assert!(inside.status.success() && said.contains("1 passed"), "{said}");
}

async fn connected() -> [Connection; 2] {
    let config = Config { relays: Vec::new(), silence: SILENCE, ..Config::default() };
    let [a, b] = [Role::Sender, Role::Receiver]
        .map(|role| Transit::prepare(role, &config).unwrap().beside_itself());
    let (key, of_a, nothing) = (key(), hints(&a), Hints::default());
    let both = tokio::join!(a.connect(&key, &nothing), b.connect(&key, &of_a));
    [both.0.unwrap(), both.1.unwrap()]
}

/// Judges the error of one end, after it was pending for so long.
fn judge(lost: &Lost, doing: Doing, records: u64, pending: Duration) {
    assert_eq!((lost.doing, lost.fault()), (doing, Fault::Network), "{lost}");
    assert!(lost.records >= records && (lost.bytes > 0) == (lost.records > 0), "{lost}");
    assert!(lost.silence >= SILENCE - Duration::from_secs(1), "{lost}");
    assert!(pending < SILENCE * 5, "it took {pending:?}: {lost}");
    let told = format!("lost while {doing}, after {} records with ", lost.records);
    assert!(lost.to_string().contains(&told), "{lost}");
    assert!(lost.to_string().contains("nothing answers any more"), "{lost}");
}

#[actix::test]
#[ignore = "cuts the network off it runs in: the test above runs it in one of its own"]
async fn inside_a_network_of_its_own() {
    // Whoever runs all ignored tests keeps the network.
    if env::var_os(ALONE).is_none() {
        return;
    }
    guarded(async {
        ip(&["link", "set", "lo", "up"]);
        // In the midst of a transfer.
        let [sender, receiver] = connected().await;
        let (progress, mut done) = watch::channel(0);
        let cutting = async {
            done.wait_for(|done| *done > 1_000_000).await.unwrap();
            ip(&["link", "set", "lo", "down"]);
            Instant::now()
        };
        let source = Box::new(io::repeat(7));
        let (sent, landed, cut) = tokio::join!(
            sender.ship(source, 1 << 50, watch::channel(0).0),
            receiver.land(io::sink(), 1 << 50, progress),
            cutting
        );
        let pending = cut.elapsed();
        let Err(ShipError::Connection(lost)) = sent else { panic!("{sent:?}") };
        judge(&lost, Doing::Sending, 7, pending);
        let Err(LandError::Connection(lost)) = landed.map(drop) else { panic!("it lands") };
        judge(&lost, Doing::Receiving, 7, pending);
        // Whatever is tried later fails for the same reason.
        let again = sender.receive_record(9).await;
        let Err(LandError::Connection(lost)) = again else { panic!("{again:?}") };
        judge(&lost, Doing::Receiving, 0, pending);
        let again = receiver.send_record(b"x".to_vec()).await;
        let Err(ShipError::Connection(lost)) = again else { panic!("{again:?}") };
        judge(&lost, Doing::Sending, 0, pending);

        // Where nothing is under way but the wait for an answer.
        ip(&["link", "set", "lo", "up"]);
        let [sender, receiver] = connected().await;
        ip(&["link", "set", "lo", "down"]);
        let cut = Instant::now();
        let waiting = sender.receive_record(9).await;
        let Err(LandError::Connection(lost)) = waiting else { panic!("{waiting:?}") };
        judge(&lost, Doing::Receiving, 0, cut.elapsed());
        drop(receiver);
    })
    .await;
}
