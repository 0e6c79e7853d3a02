//! `--dump-timing`, and `wormhole timing`, which draws what that wrote.

use std::{
    fs,
    io::{self, IsTerminal, Write},
    path::{Path, PathBuf},
};

use wormhole_client::timing::{Log, Recording, check_file, render, write_file};

use crate::{
    args::{Command, Global, Send, Timing},
    exit::Failure,
    show,
};

/// Refuses a file for the log or the page that cannot be written, or that is another of the files.
pub(crate) fn check(global: &Global, command: &Command) -> Result<(), Failure> {
    let page = match command {
        Command::Timing(timing) => timing.output.as_ref(),
        Command::Send(_) | Command::Receive(_) => None,
    };
    let mut taken = Vec::new();
    for file in [page, global.dump_timing.as_ref()].into_iter().flatten() {
        if taken.is_empty() {
            taken.extend(used(command).into_iter().filter_map(place));
        }
        check_file(file).map_err(|error| Failure::File(file.clone(), error))?;
        let Some(place) = place(file) else { continue };
        if taken.contains(&place) {
            let file = file.display();
            return Err(Failure::Refused(format!(
                "{file} would be overwritten: name another file"
            )));
        }
        taken.push(place);
    }
    Ok(())
}

/// The files that a command reads or writes.
fn used(command: &Command) -> Vec<&Path> {
    match command {
        Command::Timing(Timing { first, second, .. }) => {
            [Some(first), second.as_ref()].into_iter().flatten().map(PathBuf::as_path).collect()
        }
        Command::Send(Send { what, .. }) => what.iter().map(PathBuf::as_path).collect(),
        Command::Receive(receive) => receive.output().into_iter().collect(),
    }
}

/// Where a file is or will be; `None` for what is no regular file, and so takes more than one.
fn place(file: &Path) -> Option<PathBuf> {
    match fs::metadata(file) {
        Ok(there) => fs::canonicalize(file).ok().filter(|_| there.is_file()),
        Err(_) => Some(
            fs::canonicalize(Path::new(".").join(file.parent()?)).ok()?.join(file.file_name()?),
        ),
    }
}

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
        Some(path) => {
            write_file(path, page.as_bytes()).map_err(|error| Failure::File(path.clone(), error))
        }
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
