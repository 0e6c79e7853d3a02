//! `usage`: what became of nameplates and mailboxes, and of connections to the relay, by day.

use serde_json::json;
use wormhole_server::{
    Database,
    relay::report as relay,
    usage::report::{self as mailbox, Range},
};

use crate::{
    Failure,
    options::Settings,
    plan::{MailboxPlan, relay_usage},
};

/// Reads the usage databases of the configuration; gives tables, or JSON.
pub(crate) fn run(settings: &Settings, range: Range, as_json: bool) -> Result<String, Failure> {
    let plan = MailboxPlan::alone(settings)?;
    let database = plan.config.usage.map(|usage| usage.database);
    let mailboxes = match database {
        Some(Database::File(path)) => Some(mailbox::days(&path, range)?),
        _ => None,
    };
    let relays = relay_usage(settings).map(|path| relay::days(&path, range)).transpose()?;
    let reports = match (mailboxes, relays) {
        (None, None) => {
            return Err(settings.contradict("usage-db", "has to name a file").into());
        }
        (Some(days), None) if as_json => format!("{}\n", mailbox::to_json(&days)),
        (mailboxes, relays) if as_json => {
            let mailboxes = mailboxes.map(|days| mailbox::to_json(&days));
            let relays = relays.map(|days| relay::to_json(&days));
            format!("{}\n", json!({ "mailbox": mailboxes, "relay": relays }))
        }
        (mailboxes, relays) => {
            let mailboxes = mailboxes.map(|days| mailbox::Table(&days).to_string());
            let relays = relays.map(|days| relay::Table(&days).to_string());
            mailboxes.into_iter().chain(relays).collect::<Vec<_>>().join("\n")
        }
    };
    Ok(reports)
}
