//! Somebody who guesses the peer's line digit by digit, from when the connection ends.

use std::time::Duration;

use tokio::{io::AsyncWriteExt, net::TcpStream, time::advance};
use wormhole_client::protocol::transit::Role;

use super::{
    peer::{hear, key},
    scripted::guarded,
    strangers::{dial, listening, peer_comes},
    ways::{TICK, freeze, settle},
};

/// How long the guesser waits for an end.
const PATIENCE: Duration = Duration::from_secs(3);

/// Says something in place of the peer's line, and tells whether the connection ends.
async fn ends(port: u16, role: Role, line: &[u8]) -> (TcpStream, bool) {
    let mut tcp = dial(port).await;
    hear(&mut tcp, &key().line(role)).await;
    tcp.write_all(line).await.unwrap();
    settle().await;
    let ended = is_over(&tcp);
    (tcp, ended)
}

fn is_over(tcp: &TcpStream) -> bool {
    match tcp.try_read(&mut [0; 16]) {
        Ok(0) => true,
        Err(error) => error.kind() != std::io::ErrorKind::WouldBlock,
        Ok(_) => false,
    }
}

/// Guesses the line; gives as much of it as was learnt, and in how many connections.
async fn guessed(port: u16, role: Role) -> (Vec<u8>, usize) {
    let mut line = format!("transit {} ", if role == Role::Sender { "receiver" } else { "sender" })
        .into_bytes();
    let (known, mut dialled) = (line.len(), 0);
    while line.len() < known + 64 {
        let mut tried = Vec::new();
        for digit in *b"0123456789abcdef" {
            line.push(digit);
            dialled += 1;
            tried.push((digit, ends(port, role, &line).await.0));
            line.pop();
        }
        // Also the patient learn nothing.
        advance(PATIENCE).await;
        settle().await;
        let fits: Vec<_> = tried.iter().filter(|(_, tcp)| !is_over(tcp)).collect();
        match fits[..] {
            [(digit, _)] => line.push(*digit),
            // All are as good.
            _ => break,
        }
    }
    (line.split_off(known), dialled)
}

#[actix::test]
async fn no_digit_of_the_line_is_learnt_from_when_a_connection_ends() {
    guarded(async {
        let _frozen = freeze();
        for role in [Role::Sender, Role::Receiver] {
            let (port, connected) = listening(role);
            let (learnt, dialled) = guessed(port, role).await;
            let learnt = String::from_utf8(learnt).unwrap();
            assert_eq!(learnt, "", "{} digits in {dialled} connections", learnt.len());
            peer_comes(role, port, connected).await;
        }
    })
    .await;
}

#[actix::test]
async fn a_wrong_line_ends_late_whichever_byte_of_it_is_wrong() {
    guarded(async {
        let _frozen = freeze();
        for role in [Role::Sender, Role::Receiver] {
            let (port, connected) = listening(role);
            let right = key().line(role.peer());
            let mut strangers = Vec::new();
            for place in [0, 20, 60, right.len() - 1] {
                let mut line = right.clone();
                line[place] ^= 1;
                let (tcp, ended) = ends(port, role, &line).await;
                assert!(!ended, "it ends at once where byte {place} is wrong");
                strangers.push(tcp);
            }
            advance(Duration::from_secs(2) - TICK * 2).await;
            settle().await;
            assert!(!strangers.iter().any(is_over), "some end earlier");
            advance(TICK * 4).await;
            settle().await;
            assert!(strangers.iter().all(is_over), "some end later");
            assert_eq!(peer_comes(role, port, connected).await.strangers, 4);
        }
    })
    .await;
}
