//! A chat between two terminals: an actor is told every event of its wormhole.
//!
//! ```text
//! cargo run -p wormhole-client --example delegate
//! cargo run -p wormhole-client --example delegate -- 7-crossover-clockwork
//! ```
//!
//! The first shows a code, the second takes it. Ctrl-D ends the chat on both sides.
//! `WORMHOLE_RELAY_URL` names another mailbox server than the public one.

use std::{env, io, process::ExitCode, thread};

use actix::prelude::*;
use clap::Parser;
use futures_util::{Stream, stream};
use tokio::sync::{mpsc, oneshot};
use wormhole_client::{
    DEFAULT_WORDS, Delegated, Error, Event, PUBLIC_SERVER, Wormhole, transfer::escape,
};

/// Is sent last, and tells the other side to leave as well.
const GOODBYE: &str = "";

#[derive(Parser)]
struct Args {
    /// The code that the other side shows; without it, this side shows one
    code: Option<String>,
}

fn main() -> ExitCode {
    let Err(error) = chat(Args::parse()) else { return ExitCode::SUCCESS };
    eprintln!("{}", escape(&error.to_string()));
    ExitCode::FAILURE
}

#[actix::main]
async fn chat(Args { code }: Args) -> Result<(), Error> {
    let server = env::var("WORMHOLE_RELAY_URL").unwrap_or_else(|_| PUBLIC_SERVER.to_owned());
    // The actor's address is there before the actor, which can so own the handle.
    let mut ctx = Context::new();
    let builder = Wormhole::builder("example.org/chat", server);
    let wormhole = builder.delegate(ctx.address().recipient());
    match code {
        Some(code) => wormhole.set_code(&code)?,
        None => wormhole.allocate_code(DEFAULT_WORDS)?,
    }
    ctx.add_stream(typed());
    let (tell, ended) = oneshot::channel();
    ctx.run(Chat { wormhole, ended: Some(tell) });
    ended.await.unwrap_or(Err(Error::Closed))
}

struct Chat {
    wormhole: Delegated,
    ended: Option<oneshot::Sender<Result<(), Error>>>,
}

impl Actor for Chat {
    type Context = Context<Self>;
}

impl Handler<Event> for Chat {
    type Result = ();

    fn handle(&mut self, event: Event, ctx: &mut Self::Context) {
        match event {
            Event::Status(status) => eprintln!("[{}]", escape(&status.to_string())),
            Event::Code(code) => println!("code: {}", escape(code.as_str())),
            Event::Message(text) if text[..] == *GOODBYE.as_bytes() => self.wormhole.close(),
            Event::Message(text) => println!("> {}", escape(&String::from_utf8_lossy(&text))),
            Event::Closed(result) => {
                // Nobody listens any more where the program is about to end anyhow.
                let _ = self.ended.take().map(|ended| ended.send(result));
                ctx.stop();
            }
            _ => {}
        }
    }
}

impl StreamHandler<String> for Chat {
    fn handle(&mut self, line: String, _: &mut Self::Context) {
        if line != GOODBYE {
            self.wormhole.send_message(line);
        }
    }

    fn finished(&mut self, _: &mut Self::Context) {
        self.wormhole.send_message(GOODBYE);
        self.wormhole.close();
    }
}

/// Reads the lines of standard input on a thread of its own, for which the program's end does not
/// wait.
fn typed() -> impl Stream<Item = String> {
    let (tell, mut typed) = mpsc::channel(1);
    thread::spawn(move || {
        io::stdin().lines().map_while(Result::ok).try_for_each(|line| tell.blocking_send(line))
    });
    stream::poll_fn(move |task| typed.poll_recv(task))
}
