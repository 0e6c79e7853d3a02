//! Replays the recorded conversations of the Python mailbox server with ours, and, to prove the
//! replay itself, with Python's.

use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::{Arguments, Completion, Failed, Trial};
use wormhole_tests::{Class, Maker, Replay, Servers, Transcript};

/// The quirks that our server changes on purpose; it keeps all others.
const CHANGED: &[&str] = &[];

fn main() -> ExitCode {
    let args = Arguments::from_args();
    let servers = Arc::new(Servers::default());
    let transcripts = Transcript::all();
    check_table(&transcripts);
    let trial = |maker: Maker, transcript: &Transcript| {
        let (servers, transcript) = (Arc::clone(&servers), transcript.clone());
        Trial::ignorable_test(format!("{maker}::{}", transcript.name), move || {
            let server = match servers.by(maker) {
                Ok(server) => server,
                Err(missing) => return Ok(Completion::ignored_with(missing)),
            };
            judge(maker, &transcript, Replay::run(&transcript, server))
                .map(|()| Completion::Completed)
        })
    };
    let both = |transcript| [trial(Maker::Ours, transcript), trial(Maker::Python, transcript)];
    let trials = transcripts.iter().flat_map(both).collect();
    libtest_mimic::run(&args, trials).exit_code()
}

fn judge(maker: Maker, transcript: &Transcript, outcome: Result<(), String>) -> Result<(), Failed> {
    let changed = maker == Maker::Ours && CHANGED.contains(&transcript.name.as_str());
    match outcome {
        Ok(()) if changed => Err("passes, although listed as changed on purpose".into()),
        Err(_) if changed => Ok(()),
        outcome => outcome.map_err(Failed::from),
    }
}

fn check_table(transcripts: &[Transcript]) {
    for changed in CHANGED {
        let quirk = |t: &Transcript| t.name == *changed && t.class == Class::Quirk;
        assert!(transcripts.iter().any(quirk), "no quirk is named {changed}");
    }
}
