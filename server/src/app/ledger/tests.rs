//! What the ledger tells of nameplates and mailboxes that have ended [mailbox-server.md: usage
//! records].

use wormhole_protocol::name::{MailboxId, Mood, Side};

use super::*;
use crate::{engine::Refusal, usage::Life};

fn claim(ledger: &mut Ledger, side: &str, now: f64) -> Result<MailboxId, Refusal> {
    ledger.claim(&8.into(), &Side::new(side), now, MailboxId::new("m"))
}

fn close(ledger: &mut Ledger, side: &str, mood: Mood, now: f64) {
    ledger.close(&MailboxId::new("m"), &Side::new(side), Some(&mood), now).unwrap();
}

fn mailbox(started: f64, waiting: Option<f64>, total: f64, outcome: Outcome) -> Retired {
    Retired::Mailbox { life: Life { started, waiting, total }, outcome, for_nameplate: true }
}

fn nameplate(started: f64, waiting: Option<f64>, total: f64, outcome: Outcome) -> Retired {
    Retired::Nameplate { life: Life { started, waiting, total }, outcome }
}

#[test]
fn a_pair_that_meets_is_recorded_at_its_last_release_and_close() {
    let mut ledger = Ledger::new(Rows::default());
    claim(&mut ledger, "a", 10.0).unwrap();
    claim(&mut ledger, "b", 12.0).unwrap();
    ledger.release("8", &Side::new("a"), 13.0);
    ledger.release("8", &Side::new("a"), 13.5);
    close(&mut ledger, "a", Mood::Happy, 14.0);
    assert_eq!(ledger.take_retired(), []);
    ledger.release("8", &Side::new("b"), 15.0);
    assert_eq!(ledger.take_retired(), [nameplate(10.0, Some(2.0), 5.0, Outcome::Happy)]);
    close(&mut ledger, "b", Mood::Happy, 16.0);
    assert_eq!(ledger.take_retired(), [mailbox(10.0, Some(2.0), 6.0, Outcome::Happy)]);
    close(&mut ledger, "b", Mood::Happy, 17.0);
    ledger.release("8", &Side::new("b"), 17.0);
    assert_eq!(ledger.take_retired(), [], "it has ended before");
}

#[test]
fn a_nameplate_that_ends_with_its_mailbox_is_not_recorded() {
    let mut ledger = Ledger::new(Rows::default());
    claim(&mut ledger, "a", 10.0).unwrap();
    close(&mut ledger, "a", Mood::Happy, 16.0);
    assert!(ledger.is_empty());
    assert_eq!(ledger.take_retired(), [mailbox(10.0, None, 6.0, Outcome::Lonely)]);
}

#[test]
fn moods_are_kept_until_a_side_opens_again() {
    let mut ledger = Ledger::new(Rows::default());
    claim(&mut ledger, "a", 10.0).unwrap();
    claim(&mut ledger, "b", 10.0).unwrap();
    close(&mut ledger, "a", Mood::Scary, 11.0);
    claim(&mut ledger, "a", 12.0).unwrap();
    close(&mut ledger, "a", Mood::Errory, 13.0);
    close(&mut ledger, "b", Mood::Lonely, 14.0);
    assert_eq!(ledger.take_retired(), [mailbox(10.0, Some(0.0), 4.0, Outcome::Errory)]);
}

#[test]
fn a_third_side_leaves_only_its_mark() {
    for stranger_opens in [false, true] {
        let mut ledger = Ledger::new(Rows::default());
        claim(&mut ledger, "a", 10.0).unwrap();
        claim(&mut ledger, "b", 11.0).unwrap();
        ledger.release("8", &Side::new("c"), 11.5);
        let refused = match stranger_opens {
            true => ledger.open(&MailboxId::new("m"), &Side::new("c"), 12.0),
            false => claim(&mut ledger, "c", 12.0).map(drop),
        };
        assert_eq!(refused, Err(Refusal::Crowded));
        for (side, now) in [("a", 12.5), ("b", 13.0)] {
            ledger.release("8", &Side::new(side), now);
            close(&mut ledger, side, Mood::Happy, now + 1.0);
        }
        // Who opens without a claim has never seen the nameplate.
        let outcome = if stranger_opens { Outcome::Happy } else { Outcome::Crowded };
        let retired = [
            nameplate(10.0, Some(1.0), 3.0, outcome),
            mailbox(10.0, Some(1.0), 4.0, Outcome::Crowded),
        ];
        assert_eq!(ledger.take_retired(), retired);
    }
}

#[test]
fn what_is_pruned_is_recorded_with_its_nameplate() {
    let mut ledger = Ledger::new(Rows::default());
    claim(&mut ledger, "a", 10.0).unwrap();
    claim(&mut ledger, "b", 11.0).unwrap();
    close(&mut ledger, "a", Mood::Scary, 12.0);
    assert_eq!(ledger.prune(700.0, 40.0, |_| false), 1);
    let retired = [
        nameplate(10.0, Some(1.0), 690.0, Outcome::Pruney),
        mailbox(10.0, Some(1.0), 690.0, Outcome::Pruney),
    ];
    assert_eq!(ledger.take_retired(), retired);
}
