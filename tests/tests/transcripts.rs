//! Replays the recorded conversations of the Python mailbox server with ours, and, to prove the
//! replay itself, with Python's.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use libtest_mimic::{Arguments, Completion, Failed, Trial};
use wormhole_tests::{Class, Each, Maker, PATIENCE, Replay, Server, Transcript};

/// The quirks that our server changes on purpose; it keeps all others.
const CHANGED: &[&str] = &[
    "x-real-ip-without-port",
    "bind-side-integer",
    "claim-crowded-poisons-existing-sides",
    "claim-nameplate-non-ascii-digits",
    "add-scalar-coercion",
    "open-mailbox-id-other-app",
    "close-reopened-side-still-counts-as-closed",
    "close-both-without-release",
    "close-wipes-side-of-other-nameplates",
    "close-stale-subscriber-orphans",
    "close-mood-integer",
];

/// Conversations that clients rely on, of which one frame has changed on purpose: nameplates of more
/// than nine characters are not listed.
const MOVED: &[&str] = &["claim-odd-but-valid-nameplates"];

fn main() -> ExitCode {
    let args = Arguments::from_args();
    let servers = Arc::new(Each::new(Server::start));
    let transcripts = Transcript::all();
    check_table(&transcripts);
    let trial = |maker: Maker, transcript: &Transcript| {
        let (servers, transcript) = (Arc::clone(&servers), transcript.clone());
        Trial::ignorable_test(format!("{maker}::{}", transcript.name), move || {
            let server = match servers.by(maker) {
                Ok(server) => server,
                Err(missing) => return Ok(Completion::ignored_with(missing)),
            };
            judge(maker, &transcript, server).map(|()| Completion::Completed)
        })
    };
    let both = |transcript| [trial(Maker::Ours, transcript), trial(Maker::Python, transcript)];
    let trials = transcripts.iter().flat_map(both).collect();
    libtest_mimic::run(&args, trials).exit_code()
}

/// A changed quirk may end in waiting for a frame that never comes, so that wait is short. A slow
/// machine cannot turn that into a failure: a changed quirk has to differ.
fn judge(maker: Maker, transcript: &Transcript, server: &Server) -> Result<(), Failed> {
    let differs = [CHANGED, MOVED].concat().contains(&transcript.name.as_str());
    if maker == Maker::Python || !differs {
        return Replay::run(transcript, server, PATIENCE).map_err(Failed::from);
    }
    match Replay::run(transcript, server, Duration::from_secs(2)) {
        Ok(()) => Err("passes, although listed as changed on purpose".into()),
        Err(_) => Ok(()),
    }
}

fn check_table(transcripts: &[Transcript]) {
    for changed in CHANGED {
        let quirk = |t: &Transcript| t.name == *changed && t.class == Class::Quirk;
        assert!(transcripts.iter().any(quirk), "no quirk is named {changed}");
    }
    for moved in MOVED {
        assert!(transcripts.iter().any(|transcript| transcript.name == *moved), "{moved}");
    }
}
