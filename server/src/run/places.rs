//! The sockets on which the servers listen.

use std::{io, net::TcpListener};

use wormhole_server::Listener;

use super::Error;
use crate::{
    endpoint::{Bound, Endpoint, SocketFile},
    plan::Plan,
};

/// Bound sockets, for each server.
pub(super) struct Places {
    pub(super) mailbox: Vec<Bound>,
    pub(super) relay: Vec<TcpListener>,
    /// Where the figures are told, and below them the status alone.
    pub(super) metrics: usize,
    pub(super) operators: Vec<Bound>,
}

impl Places {
    /// Binds them all. The sockets that were passed are the mailbox server's, where one runs.
    pub(super) fn bind(plan: &Plan, passed: Vec<Listener>) -> Result<Self, Error> {
        let (for_mailbox, for_relay) = match plan.mailbox {
            Some(_) => (passed, Vec::new()),
            None => (Vec::new(), passed),
        };
        let mailbox =
            plan.mailbox.as_ref().map(|mailbox| bind_public(&mailbox.listen, for_mailbox));
        let relay = plan.relay.as_ref().map(|relay| bind_public(&relay.listen, for_relay));
        let relay = relay.transpose()?.unwrap_or_default();
        let mut operators = bind_all(&plan.metrics)?;
        let metrics = operators.len();
        operators.extend(bind_all(&plan.status)?);
        Ok(Self {
            mailbox: mailbox.transpose()?.unwrap_or_default(),
            relay: relay.into_iter().map(tcp).collect::<Result<_, _>>()?,
            metrics,
            operators,
        })
    }
}

/// Parts listeners from their files, which go when they are dropped.
pub(super) fn split(bound: Vec<Bound>) -> (Vec<Listener>, Vec<Option<SocketFile>>) {
    bound.into_iter().map(Bound::split).unzip()
}

/// Sockets that were passed stand for `systemd` among the endpoints, or for all of them.
fn bind_public(listen: &[Endpoint], passed: Vec<Listener>) -> Result<Vec<Bound>, Error> {
    let named = listen.contains(&Endpoint::Systemd);
    if named && passed.is_empty() {
        return Err(unusable(io::ErrorKind::NotFound, "systemd has passed no socket"));
    }
    let own: Vec<_> = match named || passed.is_empty() {
        true => listen.iter().filter(|endpoint| **endpoint != Endpoint::Systemd).cloned().collect(),
        false => Vec::new(),
    };
    let mut bound = bind_all(&own)?;
    bound.extend(passed.into_iter().map(Bound::passed));
    Ok(bound)
}

fn bind_all(endpoints: &[Endpoint]) -> Result<Vec<Bound>, Error> {
    let bind = |endpoint: &Endpoint| {
        endpoint.bind().map_err(|reason| Error::Listen { endpoint: endpoint.to_string(), reason })
    };
    endpoints.iter().map(bind).collect()
}

fn tcp(bound: Bound) -> Result<TcpListener, Error> {
    match bound.split() {
        (Listener::Tcp(tcp), _) => Ok(tcp),
        _ => Err(unusable(io::ErrorKind::Unsupported, "the relay takes sockets of TCP alone")),
    }
}

fn unusable(kind: io::ErrorKind, reason: &str) -> Error {
    let reason = io::Error::new(kind, reason);
    Error::Listen { endpoint: Endpoint::Systemd.to_string(), reason }
}
