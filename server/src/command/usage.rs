//! `usage`: what became of nameplates and mailboxes, by day.

use wormhole_server::{
    Database,
    usage::report::{self, Range, Table},
};

use crate::{Failure, options::Settings, plan::MailboxPlan};

/// Reads the usage database of the configuration; gives a table, or JSON.
pub(crate) fn run(settings: &Settings, range: Range, as_json: bool) -> Result<String, Failure> {
    let plan = MailboxPlan::alone(settings)?;
    let database = plan.config.usage.as_ref().map(|usage| &usage.database);
    let Some(Database::File(path)) = database else {
        return Err(settings.contradict("usage-db", "has to name a file").into());
    };
    let days = report::days(path, range)?;
    Ok(match as_json {
        true => format!("{}\n", report::to_json(&days)),
        false => Table(&days).to_string(),
    })
}
