//! The sockets on which the servers listen.

use std::{io, num::NonZeroU16};

use wormhole_server::{Listener, relay::Port};

use super::Error;
use crate::{
    endpoint::{Bound, Endpoint, SocketFile},
    plan::{Plan, Speaks},
    supervise::Passed,
};

/// Bound sockets, for each server.
pub(super) struct Places {
    pub(super) mailbox: Vec<Bound>,
    pub(super) relay: Vec<(Bound, Speaks)>,
    /// Where the figures are told, and below them the status alone.
    pub(super) metrics: usize,
    pub(super) operators: Vec<Bound>,
}

/// The names of sockets that are the relay's though a mailbox server runs too.
const RELAY: &str = "relay";
const WEBSOCKET: &str = "relay-websocket";

impl Places {
    /// Binds them all. The sockets that were passed are the mailbox server's, where one runs, but
    /// for those with the relay's names.
    pub(super) fn bind(plan: &Plan, passed: Vec<Passed>) -> Result<Self, Error> {
        let is_relays = |passed: &Passed| match (&plan.mailbox, &plan.relay) {
            (Some(_), Some(_)) => [RELAY, WEBSOCKET].contains(&passed.name.as_str()),
            (mailbox, _) => mailbox.is_none(),
        };
        let (for_relay, for_mailbox) = passed.into_iter().partition(is_relays);
        let mut operators = bind_all(&plan.metrics)?;
        let metrics = operators.len();
        operators.extend(bind_all(&plan.status)?);
        Ok(Self {
            mailbox: match &plan.mailbox {
                Some(mailbox) => bind_mailbox(&mailbox.listen, for_mailbox)?,
                None => Vec::new(),
            },
            relay: match &plan.relay {
                Some(relay) => bind_relay(&relay.listen, for_relay)?,
                None => Vec::new(),
            },
            metrics,
            operators,
        })
    }
}

impl Places {
    /// Gives the relay's port, where clients reach it as they reach the mailbox server.
    pub(super) fn transit_port(&self) -> Option<NonZeroU16> {
        let plain = self.relay.iter().filter(|(_, speaks)| *speaks != Speaks::WebSocket);
        plain.filter_map(|(bound, _)| bound.port_everywhere()).next()
    }
}

/// Parts listeners from their files, which go when they are dropped.
pub(super) fn split(bound: Vec<Bound>) -> (Vec<Listener>, Vec<Option<SocketFile>>) {
    bound.into_iter().map(Bound::split).unzip()
}

/// The same for the relay's.
pub(super) fn split_ports(bound: Vec<(Bound, Speaks)>) -> (Vec<Port>, Vec<Option<SocketFile>>) {
    let split = |(bound, speaks): (Bound, Speaks)| {
        let (listener, file) = bound.split();
        let port = match speaks {
            Speaks::Tcp => Port::tcp(listener),
            Speaks::WebSocket => Port::websocket(listener),
            Speaks::Both => Port::both(listener),
        };
        (port, file)
    };
    bound.into_iter().map(split).unzip()
}

fn bind_mailbox(listen: &[Endpoint], passed: Vec<Passed>) -> Result<Vec<Bound>, Error> {
    let listen: Vec<_> = listen.iter().map(|endpoint| (endpoint.clone(), ())).collect();
    let bound = bind_public(&listen, passed, |_, ()| (), |()| true)?;
    Ok(bound.into_iter().map(|(bound, ())| bound).collect())
}

fn bind_relay(
    listen: &[(Endpoint, Speaks)],
    passed: Vec<Passed>,
) -> Result<Vec<(Bound, Speaks)>, Error> {
    let speaks = |passed: &Passed, otherwise| match passed.name.as_str() {
        WEBSOCKET => Speaks::WebSocket,
        _ => otherwise,
    };
    bind_public(listen, passed, speaks, |speaks| speaks != Speaks::WebSocket)
}

/// Sockets that were passed stand for `systemd` among the endpoints, or for all of them that are
/// `main`; `kind` tells what is spoken there, which is what the endpoint says otherwise.
fn bind_public<K: Copy>(
    listen: &[(Endpoint, K)],
    passed: Vec<Passed>,
    kind: impl Fn(&Passed, K) -> K,
    main: impl Fn(K) -> bool,
) -> Result<Vec<(Bound, K)>, Error> {
    let named = listen.iter().find(|(endpoint, _)| *endpoint == Endpoint::Systemd);
    if named.is_some() && passed.is_empty() {
        return Err(unusable(io::ErrorKind::NotFound, "systemd has passed no socket"));
    }
    let stands_for = |(endpoint, kind): &(Endpoint, K)| match named {
        Some(_) => *endpoint == Endpoint::Systemd,
        None => !passed.is_empty() && main(*kind),
    };
    let own = listen.iter().filter(|place| !stands_for(place));
    let mut bound = own
        .map(|(endpoint, kind)| Ok((bind(endpoint)?, *kind)))
        .collect::<Result<Vec<_>, Error>>()?;
    let Some((_, otherwise)) = named.or(listen.first()) else { return Ok(bound) };
    bound.extend(passed.into_iter().map(|passed| {
        let kind = kind(&passed, *otherwise);
        (Bound::passed(passed.listener), kind)
    }));
    Ok(bound)
}

fn bind_all(endpoints: &[Endpoint]) -> Result<Vec<Bound>, Error> {
    endpoints.iter().map(bind).collect()
}

fn bind(endpoint: &Endpoint) -> Result<Bound, Error> {
    endpoint.bind().map_err(|reason| Error::Listen { endpoint: endpoint.to_string(), reason })
}

fn unusable(kind: io::ErrorKind, reason: &str) -> Error {
    let reason = io::Error::new(kind, reason);
    Error::Listen { endpoint: Endpoint::Systemd.to_string(), reason }
}
