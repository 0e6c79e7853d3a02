//! Hearing what a connection wants.

use std::{io::ErrorKind::WouldBlock, sync::Arc};

use actix::Addr;
use tokio::net::TcpStream;
use wormhole_protocol::transit::relay::{Asking, BadRequest, Heard, Request};

use super::{
    caller::Caller,
    room::{Arrive, Newcomer, Room},
    story::RelayMood,
};
use crate::limits::Limit;

/// What came of one look at the connection.
enum Look {
    Nothing(Asking),
    Request(Request, Vec<u8>),
}

/// A connection that is of no use.
enum Useless {
    /// It has gone.
    Left,
    Bad(BadRequest),
}

/// Reads the request and shows the caller in, or dismisses it.
pub(super) async fn hear(caller: Caller, room: Addr<Room>) {
    let hub = Arc::clone(caller.story.hub());
    let heard = tokio::select! {
        heard = listen(&caller.stream) => heard,
        () = hub.passed(Limit::RelayHandshakeSeconds) => Err(Useless::Left),
    };
    match heard {
        Ok((request, surplus)) => {
            room.do_send(Arrive { request, newcomer: Newcomer { caller, surplus } });
        }
        Err(Useless::Bad(bad @ BadRequest::Line)) => {
            caller.dismiss(RelayMood::Errory, bad.answer()).await;
        }
        Err(Useless::Bad(bad)) => caller.dismiss(RelayMood::Empty, bad.answer()).await,
        Err(Useless::Left) => (),
    }
}

async fn listen(stream: &TcpStream) -> Result<(Request, Vec<u8>), Useless> {
    let mut asking = Asking::default();
    loop {
        stream.readable().await.map_err(|_| Useless::Left)?;
        match look(stream, asking)? {
            Look::Nothing(next) => asking = next,
            Look::Request(request, surplus) => return Ok((request, surplus)),
        }
    }
}

/// The buffer is on the stack: one that is slow to ask holds none.
fn look(stream: &TcpStream, asking: Asking) -> Result<Look, Useless> {
    let mut piece = [0; 1025];
    let count = match stream.try_read(&mut piece) {
        Err(reason) if reason.kind() == WouldBlock => return Ok(Look::Nothing(asking)),
        Ok(0) | Err(_) => return Err(Useless::Left),
        Ok(count) => count,
    };
    match asking.feed(&piece[..count]).map_err(Useless::Bad)? {
        Heard::More(next) => Ok(Look::Nothing(next)),
        Heard::Request { request, surplus } => Ok(Look::Request(request, surplus.to_vec())),
    }
}
