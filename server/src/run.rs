//! Running a mailbox server until it is told to stop.

mod reload;
mod signals;

use std::io::{self, Write};

use clap::ArgMatches;
use serde_json::json;
use wormhole_server::{Config, Limit, Listener, mailbox::Mailbox, operate, start};

use crate::{
    descriptors,
    endpoint::{Bound, Endpoint},
    plan::Plan,
    supervise::Supervisor,
};
use reload::Reload;

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

/// Runs a mailbox server, also on the sockets that were passed to it; `given` is read again at
/// SIGHUP.
pub(crate) fn mailbox(plan: Plan, passed: Vec<Listener>, given: ArgMatches) -> Result<(), Error> {
    plan.log.start();
    actix::System::new().block_on(run(plan, passed, given))
}

async fn run(plan: Plan, passed: Vec<Listener>, given: ArgMatches) -> Result<(), Error> {
    let Plan { config, listen, metrics, status, announce_json, warnings, .. } = plan;
    warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
    let supervisor = Supervisor::from_environment();
    let stopped = signals::stopped().map_err(Error::Signals)?;
    let hangups = signals::hangups().map_err(Error::Signals)?;
    let public = bind_public(&listen, passed)?;
    let metrics = bind_all(&metrics)?;
    let status = bind_all(&status)?;
    let config = within_descriptors(config);

    let announcement = Announcement::of(&public, &metrics, config.tls.is_some());
    let reload = Reload::new(config.clone(), given, supervisor.clone(), announcement.line());
    let mailbox = Mailbox::start(config).map_err(wormhole_server::Error::from)?;
    // The files of unix sockets go when the server has ended.
    let (public, _public_files): (Vec<_>, Vec<_>) = public.into_iter().map(Bound::split).unzip();
    let (others, _other_files): (Vec<_>, Vec<_>) =
        metrics.into_iter().chain(status).map(Bound::split).unzip();
    let running = start(mailbox.clone(), public).await?;
    let operation = match operate(&mailbox, others) {
        Ok(operation) => operation,
        Err(error) => {
            mailbox.stop().await;
            return Err(error.into());
        }
    };
    announcement.say(announce_json);
    announcement.metrics.iter().for_each(|url| tracing::info!("the figures are at {url}"));
    supervisor.ready(announcement.line());

    let reloading = actix::spawn(reload.at_each(hangups));
    let working = supervisor.clone().keep_told(async move || mailbox.alive().await);
    let working = actix::spawn(working);
    let stopped = async {
        stopped.await;
        supervisor.stopping();
    };
    let served = running.until(stopped).await;
    operation.stop().await;
    reloading.abort();
    working.abort();
    Ok(served?)
}

/// Sockets that were passed stand for `systemd` among the endpoints, or for all of them.
fn bind_public(listen: &[Endpoint], passed: Vec<Listener>) -> Result<Vec<Bound>, Error> {
    let named = listen.contains(&Endpoint::Systemd);
    if named && passed.is_empty() {
        let reason = io::Error::new(io::ErrorKind::NotFound, "systemd has passed no socket");
        return Err(Error::Listen { endpoint: Endpoint::Systemd.to_string(), reason });
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

/// Where the server listens.
struct Announcement {
    mailbox: Vec<String>,
    metrics: Vec<String>,
}

impl Announcement {
    fn of(public: &[Bound], metrics: &[Bound], secure: bool) -> Self {
        let scheme = if secure { "wss" } else { "ws" };
        let mailbox = public.iter().map(|bound| bound.url(scheme, "/v1")).collect();
        let metrics = metrics.iter().map(|bound| bound.url("http", "/metrics")).collect();
        Self { mailbox, metrics }
    }

    fn line(&self) -> String {
        format!("listening on {}", self.mailbox.join(" "))
    }

    /// Tells it on standard output. Whoever started the program may not care to read, and is
    /// served all the same.
    fn say(&self, as_json: bool) {
        let line = match as_json {
            true => json!({ "mailbox": self.mailbox, "metrics": self.metrics }).to_string(),
            false => self.line(),
        };
        drop(writeln!(io::stdout(), "{line}"));
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
