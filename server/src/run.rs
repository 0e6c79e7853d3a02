//! Running a mailbox server until it is told to stop.

use std::io::{self, Write};

use clap::ArgMatches;
use serde_json::json;
use wormhole_server::{Config, Limit, Listener, mailbox::Mailbox, serve};

use crate::{
    descriptors,
    endpoint::{self, Bound, Endpoint},
    options::{Settings, Wrong},
    plan::{self, Plan},
};

/// The server could not run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A socket cannot be bound.
    #[error("cannot listen at {endpoint}: {reason}")]
    Listen { endpoint: String, reason: io::Error },
    /// The system refuses signals.
    #[error("cannot wait for signals: {0}")]
    Signals(io::Error),
    /// The server failed.
    #[error(transparent)]
    Server(#[from] wormhole_server::Error),
}

/// Runs a mailbox server; `given` is read again at SIGHUP.
pub(crate) fn mailbox(plan: Plan, given: &ArgMatches) -> Result<(), Error> {
    plan.log.start();
    actix::System::new().block_on(serve_plan(plan, given.clone()))
}

async fn serve_plan(plan: Plan, given: ArgMatches) -> Result<(), Error> {
    let Plan { config, listen, announce_json, warnings, .. } = plan;
    warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
    let stopped = stopped().map_err(Error::Signals)?;
    let bound = listen.iter().map(bind).collect::<Result<Vec<_>, _>>()?;
    let config = within_descriptors(config);
    let secure = config.tls.is_some();
    let reload = Reload { config: config.clone(), given };
    let mailbox = Mailbox::start(config).map_err(wormhole_server::Error::from)?;
    announce(&bound, announce_json, secure);
    let reloading = reload.at_each_hangup().map_err(Error::Signals)?;
    let reloading = actix::spawn(reloading);
    // The files of unix sockets go when the server has ended.
    let (listeners, _files): (Vec<Listener>, Vec<_>) = bound.into_iter().map(Bound::split).unzip();
    let served = serve(mailbox, listeners, stopped).await;
    reloading.abort();
    Ok(served?)
}

fn bind(endpoint: &Endpoint) -> Result<Bound, Error> {
    let bound = match endpoint {
        Endpoint::Tcp { port, interface } => endpoint::bind_tcp(plan::address(*port, *interface)),
        Endpoint::Unix { path, mode } => endpoint::bind_unix(path, *mode),
        Endpoint::Systemd => Err(io::ErrorKind::Unsupported.into()),
    };
    bound.map_err(|reason| Error::Listen { endpoint: endpoint.to_string(), reason })
}

/// Tells on standard output where the server listens. Whoever started the program may not care to
/// read, and is served all the same.
fn announce(bound: &[Bound], as_json: bool, secure: bool) {
    let scheme = if secure { "wss" } else { "ws" };
    let urls = bound.iter().map(|bound| match bound.address.starts_with("unix:") {
        true => bound.address.clone(),
        false => format!("{scheme}://{}/v1", bound.address),
    });
    let mut out = io::stdout();
    if as_json {
        let line = json!({ "mailbox": urls.collect::<Vec<_>>() });
        drop(writeln!(out, "{line}"));
        return;
    }
    for url in urls {
        drop(writeln!(out, "listening on {url}"));
    }
}

/// Takes no more connections than there are file descriptors for: a client that is told so is
/// better off than one that hangs.
fn within_descriptors(mut config: Config) -> Config {
    let wanted = config.limits.most(Limit::Connections).unwrap_or(u64::MAX);
    let enough = descriptors::raise(wanted, config.workers as u64).max(1);
    if enough < wanted {
        tracing::warn!("the file descriptors are enough for {enough} connections");
        config.limits = config.limits.with(Limit::Connections, enough);
    }
    config
}

/// Reads the configuration again.
struct Reload {
    config: Config,
    given: ArgMatches,
}

impl Reload {
    /// Takes over what may change while the server runs; a configuration that is wrong changes
    /// nothing.
    fn reload(&self) -> Result<(), Wrong> {
        let settings = Settings::gather(&self.given)?;
        let plan = Plan::of(&settings)?;
        let connections = self.config.limits.most(Limit::Connections).unwrap_or(0);
        // The listeners have as many places as at the start.
        let limits = plan.config.limits.with(Limit::Connections, connections);
        self.config.limits.adopt(&limits);
        self.config.rules.set(plan.config.rules.now().as_ref().clone());
        if let (Some(shown), Some(renewed)) = (&self.config.tls, &plan.config.tls) {
            shown.renew(renewed);
        }
        Ok(())
    }

    #[cfg(unix)]
    fn at_each_hangup(self) -> io::Result<impl Future<Output = ()>> {
        use tokio::signal::unix::{SignalKind, signal};

        let mut hangup = signal(SignalKind::hangup())?;
        Ok(async move {
            while hangup.recv().await.is_some() {
                match self.reload() {
                    Ok(()) => tracing::info!("the configuration was read again"),
                    Err(wrong) => tracing::error!("the configuration stays as it was: {wrong}"),
                }
            }
        })
    }

    /// Systems without SIGHUP need a restart.
    #[cfg(not(unix))]
    fn at_each_hangup(self) -> io::Result<impl Future<Output = ()>> {
        Ok(std::future::pending())
    }
}

/// Ends at the first of SIGINT and SIGTERM.
#[cfg(unix)]
fn stopped() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};

    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => (),
            _ = terminate.recv() => (),
        }
    })
}

/// Ends at Ctrl-C.
#[cfg(not(unix))]
fn stopped() -> io::Result<impl Future<Output = ()>> {
    Ok(async { drop(tokio::signal::ctrl_c().await) })
}
