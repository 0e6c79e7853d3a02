//! The figures of a running server: what there is now, and what has happened since the start.

use std::{fs, path::Path};

use serde_json::{Map, Value};

use crate::{
    census::TakeCensus,
    clock,
    config::{Config, Database},
    database::with_suffix,
    limits::{Limit, Limits},
    mailbox::Mailbox,
    usage::{ClientKind, Outcome, Tally},
};

/// One figure, or one for each value of a label.
pub(crate) struct Figure {
    /// In the form of OpenMetrics, without the program's prefix and the suffix of counters.
    pub(crate) name: &'static str,
    pub(crate) help: &'static str,
    pub(crate) kind: Kind,
    pub(crate) samples: Samples,
}

/// Whether a figure can fall.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Counter,
    Gauge,
}

pub(crate) enum Samples {
    One(f64),
    /// The name of the label, and each of its values with its figure.
    Each(&'static str, Vec<(&'static str, f64)>),
}

impl Samples {
    pub(crate) fn each(
        label: &'static str,
        samples: impl IntoIterator<Item = (&'static str, u64)>,
    ) -> Self {
        Self::Each(
            label,
            samples.into_iter().map(|(value, figure)| (value, figure as f64)).collect(),
        )
    }
}

impl From<u64> for Samples {
    fn from(figure: u64) -> Self {
        Self::One(figure as f64)
    }
}

/// Gathers all figures.
pub(crate) async fn gather(mailbox: &Mailbox) -> Vec<Figure> {
    let front = &mailbox.front;
    // Where the hall has ended, there is nothing.
    let census = front.census.send(TakeCensus).await.unwrap_or_default();
    let (meters, limits) = (&front.meters, &front.config.limits);
    let (tally, connections) = (front.usage.tally(), &front.door.connections);
    let gauge = |name, help, samples| Figure { name, help, kind: Kind::Gauge, samples };
    let count = |name, help, samples| Figure { name, help, kind: Kind::Counter, samples };
    let ready = u64::from(mailbox.ready().await.is_ok());
    let commands = meters.commands().map(|(verb, count)| (verb.name(), count));
    vec![
        gauge(
            "start_time_seconds",
            "When the server started, in unix time",
            Samples::One(clock::of_day(front.started)),
        ),
        gauge(
            "uptime_seconds",
            "How long the server has run",
            Samples::One(clock::steady() - front.started),
        ),
        gauge("ready", "Whether the server takes clients and can write its database", ready.into()),
        gauge("connections", "Connections of any kind that are open", connections.open().into()),
        count(
            "connections_shed",
            "Connections that gave way to others when there were too many",
            connections.shed().into(),
        ),
        count(
            "connections_refused",
            "Connections that were refused since there were too many",
            connections.refused().into(),
        ),
        gauge("websockets", "Websockets that are open", front.guests.connections().into()),
        count("websockets_opened", "Websockets that were let in", meters.websockets().into()),
        gauge("subscriptions", "Websockets that have a mailbox open", tally.subscriptions().into()),
        gauge("apps", "Applications in use", census.apps.into()),
        gauge("nameplates", "Nameplates in use", census.nameplates.into()),
        gauge("mailboxes", "Mailboxes in use", census.mailboxes.into()),
        gauge("messages", "Messages in all mailboxes", census.messages.into()),
        gauge("message_bytes", "Bytes of the messages in all mailboxes", census.bytes.into()),
        gauge(
            "stored_bytes",
            "Bytes that all mailboxes take, as max-stored-bytes counts them",
            front.stored.taken().into(),
        ),
        gauge(
            "stored_bytes_heaviest",
            "Bytes that they take of what came from the address that has most there",
            front.stored.heaviest().map_or(0, |(_, bytes)| bytes).into(),
        ),
        count(
            "nameplates_ended",
            "Nameplates that ended, by result",
            ended(Tally::nameplates, tally),
        ),
        count("mailboxes_ended", "Mailboxes that ended, by result", ended(Tally::mailboxes, tally)),
        count("binds", "Clients that bound, by what they say they are", binds(tally)),
        count("commands", "Commands that could be read", Samples::each("type", commands)),
        count("refusals", "Commands that were answered with an error", meters.refusals().into()),
        limits_reached(limits, |limit| !limit.is_of_relay()),
        limits_set(limits, |limit| !limit.is_of_relay()),
        count("commits", "Batches of changes written to the database", meters.commits().into()),
        count("database_failures", "Writes to the database that failed", meters.failures().into()),
        gauge(
            "disk_full",
            "Whether the disk is full, so that only what ends is written",
            u64::from(front.disk.is_full()).into(),
        ),
        count(
            "app_restarts",
            "Applications that were started again since their part of the server panicked",
            meters.app_falls().into(),
        ),
        gauge("database_bytes", "Sizes of the database's files", sizes(&front.config)),
    ]
}

fn ended(count: fn(&Tally, Outcome) -> u64, tally: &Tally) -> Samples {
    let ended = |outcome: Outcome| (outcome.as_str(), count(tally, outcome));
    Samples::each("result", Outcome::ALL.map(ended))
}

fn binds(tally: &Tally) -> Samples {
    Samples::each("client", ClientKind::ALL.map(|kind| (kind.as_str(), tally.binds(kind))))
}

/// Tells how often those limits were reached that are `ours`.
pub(crate) fn limits_reached(limits: &Limits, ours: fn(&Limit) -> bool) -> Figure {
    let reached = |limit: Limit| (limit.option(), limits.reached(limit));
    Figure {
        name: "limit_reached",
        help: "How often somebody wanted more than a limit",
        kind: Kind::Counter,
        samples: Samples::each("limit", Limit::ALL.into_iter().filter(ours).map(reached)),
    }
}

/// Tells what those limits allow that are `ours`.
pub(crate) fn limits_set(limits: &Limits, ours: fn(&Limit) -> bool) -> Figure {
    let allowed = |limit: Limit| (limit.option(), limits.most(limit).unwrap_or(0));
    Figure {
        name: "limit",
        help: "What a limit allows, 0 being no limit",
        kind: Kind::Gauge,
        samples: Samples::each("limit", Limit::ALL.into_iter().filter(ours).map(allowed)),
    }
}

fn sizes(config: &Config) -> Samples {
    let usage = config.usage.as_ref().map(|usage| &usage.database);
    let databases =
        [("channel", "channel-wal", Some(&config.database)), ("usage", "usage-wal", usage)];
    let sizes = databases.into_iter().filter_map(|(name, log, database)| match database {
        Some(Database::File(path)) => {
            let size = |path: &Path| fs::metadata(path).map_or(0, |file| file.len());
            Some([(name, size(path)), (log, size(&with_suffix(path, "-wal")))])
        }
        _ => None,
    });
    Samples::each("file", sizes.flatten())
}

/// Writes the figures as one JSON object.
pub(crate) fn json(figures: &[Figure]) -> Value {
    let entry = |figure: &Figure| {
        let value = match &figure.samples {
            Samples::One(figure) => Value::from(*figure),
            Samples::Each(_, samples) => {
                samples.iter().map(|(label, figure)| ((*label).to_owned(), *figure)).collect()
            }
        };
        (figure.name.to_owned(), value)
    };
    Value::Object(figures.iter().map(entry).collect::<Map<_, _>>())
}
