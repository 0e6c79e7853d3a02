//! Who ends a transfer, how, and when: in every cell the other side knows soon, and knows why.
//!
//! The cells that are of a kind with another are ignored; `tests/long ends` runs them all, and says
//! how long the other side took to know.

mod cell;
mod pair;
mod single;

use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::{Arguments, Completion, Failed, Trial};
use wormhole_tests::{Each, Missing, Server};

type Outcome = Result<Result<(), Failed>, Missing>;

fn main() -> ExitCode {
    let args = Arguments::from_args();
    let servers = Arc::new(Each::new(Server::start));
    let mut trials = Vec::new();
    for cell in cell::all() {
        let servers = Arc::clone(&servers);
        trials.push(trial(cell.name(), !cell.is_for_every_day(), move || cell.run(&servers)));
    }
    for (name, single) in single::ALL {
        let servers = Arc::clone(&servers);
        trials.push(trial(name.to_owned(), false, move || single(&servers)));
    }
    libtest_mimic::run(&args, trials).exit_code()
}

fn trial(name: String, is_ignored: bool, test: impl FnOnce() -> Outcome + Send + 'static) -> Trial {
    let test = Trial::ignorable_test(name, move || match test() {
        Ok(outcome) => outcome.map(|()| Completion::Completed),
        Err(missing) => Ok(Completion::ignored_with(missing.to_string())),
    });
    test.with_ignored_flag(is_ignored)
}
