//! A connection to the relay.

use std::{
    io::{self, ErrorKind::WouldBlock},
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use tokio::time::timeout;

use super::{
    hub::Hub,
    line::Line,
    socket::Socket,
    story::{RelayMood, Story},
    websocket::{Head, WebSocket},
};
use crate::{
    connections::{Entry, Stage},
    limits::Exceeded,
    network::Network,
    peer,
    quota::Share,
};

/// It is open as long as this lives. In a box, as what waits for it would hold room for it more than
/// once.
pub(super) struct Caller {
    pub(super) line: Line,
    pub(super) story: Story,
    /// Where it comes from; none where a trusted proxy stands between, or it does not say.
    pub(super) network: Option<Network>,
    entry: Entry,
    place: Share,
}

/// Something has come from one that was to say nothing.
pub(super) enum Stir {
    Said,
    Left,
}

/// How long one that was dismissed may take to close its end.
const PATIENCE: Duration = Duration::from_secs(2);

impl Caller {
    /// Lets a connection in that was just accepted.
    ///
    /// # Errors
    /// [`Exceeded`] where there are too many.
    pub(super) fn admit(hub: &Arc<Hub>, socket: Socket) -> Result<Box<Self>, Exceeded> {
        let address = socket.address().map(|address| address.ip());
        let proxied = hub.rules.now().trusted_proxies.trust(address);
        let network = address.filter(|_| !proxied).map(Network::from);
        let place = hub.connected.take(network, 1)?;
        socket.prepare(hub.keepalive);
        let line = Line::new(socket);
        let ways = Arc::clone(&line.socket);
        let entry = hub.connections.enter(network, Stage::Fresh, ways)?;
        let story = Story::begin(Arc::clone(hub));
        Ok(Box::new(Self { line, story, network, entry, place }))
    }

    /// Makes it a websocket, as was asked for, which counts for the client where a trusted proxy
    /// has told that.
    ///
    /// # Errors
    /// [`Exceeded`] where that has too many already.
    pub(super) fn upgrade(&mut self, head: &Head) -> Result<(), Exceeded> {
        let hub = Arc::clone(self.story.hub());
        if self.network.is_none()
            && let Some(client) = self.client(&hub, head)
        {
            let network = Some(Network::from(client.ip()));
            self.place = hub.connected.take(network, 1)?;
            self.entry.becomes(Stage::Fresh, network);
            self.network = network;
        }
        self.story.becomes(RelayMood::Empty);
        let (limits, counts) = (hub.limits.clone(), hub.tally.speak_frames());
        self.line.upgrade(WebSocket::new(limits, hub.keepalive, counts));
        Ok(())
    }

    /// Notes that it has found its peer.
    pub(super) fn settle(&self) {
        self.entry.becomes(Stage::Settled, self.network);
    }

    /// Who stands behind the proxy, where that tells.
    fn client(&self, hub: &Hub, head: &Head) -> Option<SocketAddr> {
        let own = self.line.socket.address();
        let proxies = &hub.rules.now().trusted_proxies;
        let client = peer::address(own, head.headers(), proxies)?;
        (Some(client.ip()) != own.map(|own| own.ip().to_canonical())).then_some(client)
    }

    /// Comes back when anything comes, or the end.
    pub(super) async fn stir(&self) -> Stir {
        loop {
            let Ok(()) = self.line.ready().await else { return Stir::Left };
            match self.line.try_receive(&mut [0; 256]) {
                Err(reason) if reason.kind() == WouldBlock => tokio::task::yield_now().await,
                Ok(0) | Err(_) => return Stir::Left,
                Ok(_) => return Stir::Said,
            }
        }
    }

    /// Says the last words and closes. What still comes is read for a while, since a connection
    /// that is closed over unread bytes may lose what was said.
    pub(super) async fn dismiss(mut self: Box<Self>, mood: RelayMood, words: &[u8]) {
        self.story.becomes(mood);
        self.part(words).await;
    }

    /// The same, and it has ended as it would have anyway.
    pub(super) async fn part(self: Box<Self>, words: &[u8]) {
        // One that has gone does not hear it.
        let _ = timeout(PATIENCE, self.bid_farewell(words)).await;
    }

    async fn bid_farewell(&self, words: &[u8]) -> io::Result<()> {
        self.line.say(words).await?;
        self.line.end().await?;
        while let Stir::Said = self.stir().await {
            // Whole, so that a torrent ends with the patience.
            discard(&self.line);
            tokio::task::yield_now().await;
        }
        Ok(())
    }
}

fn discard(line: &Line) {
    // The next look tells whether it was the end.
    let _ = line.try_receive(&mut [0; 4096]);
}
