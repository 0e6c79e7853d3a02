//! What is written: one record is one row [mailbox-server.md: usage records].

use actix::Message;
use rusqlite::{Connection, ToSql, params};
use wormhole_protocol::name::{AppId, Side};

use super::{Life, Retired, blur::Blur, writer::Row};

/// Something to be remembered.
#[derive(Clone, Debug, PartialEq, Message)]
#[rtype(result = "()")]
pub(super) enum Record {
    /// A nameplate or a mailbox of an app has ended.
    Retired { app: AppId, what: Retired },
    /// A client has bound.
    Bound { binding: Binding, at: f64 },
    /// How the server does; it takes the place of the one before.
    Current(Current),
}

/// Who has bound, where, with what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Binding {
    pub(crate) app: AppId,
    pub(crate) side: Side,
    /// None where the client does not say.
    pub(crate) client: Option<ClientVersion>,
}

/// What a client calls itself: any text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ClientVersion {
    pub(crate) implementation: String,
    pub(crate) version: String,
}

/// The state of a server; times are unix time in seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Current {
    pub(super) rebooted: f64,
    pub(super) updated: f64,
    /// How many connections have a mailbox open.
    pub(super) subscriptions: u64,
}

impl Row for Record {
    fn write(&self, connection: &Connection, blur: Blur) -> rusqlite::Result<()> {
        let run = |sql: &str, values: &[&dyn ToSql]| {
            connection.prepare_cached(sql)?.execute(values).map(drop)
        };
        match self {
            Self::Retired { app, what: Retired::Nameplate { life, outcome } } => {
                let Life { started, waiting, total } = *life;
                run(
                    "INSERT INTO nameplates (app_id, started, waiting_time, total_time, result)
                     VALUES (?1, ?2, ?3, ?4, ?5)",
                    params![app.as_str(), blur.apply(started), waiting, total, outcome.as_str()],
                )
            }
            Self::Retired { app, what: Retired::Mailbox { life, outcome, for_nameplate } } => {
                let Life { started, waiting, total } = *life;
                let (app, started, outcome) = (app.as_str(), blur.apply(started), outcome.as_str());
                run(
                    "INSERT INTO mailboxes
                     (app_id, for_nameplate, started, waiting_time, total_time, result)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                    params![app, for_nameplate, started, waiting, total, outcome],
                )
            }
            Self::Bound { binding: Binding { app, side, client }, at } => {
                let implementation = client.as_ref().map(|client| &client.implementation);
                let version = client.as_ref().map(|client| &client.version);
                run(
                    "INSERT INTO client_versions
                     (app_id, side, connect_time, implementation, version)
                     VALUES (?1, ?2, ?3, ?4, ?5)",
                    params![app.as_str(), side.as_str(), blur.apply(*at), implementation, version],
                )
            }
            Self::Current(Current { rebooted, updated, subscriptions }) => {
                run("DELETE FROM current", &[])?;
                run(
                    "INSERT INTO current (rebooted, updated, blur_time, connections_websocket)
                     VALUES (?1, ?2, ?3, ?4)",
                    params![rebooted, updated, blur.seconds(), i64::try_from(*subscriptions).ok()],
                )
            }
        }
    }

    fn is_state(&self) -> bool {
        matches!(self, Self::Current(_))
    }
}
