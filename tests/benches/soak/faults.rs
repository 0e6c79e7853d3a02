//! What happens to the servers and to the connections to them.

use std::{
    thread::sleep,
    time::{Duration, Instant},
};

use crate::{dice::Dice, stage::Stage};

/// What can happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    MailboxKilled,
    MailboxRestarted,
    MailboxFrozen,
    MailboxCut,
    MailboxDiskFull,
    RelayKilled,
    RelayRestarted,
    RelayCut,
    RelayHeld,
}

impl Fault {
    const ALL: [Self; 9] = [
        Self::MailboxKilled,
        Self::MailboxRestarted,
        Self::MailboxFrozen,
        Self::MailboxCut,
        Self::MailboxDiskFull,
        Self::RelayKilled,
        Self::RelayRestarted,
        Self::RelayCut,
        Self::RelayHeld,
    ];

    /// Whether somebody may have found no server to begin with.
    pub(crate) fn is_of_mailbox(self) -> bool {
        matches!(
            self,
            Self::MailboxKilled
                | Self::MailboxRestarted
                | Self::MailboxFrozen
                | Self::MailboxCut
                | Self::MailboxDiskFull
        )
    }

    fn happen(self, stage: &Stage, dice: &mut Dice) {
        let pause = dice.at_most(4_000);
        let pause = || sleep(pause);
        match self {
            Self::MailboxKilled => stage.restart_mailbox("-KILL", pause),
            Self::MailboxRestarted => stage.restart_mailbox("-TERM", pause),
            Self::MailboxFrozen => stage.freeze_mailbox(pause),
            Self::MailboxCut => stage.mailbox.cut(),
            Self::MailboxDiskFull => stage.fill_disk(pause),
            Self::RelayKilled => stage.restart_relay("-KILL", pause),
            Self::RelayRestarted => stage.restart_relay("-TERM", pause),
            Self::RelayCut => stage.relay.cut(),
            Self::RelayHeld => {
                stage.relay.hold(true);
                pause();
                stage.relay.hold(false);
            }
        }
    }
}

/// Lets one thing happen after the other until `end`, with calm times between them.
pub(crate) fn happen(stage: &Stage, dice: &mut Dice, end: Instant) {
    while Instant::now() < end {
        sleep(dice.at_most(8_000));
        let fault = dice.one_of(&Fault::ALL);
        if fault == Fault::MailboxDiskFull && !stage.disks {
            continue;
        }
        stage.during(fault, || {
            fault.happen(stage, dice);
            // Until clients have come back.
            sleep(Duration::from_secs(1));
        });
    }
}
