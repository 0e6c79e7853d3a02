//! The HTTP clients that make connections: one for all wormholes of a thread, since each holds the
//! certificates of all public authorities whether it needs them or not.

use std::{
    cell::{Cell, RefCell},
    net::IpAddr,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use actix_service::ServiceExt;
use awc::{Client, Connector};
use rustls::{ClientConfig, crypto::ring};

use super::{CONNECT_LIMIT, Trust};
use crate::transit::{SILENCE_LIMIT, tune};

/// Clients that this thread has made, by whom they trust; none where they speak no TLS.
type Made = Vec<(Option<Arc<ClientConfig>>, Client)>;

/// How many are kept: hardly a program trusts differently at each connection.
const KEPT: usize = 4;

thread_local! {
    static MADE: RefCell<Made> = const { RefCell::new(Vec::new()) };
}

tokio::task_local! {
    /// What was reached within [`reached`].
    static REACHED: Cell<Option<IpAddr>>;
}

/// Connects by a client, and gives the address that was reached beside what came of it; awc has it
/// only while it connects.
pub(super) async fn reached<T>(connecting: impl Future<Output = T>) -> (T, Option<IpAddr>) {
    let connecting = async { (connecting.await, REACHED.with(Cell::get)) };
    REACHED.scope(Cell::new(None), connecting).await
}

/// Gives the client for an address.
///
/// # Errors
/// Where the certificates that the person adds cannot be read, and where the clock stands before
/// 1970: neither actix-http nor rustls knows such a time, and both panic.
pub(super) fn client(url: &str, trust: &Trust) -> Result<Client, String> {
    if SystemTime::now() < UNIX_EPOCH {
        return Err("the clock of this computer stands before 1970".to_owned());
    }
    let secure = url.get(..4).is_some_and(|scheme| scheme.eq_ignore_ascii_case("wss:"));
    let settings = secure.then(|| trust.settings()).transpose()?;
    MADE.with_borrow_mut(|made| {
        let same = |(other, _): &&(Option<Arc<ClientConfig>>, Client)| {
            other.as_ref().map(Arc::as_ptr) == settings.as_ref().map(Arc::as_ptr)
        };
        if let Some((_, client)) = made.iter().find(same) {
            return Ok(client.clone());
        }
        let client = make(settings.clone());
        made.truncate(KEPT - 1);
        made.insert(0, (settings, client.clone()));
        Ok(client)
    })
}

fn make(settings: Option<Arc<ClientConfig>>) -> Client {
    // Fails only where the program has chosen a provider before us, which is as good.
    let _ = ring::default_provider().install_default();
    let dial = actix_tls::connect::Connector::default().service().map(|connection| {
        if let Err(error) = tune(connection.io_ref(), SILENCE_LIMIT) {
            tracing::debug!(%error, "a socket is not set up");
        }
        let address = connection.io_ref().peer_addr().map(|address| address.ip().to_canonical());
        // Connections to relays need not be asked for.
        let _ = REACHED.try_with(|reached| reached.set(address.ok()));
        connection
    });
    // awc's own limits, a hundred connections and five seconds, are lower than ours.
    let connector = Connector::new().connector(dial).limit(0).timeout(CONNECT_LIMIT);
    let connector = match settings {
        Some(settings) => connector.rustls_0_23(settings),
        None => connector,
    };
    Client::builder().connector(connector).disable_timeout().finish()
}
