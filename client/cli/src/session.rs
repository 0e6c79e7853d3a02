//! What sending and receiving have in common: one wormhole, from the welcome to the goodbye.

use std::{cell::Cell, future::pending, pin::pin, time::Duration};

use futures_util::{FutureExt, StreamExt};
use tokio::time::sleep;
use wormhole_client::{
    Connection, Wormhole,
    protocol::{
        key::Verifier,
        transfer::{Message, Refusal},
        transit::Role,
    },
    transfer::AppVersions,
};

use crate::{args::Global, exit::Failure, interrupt, show};

/// How long a step may take before the person is told what is waited for.
const PATIENCE: Duration = Duration::from_secs(1);

/// Whether a transfer has begun, which tells the peer itself how it ends.
#[derive(Default)]
pub(crate) struct Floor {
    is_taken: Cell<bool>,
}

impl Floor {
    /// Leaves the talking to a transfer, from here on.
    pub(crate) fn given_to<T>(&self, transfer: T) -> T {
        self.is_taken.set(true);
        transfer
    }
}

/// Opens a wormhole, runs a conversation over it, and closes it however that ends.
///
/// A peer that is there when the person interrupts, or can no longer be asked, is told so, unless a transfer tells it.
pub(crate) async fn run(
    global: &Global,
    url: &str,
    role: Role,
    conversation: impl AsyncFnOnce(&Wormhole, &Floor) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let builder =
        Wormhole::builder(global.appid.as_str(), url).versions(AppVersions::ours(role).write())?;
    let builder = match global.dump_timing {
        Some(_) => builder.timing(global.timing.clone()),
        None => builder,
    };
    let talk = async |wormhole: &Wormhole| {
        let floor = Floor::default();
        let talked = interrupt::guarded(async {
            tokio::select! {
                // In this order, so that the welcome is read before anything is asked.
                biased;
                never = welcome(wormhole, url) => never,
                never = follow(wormhole) => never,
                talked = conversation(wormhole, &floor) => talked,
            }
        })
        .await;
        if let Err(Failure::Interrupted | Failure::Io(..)) = talked
            && !floor.is_taken.get()
        {
            wormhole.send_message(Message::from(Refusal::Cancelled(role)).write());
        }
        talked
    };
    builder.run(talk).await
}

/// Shows what the server has to say to everybody, and goes on waiting.
async fn welcome(wormhole: &Wormhole, url: &str) -> Result<(), Failure> {
    if let Ok(welcome) = wormhole.welcome().await
        && let Some(motd) = welcome.get("motd").and_then(|motd| motd.as_str())
    {
        show::motd(url, motd);
    }
    pending().await
}

/// Shows the work that the server demands before it serves us, while it is being done, and says
/// when the server is lost and found.
async fn follow(wormhole: &Wormhole) -> Result<(), Failure> {
    let mut statuses = pin!(wormhole.statuses());
    let mut shown = None;
    let mut server = Server::Unknown;
    while let Some(status) = statuses.next().await {
        // Until the code is there, somebody may be typing it.
        server.follow(&status.connection, wormhole.code().now_or_never().is_some());
        match status.stamp {
            // The first is told before any work is done, which is often all of it.
            Some(stamp) if stamp.tried > 0 => shown.get_or_insert_with(show::Work::new).at(&stamp),
            Some(_) => {}
            None => shown = None,
        }
    }
    pending().await
}

/// What the person knows of the server.
enum Server {
    Unknown,
    Here,
    Gone,
}

impl Server {
    fn follow(&mut self, connection: &Connection, tell: bool) {
        match (&self, connection) {
            (Self::Unknown, Connection::Connected { .. }) => *self = Self::Here,
            (Self::Here, Connection::Disconnected | Connection::Connecting { .. }) if tell => {
                show::line("The mailbox server is gone; trying again..");
                *self = Self::Gone;
            }
            (Self::Gone, Connection::Connected { .. }) => {
                show::line("The mailbox server is back.");
                *self = Self::Here;
            }
            _ => {}
        }
    }
}

/// Waits until the other computer has proved that it has the same code, and says meanwhile what
/// is waited for.
pub(crate) async fn verified(
    wormhole: &Wormhole,
    waiting_for_key: Option<&str>,
) -> Result<Verifier, Failure> {
    let keyed = wormhole.unverified_key();
    match waiting_for_key {
        Some(text) => patiently(keyed, text).await?,
        None => keyed.await?,
    };
    let verifier = wormhole.verifier();
    Ok(patiently(verifier, "Key established, waiting for confirmation...").await?)
}

/// Says what is waited for, where that takes long.
pub(crate) async fn patiently<T>(step: impl Future<Output = T>, text: &str) -> T {
    tokio::pin!(step);
    tokio::select! {
        done = &mut step => return done,
        () = sleep(PATIENCE) => show::line(text),
    }
    step.await
}
