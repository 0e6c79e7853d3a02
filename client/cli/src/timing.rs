//! `--dump-timing`, and `wormhole timing`, which draws what that wrote.

use std::{
    fs,
    io::{self, IsTerminal, Write},
    path::Path,
};

use wormhole_client::timing::{Log, Recording, render};

use crate::{args::Timing, exit::Failure, show};

/// Writes the log at the end of the program.
pub(crate) fn dump(log: &Log, file: &Path) -> Result<(), Failure> {
    log.write(file).map_err(|error| Failure::File(file.to_owned(), error))?;
    show::line(&format!("Timing data written to {}", show::path(file)));
    Ok(())
}

pub(crate) fn run(options: &Timing) -> Result<(), Failure> {
    let mut recordings = vec![read(&options.first)?];
    if let Some(second) = &options.second {
        recordings.push(read(second)?);
    }
    let page = render(&recordings).map_err(|error| Failure::Refused(error.to_string()))?;
    match &options.output {
        Some(path) => fs::write(path, page).map_err(|error| Failure::File(path.clone(), error)),
        None => print(&page),
    }
}

fn read(path: &Path) -> Result<Recording, Failure> {
    Recording::read(path).map_err(|error| Failure::File(path.to_owned(), io::Error::other(error)))
}

fn print(page: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    if stdout.is_terminal() {
        let advice = "the page is for a browser: give a file for it, as in -o timing.html";
        return Err(Failure::Refused(advice.to_owned()));
    }
    let failed = |error| Failure::Io("cannot write to standard output", error);
    stdout.write_all(page.as_bytes()).and_then(|()| stdout.flush()).map_err(failed)
}
