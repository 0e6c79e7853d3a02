//! How the program ends: one line for a person, and a number for a script.

use std::{io, path::PathBuf};

use wormhole_client::{
    Error,
    protocol::code::KeyFormatError,
    transfer::{
        ArrivalError, TargetError, TransferError, UnpackError, Unsendable, escape, shortened,
    },
};

use crate::show;

/// The longest line that is shown, in characters.
const MAX_LINE: usize = 2_000;

/// It did not work, for this reason.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The wormhole or the transfer failed.
    Transfer(TransferError),
    /// What was to be sent cannot be.
    Unsendable(Unsendable),
    /// A terminal, a socket or a signal of this computer failed.
    Io(&'static str, io::Error),
    /// This file cannot be read or written.
    File(PathBuf, io::Error),
    /// The person said no, or asked for what cannot be.
    Refused(String),
    /// The person pressed Ctrl-C.
    Interrupted,
}

/// What a script learns, besides 0 and the 2 of a wrong command line.
const FAILED: u8 = 1;
pub(crate) const INTERRUPTED: u8 = 130;

impl<E: Into<TransferError>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Transfer(error.into())
    }
}

/// Says what went wrong, and gives the number for it.
pub(crate) fn report(failure: &Failure) -> u8 {
    say(failure);
    if matches!(failure, Failure::Interrupted) { INTERRUPTED } else { FAILED }
}

/// Ends the program at once, whatever its other threads hang in.
#[expect(clippy::disallowed_methods, reason = "nobody waits for the destructors any more")]
pub(crate) fn leave(status: u8) -> ! {
    std::process::exit(status.into())
}

/// Says what went wrong, in one line on standard error.
pub(crate) fn say(failure: &Failure) {
    let line = match failure {
        Failure::Transfer(error) => transfer(error),
        Failure::Unsendable(error) => error.to_string(),
        Failure::Io(what, error) => format!("{what}: {error}"),
        Failure::File(path, error) => format!("{}: {error}", path.display()),
        Failure::Refused(text) => text.clone(),
        Failure::Interrupted => "interrupted".to_owned(),
    };
    // There may be words of a peer's or a server's in it.
    eprintln!("wormhole: {}", once(&shortened(&line, MAX_LINE)));
}

/// Escapes a line, unless that would only double what is escaped in it already.
fn once(line: &str) -> String {
    let prints = |c: char| c == '\\' || escape(c.encode_utf8(&mut [0; 4])).chars().eq([c]);
    if line.chars().all(prints) { line.to_owned() } else { escape(line) }
}

fn transfer(error: &TransferError) -> String {
    let error = match error {
        TransferError::Wormhole(error) => error,
        TransferError::Target(TargetError::NoRoom { free, needed })
        | TransferError::Arrival(ArrivalError::Target(TargetError::NoRoom { free, needed }))
        | TransferError::Arrival(ArrivalError::Unpack(UnpackError::NoRoom { free, needed })) => {
            let (free, needed) = (show::size(*free), show::size(*needed));
            return format!("insufficient free space: {needed} are needed and {free} are left");
        }
        TransferError::Arrival(ArrivalError::Unpack(UnpackError::Collision { .. })) => {
            return format!("{error} (--accept-colliding-names tries it even so)");
        }
        other => return other.to_string(),
    };
    match error {
        Error::KeyFormat(error) => code_advice(error),
        Error::WrongPassword => "the other computer used another code, or somebody tried to guess \
             yours: try again with a new code"
            .to_owned(),
        Error::Server(text) if text == "crowded" => "two others are using this code already: try \
             again with a new code"
            .to_owned(),
        Error::Lonely => "closed before the other computer came".to_owned(),
        Error::ServerConnection { .. } => {
            format!("{error} (is the address right, and the server running?)")
        }
        other => other.to_string(),
    }
}

/// What is wrong with a code, and what one looks like.
fn code_advice(error: &KeyFormatError) -> String {
    format!("{error} (a code is a number, a hyphen and words, such as 7-crossover-clockwork)")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_escaped_stays_so_and_what_is_not_becomes_so() {
        assert_eq!(once("name 'bell\\x07' and \"more\""), "name 'bell\\x07' and \"more\"");
        assert_eq!(once("C:\\\u{7}"), "C:\\\\\\x07");
    }
}
