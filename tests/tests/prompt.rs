//! The prompt for a code in somebody else's program.

#![allow(clippy::unwrap_used)]

use std::env;
use std::process::Command;

use serde_json::json;
use wormhole_client::{Wormhole, input_with_completion};
use wormhole_server::testing;
use wormhole_tests::{Process, Talker, Terminal};

const SERVER: &str = "PROMPT_TEST_SERVER";

/// Is this other program: it asks twice, and says what came of it.
#[test]
#[ignore = "is run at a terminal by the other tests"]
fn asks_twice() {
    let server = env::var(SERVER).unwrap();
    actix::System::new().block_on(async {
        for prompt in ["first: ", "second: "] {
            let wormhole = Wormhole::builder("app", server.clone()).open();
            let typed = input_with_completion(prompt, wormhole.input_code().unwrap()).await;
            match typed {
                Ok(tabbed) => {
                    let code = wormhole.code().await.unwrap();
                    println!("{} with Tab: {tabbed}", code.as_str());
                }
                Err(why) => println!("none: {why}"),
            }
            // It was not meant to find a peer.
            let _ = wormhole.close().await;
        }
    });
}

fn program(server: &testing::Server) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", "asks_twice", "--ignored", "--nocapture"]);
    command.env(SERVER, server.url());
    command
}

#[test]
fn a_prompt_that_is_taken_away_leaves_every_key_to_the_next() {
    let server = testing::start();
    let address = server.url().strip_prefix("ws://").unwrap().strip_suffix("/v1").unwrap();
    let mut others = ["a", "b"].map(|side| Talker::bound(address, side, &json!(null)));
    for other in &mut others {
        other.ask(json!({"type": "claim", "nameplate": "7"}));
    }
    let terminal = Terminal::start(program(&server));
    terminal.shows("first: ");
    terminal.press("7-c");
    terminal.shows("none: the server reports an error: crowded");
    terminal.shows("second: ");
    terminal.press("8-any-words\r");
    terminal.shows("8-any-words with Tab: false");
    assert!(terminal.finish().0.success());
}

#[test]
fn without_a_terminal_nothing_is_read() {
    let server = testing::start();
    let finished = Process::start(program(&server)).finish().succeeded();
    assert_eq!(finished.out.matches("none: there is no terminal").count(), 2, "{finished}");
}
