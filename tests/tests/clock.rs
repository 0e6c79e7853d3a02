//! A clock that stands before 1970, as on a computer without a battery, is said and no panic.

#![allow(clippy::unwrap_used)]
#![cfg(target_os = "linux")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;
use wormhole_tests::{Client, Maker, Missing, Process, Server, unless_missing};

/// Puts the clock of the day back by a century, for programs that load it.
const EARLY: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <time.h>
int clock_gettime(clockid_t clock, struct timespec *time) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");
    int failed = real(clock, time);
    if (!failed && clock == CLOCK_REALTIME) time->tv_sec -= 3155760000;
    return failed;
}
"#;

fn early(folder: &Path) -> Result<PathBuf, Missing> {
    let compiler = Missing::unless_installed("cc")?;
    let (source, library) = (folder.join("early.c"), folder.join("early.so"));
    fs::write(&source, EARLY).unwrap();
    let mut compile = Command::new(compiler);
    compile.args(["-shared", "-fPIC", "-o"]).arg(&library).arg(&source).arg("-ldl");
    match compile.output().is_ok_and(|done| done.status.success()) {
        true => Ok(library),
        false => Err(Missing::because("no library can be compiled here")),
    }
}

#[test]
fn no_side_panics() {
    let folder = TempDir::new().unwrap();
    let Some(library) = unless_missing(early(folder.path())) else { return };
    fs::write(folder.path().join("note.txt"), "a note").unwrap();
    let server = Server::start(Maker::Ours).unwrap();
    let client = Client::new(Maker::Ours, &server).unwrap();
    for args in [
        &["send", "note.txt"][..],
        &["send", "--text", "hello"],
        &["send", "--local", "note.txt"],
        &["receive", "7-crossover-clockwork"],
        &["--dump-timing", "timing.json", "receive", "7-crossover-clockwork"],
    ] {
        let mut command = client.run(folder.path(), args);
        command.env("LD_PRELOAD", &library);
        let refused = Process::start(command).finish();
        assert!(refused.err.contains("the clock of this computer stands before 1970"), "{refused}");
        assert_eq!(refused.status.code(), Some(1), "{refused}");
        assert!(!refused.err.contains("panicked"), "{refused}");
    }
    // TLS has a clock of its own.
    let secure = Client::at(Maker::Ours, "wss://127.0.0.1:1/v1").unwrap();
    let mut receive = secure.receive(folder.path(), &["7-crossover-clockwork"]);
    receive.env("LD_PRELOAD", &library);
    let refused = Process::start(receive).finish();
    assert!(refused.complaint().contains("before 1970"), "{refused}");
    // What it wrote down can be looked at, or is refused.
    let mut draw = client.run(folder.path(), &["timing", "timing.json"]);
    draw.env("LD_PRELOAD", &library);
    assert!(!Process::start(draw).finish().err.contains("panicked"));
}
