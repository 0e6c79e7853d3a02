//! The handle to a connection with the peer.

use std::io::Write;

use actix::{Actor, Addr};
use tokio::sync::watch;

use super::{
    Via,
    link::{Finish, Land, Link, ReceiveRecord, SendRecord, Ship, Stop},
    pump::{LandError, ShipError, Source},
    race::Winner,
};

/// A connection to the peer, over which both sides send sealed records.
///
/// Dropping it hangs up at once, whatever is under way. After an error it is of no use.
pub struct Connection {
    via: Via,
    link: Addr<Link>,
}

impl Connection {
    pub(super) fn new(via: Via, winner: Winner) -> Self {
        Self { via, link: Link::new(winner.into()).start() }
    }

    /// The way by which it stands.
    pub fn via(&self) -> &Via {
        &self.via
    }

    /// Sends `size` bytes of `source`, counts them in `progress`, and gives their SHA-256.
    ///
    /// # Errors
    /// [`ShipError::Source`] also where the source has more or fewer bytes.
    pub async fn ship(
        &self,
        source: Source,
        size: u64,
        progress: watch::Sender<u64>,
    ) -> Result<[u8; 32], ShipError> {
        let gone = |_| Err(ShipError::Internal("the link has stopped"));
        self.link.send(Ship { source, size, progress }).await.unwrap_or_else(gone)
    }

    /// Receives `size` bytes into `sink`, counts them in `progress`, and gives the sink back with
    /// their SHA-256. The sink is written on a blocking thread.
    ///
    /// # Errors
    /// [`LandError`], after which the sink is dropped.
    pub async fn land<S: Write + Send + 'static>(
        &self,
        sink: S,
        size: u64,
        progress: watch::Sender<u64>,
    ) -> Result<(S, [u8; 32]), LandError> {
        let gone = |_| Err(LandError::Internal("the link has stopped"));
        self.link.send(Land { sink, size, progress }).await.unwrap_or_else(gone)
    }

    /// Sends one record.
    ///
    /// # Errors
    /// [`ShipError::Connection`].
    pub async fn send_record(&self, plaintext: Vec<u8>) -> Result<(), ShipError> {
        let gone = |_| Err(ShipError::Internal("the link has stopped"));
        self.link.send(SendRecord(plaintext)).await.unwrap_or_else(gone)
    }

    /// Receives one record of at most `limit` bytes.
    ///
    /// # Errors
    /// [`LandError`].
    pub async fn receive_record(&self, limit: u64) -> Result<Vec<u8>, LandError> {
        let gone = |_| Err(LandError::Internal("the link has stopped"));
        self.link.send(ReceiveRecord(limit)).await.unwrap_or_else(gone)
    }

    /// Hangs up once the peer has everything and hangs up as well.
    pub async fn finish(self) {
        // A link that has stopped has hung up.
        let _ = self.link.send(Finish).await;
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.link.do_send(Stop);
    }
}
