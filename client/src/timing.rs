//! The timing log: what happened when, on this side and, by its timestamps, on the server.
//!
//! A [`Log`] is written as the Python program's `--dump-timing` writes it. A [`Recording`] is read
//! from such a file of either program, and [`render`] makes a page of one or two of them, for
//! people to look at in a browser.

mod clock;
mod file;
mod frame;
mod join;
mod layout;
mod log;
mod page;
mod recording;

pub use self::{
    file::{check_file, write_file},
    log::{Log, Span},
    page::{RenderError, render},
    recording::{Recording, RecordingError},
};

/// The two sides of one transfer between programs of Python's, the sender first.
#[cfg(test)]
fn vectors() -> Vec<Recording> {
    let files = [
        include_bytes!("../tests/vectors/timing-send.json").as_slice(),
        include_bytes!("../tests/vectors/timing-receive.json"),
    ];
    files.map(|json| Recording::parse(json).unwrap()).into()
}
