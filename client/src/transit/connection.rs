//! The handle to a connection with the peer.

use std::io::Write;

use actix::{Actor, Addr, Handler, Message};
use tokio::sync::watch;

use super::{
    Remarks, Via,
    link::{Finish, Land, Link, ReceiveRecord, SendRecord, Ship, Stop},
    pump::{LandError, ShipError, Source},
    race::Won,
};

const STOPPED: &str = "the link has stopped";

/// A connection to the peer, over which both sides send sealed records.
///
/// Dropping it, or the future of anything it does, hangs up at once. After an error it is of no
/// use.
pub struct Connection {
    via: Via,
    remarks: Remarks,
    link: Addr<Link>,
}

impl Connection {
    pub(super) fn new((via, remarks, winner): Won) -> Self {
        Self { via, remarks, link: Link::new(winner.into()).start() }
    }

    /// The way by which it stands, and why, where it is a relay.
    pub fn via(&self) -> &Via {
        &self.via
    }

    /// What was odd until it stood.
    pub fn remarks(&self) -> &Remarks {
        &self.remarks
    }

    /// Sends `size` bytes of `source`, counts them in `progress`, and gives their SHA-256. Without a
    /// size all is sent, and then a record of no bytes.
    ///
    /// # Errors
    /// [`ShipError::Source`] also where the source has more or fewer bytes.
    pub async fn ship(
        &self,
        source: Source,
        size: impl Into<Option<u64>>,
        progress: watch::Sender<u64>,
    ) -> Result<[u8; 32], ShipError> {
        let size = size.into();
        self.run(Ship { source, size, progress }).await.unwrap_or(Err(ShipError::Internal(STOPPED)))
    }

    /// Receives `size` bytes into `sink`, counts them in `progress`, and gives the sink back with
    /// their SHA-256. Without a size it receives until a record of no bytes. The sink is written on
    /// a blocking thread.
    ///
    /// # Errors
    /// [`LandError`], after which the sink is dropped.
    pub async fn land<S: Write + Send + 'static>(
        &self,
        sink: S,
        size: impl Into<Option<u64>>,
        progress: watch::Sender<u64>,
    ) -> Result<(S, [u8; 32]), LandError> {
        let size = size.into();
        self.run(Land { sink, size, progress }).await.unwrap_or(Err(LandError::Internal(STOPPED)))
    }

    /// Sends one record.
    ///
    /// # Errors
    /// [`ShipError::Connection`].
    pub async fn send_record(&self, plaintext: Vec<u8>) -> Result<(), ShipError> {
        self.run(SendRecord(plaintext)).await.unwrap_or(Err(ShipError::Internal(STOPPED)))
    }

    /// Receives one record of at most `limit` bytes.
    ///
    /// # Errors
    /// [`LandError`].
    pub async fn receive_record(&self, limit: u64) -> Result<Vec<u8>, LandError> {
        self.run(ReceiveRecord(limit)).await.unwrap_or(Err(LandError::Internal(STOPPED)))
    }

    /// Hangs up once the peer has everything and hangs up as well.
    pub async fn finish(self) {
        // A link that has stopped has hung up.
        let _ = self.run(Finish).await;
    }

    /// Has the link do something; `None` where it has stopped.
    async fn run<M>(&self, job: M) -> Option<M::Result>
    where
        Link: Handler<M>,
        M: Message<Result: Send> + Send + 'static,
    {
        let mut underway = Underway(Some(&self.link));
        let done = self.link.send(job).await;
        underway.0 = None;
        done.ok()
    }
}

/// Hangs up when a job is given up: it may have ended in the middle of a record.
struct Underway<'a>(Option<&'a Addr<Link>>);

impl Drop for Underway<'_> {
    fn drop(&mut self) {
        if let Some(link) = self.0 {
            link.do_send(Stop);
        }
    }
}
