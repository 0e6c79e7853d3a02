//! A connection to the relay.

use std::{
    io::{self, ErrorKind::WouldBlock},
    net::{IpAddr, Shutdown},
    sync::Arc,
    time::Duration,
};

use socket2::{SockRef, TcpKeepalive};
use tokio::{net::TcpStream, time::timeout};

use super::{
    crowd::Place,
    hub::Hub,
    story::{RelayMood, Story},
};
use crate::{guest::Network, limits::Exceeded};

/// It is open as long as this lives.
pub(super) struct Caller {
    pub(super) stream: TcpStream,
    pub(super) story: Story,
    /// Where it comes from; none where a trusted proxy stands between.
    pub(super) network: Option<Network>,
    _place: Place,
}

/// Something has come from one that was to say nothing.
pub(super) enum Stir {
    Said,
    Left,
}

/// How soon a peer is missed that has gone without a word: after this, and three times the second.
const SILENCE: Duration = Duration::from_secs(60);
const PROBES: Duration = Duration::from_secs(20);

/// How long one that was dismissed may take to close its end.
const PATIENCE: Duration = Duration::from_secs(2);

impl Caller {
    /// Lets a connection in that was just accepted.
    ///
    /// # Errors
    /// [`Exceeded`] where there are too many.
    pub(super) fn admit(
        hub: &Arc<Hub>,
        stream: TcpStream,
        address: IpAddr,
    ) -> Result<Self, Exceeded> {
        let proxied = hub.rules.now().trusted_proxies.trust(Some(address));
        let network = (!proxied).then(|| Network::from(address));
        let place = hub.connected.enter(network)?;
        prepare(&stream);
        Ok(Self { stream, story: Story::begin(Arc::clone(hub)), network, _place: place })
    }

    /// Comes back when anything comes, or the end.
    pub(super) async fn stir(&self) -> Stir {
        loop {
            let Ok(()) = self.stream.readable().await else { return Stir::Left };
            match self.stream.try_read(&mut [0]) {
                Err(reason) if reason.kind() == WouldBlock => (),
                Ok(0) | Err(_) => return Stir::Left,
                Ok(_) => return Stir::Said,
            }
        }
    }

    /// Says the last words and closes. What still comes is read for a while, since a connection
    /// that is closed over unread bytes may lose what was said.
    pub(super) async fn dismiss(mut self, mood: RelayMood, words: &[u8]) {
        self.story.becomes(mood);
        // One that has gone does not hear it.
        let _ = timeout(PATIENCE, self.part(words)).await;
    }

    async fn part(&self, words: &[u8]) -> io::Result<()> {
        write_all(&self.stream, words).await?;
        SockRef::from(&self.stream).shutdown(Shutdown::Write)?;
        while let Stir::Said = self.stir().await {
            // Whole, so that a torrent ends with the patience.
            discard(&self.stream);
            tokio::task::yield_now().await;
        }
        Ok(())
    }
}

/// Writes all bytes.
pub(super) async fn write_all(stream: &TcpStream, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        stream.writable().await?;
        match stream.try_write(bytes) {
            Ok(count) => bytes = &bytes[count..],
            Err(reason) if reason.kind() == WouldBlock => (),
            Err(reason) => return Err(reason),
        }
    }
    Ok(())
}

fn discard(stream: &TcpStream) {
    // The next look tells whether it was the end.
    let _ = stream.try_read(&mut [0; 4096]);
}

/// A connection works without either, if less well.
fn prepare(stream: &TcpStream) {
    let keepalive = TcpKeepalive::new().with_time(SILENCE);
    #[cfg(not(windows))]
    let keepalive = keepalive.with_retries(3);
    let keepalive = keepalive.with_interval(PROBES);
    let _ = SockRef::from(stream).set_tcp_keepalive(&keepalive);
    let _ = stream.set_nodelay(true);
}
