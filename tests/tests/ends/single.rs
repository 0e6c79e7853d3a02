//! What is in no cell of the table.

use std::fs::{self, OpenOptions};
use std::process::Command;
use std::time::Instant;

use wormhole_tests::{Client, Each, Gate, Pass, Peer, Process, Server, Side, Stream};

use crate::Outcome;
use crate::pair::{Pair, goods, tell};

type Single = fn(&Each<Server>) -> Outcome;

pub(crate) const ALL: [(&str, Single); 8] = [
    ("two_senders", two_senders),
    ("two_senders_of_text", two_senders_of_text),
    ("two_receivers", two_receivers),
    ("a_text_for_a_full_disk", full_output),
    ("a_text_for_a_closed_output", closed_output),
    ("a_receiver_that_goes_while_the_verifier_is_compared", while_comparing),
    ("a_file_that_shrinks", shrinking_file),
    ("the_link_is_lost_before_the_last_word", lost_last_word),
];

fn two_senders(servers: &Each<Server>) -> Outcome {
    let pair = Pair::at(servers)?;
    let what = goods(pair.from.path(), 10, false);
    both_give_up(&pair, Side::Sender, &[what], "one of the two has to receive")
}

fn two_senders_of_text(servers: &Each<Server>) -> Outcome {
    both_give_up(
        &Pair::at(servers)?,
        Side::Sender,
        &["--text", "hi"],
        "one of the two has to receive",
    )
}

fn two_receivers(servers: &Each<Server>) -> Outcome {
    both_give_up(&Pair::at(servers)?, Side::Receiver, &[], "one of the two has to send")
}

fn both_give_up(pair: &Pair<'_>, side: Side, args: &[&str], why: &str) -> Outcome {
    let first = pair.start((Peer::Ours, side), None, args)?;
    let second = pair.start((Peer::Ours, side), None, args)?;
    let begun = Instant::now();
    for process in [first, second] {
        let ended = process.finish();
        tell(&format!("two of one role: {side:?}"), begun, &ended);
        assert!(ended.complaint().contains(why), "{ended}");
    }
    Ok(Ok(()))
}

fn full_output(servers: &Each<Server>) -> Outcome {
    unwritten_text(servers, "> /dev/full")
}

fn closed_output(servers: &Each<Server>) -> Outcome {
    unwritten_text(servers, ">&-")
}

fn unwritten_text(servers: &Each<Server>, output: &str) -> Outcome {
    let pair = Pair::at(servers)?;
    let sending = pair.start((Peer::Ours, Side::Sender), None, &["--text", "hello"])?;
    let client = Client::new(Peer::Ours, pair.server)?;
    let receive = client.receive(pair.to.path(), &[&pair.code]);
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("exec \"$@\" {output}"), "sh"]);
    shell.arg(receive.get_program()).args(receive.get_args());
    shell.current_dir(pair.to.path());
    let receiving = Process::start(shell);
    let begun = Instant::now();
    let sent = sending.finish();
    tell(&format!("a text that cannot be written: {output}"), begun, &sent);
    assert!(sent.complaint().contains("the receiver could not write the text"), "{sent}");
    let received = receiving.finish();
    assert!(received.complaint().contains("cannot write to standard output"), "{received}");
    Ok(Ok(()))
}

fn while_comparing(servers: &Each<Server>) -> Outcome {
    let pair = Pair::at(servers)?;
    let what = goods(pair.from.path(), 10, false);
    let sending = pair.start((Peer::Ours, Side::Sender), None, &["--verify", what])?;
    let receiving = pair.start((Peer::Ours, Side::Receiver), None, &["--verify"])?;
    receiving.line_after(Stream::Err, "Verifier ");
    let begun = Instant::now();
    receiving.interrupt();
    let sent = sending.finish();
    tell("the receiver goes while the verifier is compared", begun, &sent);
    assert!(sent.complaint().contains("the receiver interrupted the transfer"), "{sent}");
    Ok(Ok(()))
}

fn shrinking_file(servers: &Each<Server>) -> Outcome {
    let pair = Pair::at(servers)?;
    let what = goods(pair.from.path(), 60_000_000, false);
    let gate = Gate::open(Pass::FromSender(50_000_000));
    let sending = pair.start((Peer::Ours, Side::Sender), Some(&gate), &[what])?;
    let receiving = pair.start((Peer::Ours, Side::Receiver), Some(&gate), &[])?;
    receiving.line_after(Stream::Err, "Receiving ");
    // Shorter than what was offered, before the answer lets it be opened.
    let file = OpenOptions::new().write(true).open(pair.from.path().join(what));
    file.and_then(|file| file.set_len(1_000)).expect("the file is ours");
    let mut receiving = receiving;
    receiving.type_line("y");
    let begun = Instant::now();
    let received = receiving.finish();
    tell("a file that shrinks", begun, &received);
    assert!(
        received.complaint().contains("the sender could not read what it offered"),
        "{received}"
    );
    sending.finish().complaint();
    Ok(Ok(()))
}

/// The receiver's last record does not get through, and then the link is gone.
fn lost_last_word(servers: &Each<Server>) -> Outcome {
    let pair = Pair::at(servers)?;
    let what = goods(pair.from.path(), 300_000, false);
    let gate = Gate::open(Pass::AllButTheLastWord);
    let sending = pair.start((Peer::Ours, Side::Sender), Some(&gate), &[what])?;
    let receiving = pair.start((Peer::Ours, Side::Receiver), Some(&gate), &["--accept-file"])?;
    gate.holds();
    gate.lose(Side::Sender);
    let begun = Instant::now();
    let sent = sending.finish().succeeded();
    tell("the last word by the mailbox", begun, &sent);
    receiving.finish().succeeded();
    let there = fs::read(pair.to.path().join(what)).expect("it arrived");
    assert!(there == fs::read(pair.from.path().join(what)).expect("it is there"));
    Ok(Ok(()))
}
