//! Swaps a line of text with another terminal, without any async code.
//!
//! ```text
//! cargo run -p wormhole-client --example blocking -- 'my line'
//! cargo run -p wormhole-client --example blocking -- 'your line' 7-crossover-clockwork
//! ```
//!
//! With `--verify` it asks whether both terminals show the same words before anything is sent.
//! `WORMHOLE_RELAY_URL` names another mailbox server than the public one.

use std::{env, error::Error, io, process::ExitCode, time::Duration};

use clap::Parser;
use wormhole_client::{PUBLIC_SERVER, blocking::Wormhole, transfer::escape};

/// Nobody waits for longer than this.
const PATIENCE: Duration = Duration::from_secs(600);

#[derive(Parser)]
struct Args {
    /// What the other side gets
    line: String,
    /// The code that the other side shows; without it, this side shows one
    code: Option<String>,
    /// Ask whether both sides show the same words
    #[arg(long)]
    verify: bool,
}

/// What says that the words are the same, before the line, and what says that they may not be.
const YES: &str = "yes ";
const NO: &str = "no";

fn main() -> ExitCode {
    let Err(error) = swap(Args::parse()) else { return ExitCode::SUCCESS };
    eprintln!("{}", escape(&error.to_string()));
    ExitCode::FAILURE
}

fn swap(Args { line, code, verify }: Args) -> Result<(), Box<dyn Error>> {
    let server = env::var("WORMHOLE_RELAY_URL").unwrap_or_else(|_| PUBLIC_SERVER.to_owned());
    let builder = wormhole_client::Wormhole::builder("example.org/swap", server);
    let wormhole = Wormhole::open(builder.timeout(PATIENCE))?;
    match code {
        Some(code) => wormhole.set_code(&code)?,
        None => println!("code: {}", wormhole.get_code()?.as_str()),
    }
    println!("both sides show: {}", wormhole.get_verifier()?.words());
    if verify && !asked("the same? (y/N)")? {
        wormhole.send_message(NO);
        wormhole.close()?;
        return Err("the words were not confirmed, and your line was not sent".into());
    }
    let theirs = wormhole.get_data(format!("{YES}{line}"))?;
    let theirs = String::from_utf8_lossy(&theirs);
    let theirs = theirs.strip_prefix(YES).ok_or("the other side did not confirm the words")?;
    println!("their line: {}", escape(theirs));
    Ok(())
}

fn asked(question: &str) -> io::Result<bool> {
    println!("{question}");
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(answer.trim().eq_ignore_ascii_case("y"))
}
