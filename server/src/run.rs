//! Running servers until they are told to stop.

mod announcement;
mod places;
mod reload;
mod signals;

use std::{io, sync::Arc};

use futures_util::FutureExt;
use tokio::sync::watch;
use wormhole_server::{
    Config, Limit, Limits, Running, Services,
    mailbox::Mailbox,
    operate,
    relay::{Relay, RelayConfig, View},
    start,
};

use crate::{
    descriptors, log_fd,
    plan::{Plan, RelayPlan},
    supervise::{Passed, Supervisor},
};
use announcement::Announcement;
use places::{Places, split, split_ports};
use reload::Reload;

pub(crate) use reload::Again;

/// The server could not run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A socket cannot be bound.
    #[error("cannot listen at {endpoint}: {reason}")]
    Listen { endpoint: String, reason: io::Error },
    /// The usage log cannot be written.
    #[error("cannot write to the file descriptor {number} of --relay-log-fd: {reason}")]
    LogFd { number: u32, reason: io::Error },
    /// The system refuses signals.
    #[error("cannot wait for signals: {0}")]
    Signals(io::Error),
    /// The server failed.
    #[error(transparent)]
    Server(#[from] wormhole_server::Error),
}

/// Runs servers, also on the sockets that were passed to them; the configuration is read again at
/// SIGHUP.
pub(crate) fn serve(plan: Plan, passed: Vec<Passed>, again: Again) -> Result<(), Error> {
    plan.log.start();
    actix::System::new().block_on(run(plan, passed, again))
}

async fn run(plan: Plan, passed: Vec<Passed>, again: Again) -> Result<(), Error> {
    plan.warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
    let supervisor = Supervisor::from_environment();
    let stopped = signals::stopped().map_err(Error::Signals)?;
    let hangups = signals::hangups().map_err(Error::Signals)?;
    let places = Places::bind(&plan, passed)?;
    let announcement = Announcement::of(&places, &plan);
    let reload = Reload::new(&plan, again, supervisor.clone(), announcement.line());
    fit_descriptors(&plan);

    let relay = plan.relay.map(with_log).transpose()?;
    let config = plan
        .mailbox
        .map(|mailbox| Config { transit_port: places.transit_port(), ..mailbox.config });
    let mailbox = config.map(Mailbox::start).transpose().map_err(wormhole_server::Error::from)?;
    // The files of unix sockets go when the server has ended.
    let (public, _public_files) = split(places.mailbox);
    let (ports, _relay_files) = split_ports(places.relay);
    let (others, _other_files) = split(places.operators);
    let running = match &mailbox {
        Some(mailbox) => Some(start(mailbox.clone(), public).await?),
        None => None,
    };
    let relay = relay.map(|config| Relay::start(config, ports)).transpose();
    let relay = match relay {
        Ok(relay) => relay,
        Err(error) => return Err(give_up(mailbox, error).await),
    };
    let view = relay.as_ref().map(|relay| relay.view().clone());
    let services = Services { mailbox: mailbox.clone(), relay: view.clone() };
    let operation = match operate(services, others) {
        Ok(operation) => operation,
        Err(error) => return Err(give_up(mailbox, error).await),
    };
    announcement.say(plan.announce_json);
    announcement.metrics.iter().for_each(|url| tracing::info!("the figures are at {url}"));
    supervisor.ready(announcement.line());

    let reloading = actix::spawn(reload.at_each(hangups));
    let no_more_reloads = reloading.abort_handle();
    actix::spawn(reloading.map(|ended| {
        if ended.is_err_and(|ended| ended.is_panic()) {
            tracing::error!("SIGHUP does nothing any more: reading the configuration has panicked");
        }
    }));
    let working = supervisor.clone().keep_told(async move || alive(&mailbox, &view).await);
    let working = actix::spawn(working);
    let stopped = async {
        stopped.await;
        supervisor.stopping();
    };
    let served = until(running, relay, stopped).await;
    operation.stop().await;
    no_more_reloads.abort();
    working.abort();
    Ok(served?)
}

/// Opens the usage log.
fn with_log(plan: RelayPlan) -> Result<RelayConfig, Error> {
    let RelayPlan { mut config, log_fd, .. } = plan;
    if let Some(number) = log_fd {
        let file = log_fd::open(number).map_err(|reason| Error::LogFd { number, reason })?;
        config.usage.log = Some(Arc::new(file));
    }
    Ok(config)
}

/// Stops what has started already.
async fn give_up(mailbox: Option<Mailbox>, error: wormhole_server::Error) -> Error {
    if let Some(mailbox) = mailbox {
        mailbox.stop().await;
    }
    error.into()
}

async fn alive(mailbox: &Option<Mailbox>, relay: &Option<View>) -> bool {
    let mailbox = match mailbox {
        Some(mailbox) => mailbox.alive().await,
        None => true,
    };
    mailbox
        && match relay {
            Some(relay) => relay.alive().await,
            None => true,
        }
}

/// Serves until `stopped` or one of them ends; both have the same time then.
async fn until(
    mailbox: Option<Running>,
    relay: Option<Relay>,
    stopped: impl Future<Output = ()>,
) -> Result<(), wormhole_server::Error> {
    let (down, mut downs) = watch::channel(());
    let stopped = async {
        tokio::select! {
            () = stopped => (),
            _ = downs.changed() => (),
        }
    };
    let stopped = stopped.shared();
    let mailbox = async {
        let ended = match mailbox {
            Some(running) => running.until(stopped.clone()).await,
            None => return Ok(()),
        };
        down.send_replace(());
        ended
    };
    let relay = async {
        let ended = match relay {
            Some(relay) => relay.until(stopped.clone()).await,
            None => return Ok(()),
        };
        down.send_replace(());
        ended
    };
    let (mailbox, relay) = tokio::join!(mailbox, relay);
    mailbox.and(relay)
}

/// Takes no more connections than there are file descriptors for: a client that is told so is
/// better off than one that hangs.
fn fit_descriptors(plan: &Plan) {
    let workers = plan.mailbox.as_ref().map_or(0, |mailbox| mailbox.config.workers);
    let mailbox = plan.mailbox.as_ref().map(|plan| (&plan.config.limits, Limit::Connections));
    let relay = plan.relay.as_ref().map(|plan| (&plan.config.limits, Limit::RelayConnections));
    let most = |(limits, limit): (&Limits, Limit)| limits.most(limit).unwrap_or(u64::MAX);
    let servers: Vec<_> = mailbox.into_iter().chain(relay).collect();
    let wanted = servers.iter().fold(0_u64, |all, server| all.saturating_add(most(*server)));
    let enough = descriptors::raise(wanted, workers as u64).max(servers.len() as u64);
    if enough >= wanted {
        return;
    }
    for (limits, limit) in servers {
        let part = u128::from(enough) * u128::from(most((limits, limit))) / u128::from(wanted);
        let part = u64::try_from(part).unwrap_or(enough).max(1);
        tracing::warn!(
            "the file descriptors are enough for {part} connections (--{})",
            limit.option()
        );
        drop(limits.clone().with(limit, part));
    }
}
