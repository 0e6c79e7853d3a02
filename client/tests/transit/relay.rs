//! A relay that joins two clients with the same token and different sides.

use std::{cell::RefCell, collections::HashMap, rc::Rc};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::TcpStream,
    task::spawn_local,
};
use wormhole_client::protocol::transit::RelayHint;

use super::peer::listener;

type Waiting = HashMap<String, (String, TcpStream)>;

/// A running relay.
pub(crate) struct Relay {
    pub(crate) hint: RelayHint,
    /// The sides that asked for somebody, in order.
    pub(crate) asked: Rc<RefCell<Vec<String>>>,
}

impl Relay {
    pub(crate) async fn start() -> Self {
        let (listener, hint) = listener().await;
        let asked = Rc::<RefCell<Vec<String>>>::default();
        let log = Rc::clone(&asked);
        spawn_local(async move {
            let mut waiting = Waiting::new();
            loop {
                let (mut tcp, _) = listener.accept().await.unwrap();
                let (token, side) = request(&mut tcp).await;
                log.borrow_mut().push(side.clone());
                join(&mut waiting, token, side, tcp).await;
            }
        });
        Self { hint: hint.into(), asked }
    }
}

async fn request(tcp: &mut TcpStream) -> (String, String) {
    let mut line = [0; 104];
    tcp.read_exact(&mut line).await.unwrap();
    let line = str::from_utf8(&line).unwrap().strip_suffix('\n').unwrap();
    let rest = line.strip_prefix("please relay ").unwrap();
    let (token, side) = rest.split_once(" for side ").unwrap();
    (token.to_owned(), side.to_owned())
}

async fn join(waiting: &mut Waiting, token: String, side: String, mut tcp: TcpStream) {
    match waiting.remove(&token) {
        Some((other, mut first)) if other != side => {
            spawn_local(async move {
                // What a client says too early would come before this.
                let _ = tokio::join!(tcp.write_all(b"ok\n"), first.write_all(b"ok\n"));
                let _ = copy_bidirectional(&mut tcp, &mut first).await;
            });
        }
        _ => {
            waiting.insert(token, (side, tcp));
        }
    }
}
