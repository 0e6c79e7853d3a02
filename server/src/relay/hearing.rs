//! Hearing what a connection wants.

use std::{io::ErrorKind::WouldBlock, sync::Arc};

use actix::Addr;
use tokio::task::spawn_local;
use wormhole_protocol::transit::relay::{Asking, BadRequest, Heard, Request};

use super::{
    caller::Caller,
    port::Speaks,
    room::{Arrive, Newcomer, Room},
    story::RelayMood,
    websocket::Upgrade,
};
use crate::limits::Limit;

/// How far a caller has come in what it says.
enum Ear {
    /// It has said nothing, from which it could be told what it speaks.
    Fresh,
    /// It speaks HTTP: so much of a request is here.
    Http(Vec<u8>),
    /// It speaks as clients do, over a websocket or not.
    Line(Asking),
    /// This is what it asks for, and what it has said beyond that.
    Heard(Request, Vec<u8>),
}

/// A connection that is of no use.
enum Useless {
    /// It has gone.
    Left,
    Bad(BadRequest),
    /// It wanted something else, and this is the answer.
    Stranger(String),
}

impl From<BadRequest> for Useless {
    fn from(bad: BadRequest) -> Self {
        Self::Bad(bad)
    }
}

/// Reads the request and shows the caller in, or dismisses it.
pub(super) async fn hear(mut caller: Box<Caller>, speaks: Speaks, room: Addr<Room>) {
    let hub = Arc::clone(caller.story.hub());
    let heard = tokio::select! {
        heard = listen(&mut caller, speaks) => heard,
        () = hub.passed(Limit::RelayHandshakeSeconds) => Err(Useless::Left),
    };
    match heard {
        Ok((request, surplus)) => {
            room.do_send(Arrive { request, newcomer: Newcomer { caller, surplus } });
        }
        Err(Useless::Bad(bad)) => {
            let mood = match bad {
                BadRequest::Line => RelayMood::Errory,
                _ => RelayMood::Empty,
            };
            spawn_local(caller.dismiss(mood, bad.answer()));
        }
        Err(Useless::Stranger(answer)) => {
            spawn_local(async move { caller.part(answer.as_bytes()).await });
        }
        Err(Useless::Left) => (),
    }
}

async fn listen(caller: &mut Caller, speaks: Speaks) -> Result<(Request, Vec<u8>), Useless> {
    let mut ear = match speaks {
        Speaks::Tcp => Ear::Line(Asking::default()),
        Speaks::WebSocket => http(caller),
        Speaks::Both => Ear::Fresh,
    };
    loop {
        if let Ear::Heard(request, surplus) = ear {
            return Ok((request, surplus));
        }
        caller.line.ready().await.map_err(|_| Useless::Left)?;
        ear = look(caller, ear)?;
    }
}

/// Of one that does not become a websocket nothing is told.
fn http(caller: &mut Caller) -> Ear {
    caller.story.is_untold();
    Ear::Http(Vec::new())
}

/// The buffer is on the stack: one that is slow to ask holds none.
fn look(caller: &mut Caller, ear: Ear) -> Result<Ear, Useless> {
    let mut piece = [0; 1025];
    let count = match caller.line.socket.try_read(&mut piece) {
        Err(reason) if reason.kind() == WouldBlock => return Ok(ear),
        Ok(0) | Err(_) => return Err(Useless::Left),
        Ok(count) => count,
    };
    listen_to(caller, ear, &mut piece[..count])
}

fn listen_to(caller: &mut Caller, ear: Ear, piece: &mut [u8]) -> Result<Ear, Useless> {
    let framed = caller.line.websocket().is_some();
    match ear {
        Ear::Fresh if piece.starts_with(b"G") => {
            let ear = http(caller);
            listen_to(caller, ear, piece)
        }
        Ear::Fresh => listen_to(caller, Ear::Line(Asking::default()), piece),
        Ear::Http(request) => welcome(caller, request, piece),
        Ear::Line(asking) if framed => messages(caller, asking, piece),
        Ear::Line(asking) => Ok(match asking.feed(piece)? {
            Heard::More(asking) => Ear::Line(asking),
            Heard::Request { request, surplus } => Ear::Heard(request, surplus.to_vec()),
        }),
        heard @ Ear::Heard(..) => Ok(heard),
    }
}

/// Makes a websocket of the connection, when that is asked for.
fn welcome(caller: &mut Caller, mut request: Vec<u8>, piece: &[u8]) -> Result<Ear, Useless> {
    request.extend_from_slice(piece);
    match Upgrade::read(&request) {
        Upgrade::More => Ok(Ear::Http(request)),
        Upgrade::Refused(answer) => Err(Useless::Stranger(answer)),
        Upgrade::Welcome { head, answer, length } => {
            // A connection to which nothing was said yet takes it at once.
            match caller.line.socket.try_write(answer.as_bytes()) {
                Ok(taken) if taken == answer.len() => (),
                _ => return Err(Useless::Left),
            }
            caller.upgrade(&head).map_err(|_| Useless::Left)?;
            messages(caller, Asking::default(), &mut request[length..])
        }
    }
}

/// The messages are a stream of bytes as TCP has it, but that a line may also end with one: the
/// Python relay takes nothing else than that, and some clients leave its own end out.
fn messages(caller: &Caller, asking: Asking, raw: &mut [u8]) -> Result<Ear, Useless> {
    let Some(websocket) = caller.line.websocket() else { return Err(Useless::Left) };
    let (mut ear, mut at) = (Ear::Line(asking), 0);
    while let Some(piece) =
        websocket.next(&caller.line.socket, raw, &mut at).map_err(|_| Useless::Left)?
    {
        let bytes = &raw[piece.range];
        ear = match ear {
            Ear::Line(asking) => match asking.feed(bytes)? {
                Heard::Request { request, surplus } => Ear::Heard(request, surplus.to_vec()),
                Heard::More(asking) => match asking.whole().filter(|_| piece.last) {
                    Some(request) => Ear::Heard(request, Vec::new()),
                    None => Ear::Line(asking),
                },
            },
            Ear::Heard(request, mut surplus) => {
                surplus.extend_from_slice(bytes);
                Ear::Heard(request, surplus)
            }
            other => other,
        };
    }
    match ear {
        Ear::Line(_) if websocket.has_ended() => Err(Useless::Left),
        ear => Ok(ear),
    }
}
