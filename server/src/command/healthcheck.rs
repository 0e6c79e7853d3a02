//! `healthcheck`: whether the server that is configured so does its work.

use crate::{
    Failure,
    ask::{self, Address},
    options::{Servers, Settings},
    pinned,
    plan::Plan,
};

/// Asks the server to write something to its database.
pub(crate) fn run(settings: &Settings) -> Result<String, Failure> {
    let plan = Plan::of(settings, Servers::Mailbox)?;
    // The port first, where clients knock too.
    let public = plan.mailbox.iter().flat_map(|mailbox| &mailbox.listen);
    let public = public.clone().find_map(Address::of).map(|address| (address, true));
    let inner = plan.status.iter().chain(&plan.metrics);
    let inner = inner.clone().find_map(Address::of).map(|address| (address, false));
    let Some((address, public)) = public.or(inner) else {
        let reason = "is known only to the server: healthcheck needs a fixed one, or a \
                      --status-socket";
        return Err(settings.contradict("port", reason).into());
    };
    let tls = match (settings.path("tls-cert"), public) {
        (Some(certificate), true) => Some(pinned::settings(&certificate).map_err(|reason| {
            let path = certificate.to_string_lossy();
            settings.refuse("tls-cert", &path, reason.to_string())
        })?),
        _ => None,
    };
    Ok(ask::get(&address, tls, "/readyz")?)
}
