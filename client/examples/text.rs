//! Sends a text to another terminal, or to anybody who runs `wormhole receive`.
//!
//! ```text
//! cargo run -p wormhole-client --example text -- send 'hello'
//! cargo run -p wormhole-client --example text -- receive 7-crossover-clockwork
//! ```
//!
//! `WORMHOLE_RELAY_URL` names another mailbox server than the public one.

use std::{env, error::Error, process::ExitCode};

use clap::Parser;
use wormhole_client::{
    DEFAULT_WORDS, PUBLIC_SERVER, Wormhole,
    protocol::transfer::Refusal,
    transfer::{APPID, Incoming, escape, receive, send_text},
    transit::Config,
};

#[derive(Parser)]
enum Args {
    /// Show a code, and send this message to whoever types it
    Send { message: String },
    /// Print the message that waits behind this code
    Receive { code: String },
}

#[actix::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    let server = env::var("WORMHOLE_RELAY_URL").unwrap_or_else(|_| PUBLIC_SERVER.to_owned());
    let talked = Wormhole::builder(APPID, server).run(async |wormhole| talk(wormhole, args).await);
    let Err(error) = talked.await else { return ExitCode::SUCCESS };
    eprintln!("{}", escape(&error.to_string()));
    ExitCode::FAILURE
}

async fn talk(wormhole: &Wormhole, args: Args) -> Result<(), Box<dyn Error>> {
    let code = match args {
        Args::Send { message } => {
            wormhole.allocate_code(DEFAULT_WORDS)?;
            println!("{}", wormhole.code().await?.as_str());
            return Ok(send_text(wormhole, &message).await?);
        }
        Args::Receive { code } => code,
    };
    wormhole.set_code(&code)?;
    match receive(wormhole, &Config::default()).await? {
        Incoming::Text(text) => {
            println!("{}", escape(&text.text));
            text.accept();
            Ok(())
        }
        Incoming::Bulk(file) => {
            file.reject(Refusal::Rejected);
            Err("this is a file, and no text".into())
        }
    }
}
