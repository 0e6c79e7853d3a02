//! `healthcheck`: whether the servers that are configured so do their work.

use crate::{
    Failure,
    ask::{self, Address},
    endpoint::Endpoint,
    options::{Servers, Settings},
    pinned,
    plan::{Plan, Speaks},
};

/// Asks the mailbox server whether a client would be served, and the relay for anything.
pub(crate) fn run(settings: &Settings, servers: Servers) -> Result<String, Failure> {
    let plan = Plan::of(settings, servers)?;
    let inner = plan.status.iter().chain(&plan.metrics);
    let inner = inner.clone().find_map(Address::of);
    if let Some(relay) = &plan.relay {
        ask_relay(settings, &relay.listen, inner.as_ref())?;
    }
    if let Some(mailbox) = &plan.mailbox {
        ask_mailbox(settings, &mailbox.listen, inner)?;
    }
    Ok("ready\n".to_owned())
}

fn ask_mailbox(
    settings: &Settings,
    listen: &[Endpoint],
    inner: Option<Address>,
) -> Result<(), Failure> {
    // The port first, where clients knock too.
    let public = listen.iter().find_map(Address::of).map(|address| (address, true));
    let Some((address, public)) = public.or(inner.map(|address| (address, false))) else {
        return Err(unknown(settings, "port"));
    };
    let tls = match (settings.path("tls-cert"), public) {
        (Some(certificate), true) => Some(pinned::settings(&certificate).map_err(|reason| {
            let path = certificate.to_string_lossy();
            settings.refuse("tls-cert", &path, reason.to_string())
        })?),
        _ => None,
    };
    ask::get(&address, tls, "/readyz")?;
    Ok(())
}

/// The operators' sockets first: a question on the port is recorded as `errory`, but for one in
/// HTTP.
fn ask_relay(
    settings: &Settings,
    listen: &[(Endpoint, Speaks)],
    inner: Option<&Address>,
) -> Result<(), Failure> {
    if let Some(address) = inner {
        ask::get(address, None, "/readyz")?;
        return Ok(());
    }
    let mut known = listen.iter().filter_map(|(at, speaks)| Some((Address::of(at)?, *speaks)));
    let first = known.next();
    match known.chain(first.clone()).find(|(_, speaks)| *speaks != Speaks::Tcp).or(first) {
        Some((address, Speaks::Tcp)) => ask::knock(&address)?,
        Some((address, _)) => drop(ask::get(&address, None, "/")?),
        None => return Err(unknown(settings, "relay-port")),
    }
    Ok(())
}

fn unknown(settings: &Settings, port: &'static str) -> Failure {
    let reason = "is known only to the server: healthcheck needs a fixed one, or a --status-socket";
    settings.contradict(port, reason).into()
}
