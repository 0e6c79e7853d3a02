//! `backup`: a consistent copy of the databases, also while the server runs.

use std::path::{Path, PathBuf};

use wormhole_server::{CopyError, Database, backup};

use crate::{
    Failure,
    options::Settings,
    plan::{self, MailboxPlan},
};

/// Copies the channel database to `target`, and the usage databases, where there are any, beside
/// it.
pub(crate) fn run(settings: &Settings, target: &Path) -> Result<String, Failure> {
    let plan = MailboxPlan::alone(settings)?;
    let Database::File(channel) = &plan.config.database else {
        let reason = "keeps nothing on disk: there is nothing to back up";
        return Err(settings.contradict("channel-db", reason).into());
    };
    let mut copies = vec![(channel.clone(), target.to_owned())];
    if let Some(Database::File(usage)) = plan.config.usage.as_ref().map(|usage| &usage.database) {
        copies.push((usage.clone(), beside(target, "-usage")));
    }
    if let Some(usage) = plan::relay_usage(settings) {
        copies.push((usage, beside(target, "-relay-usage")));
    }
    // All of them or none.
    for (_, copy) in &copies {
        if copy.exists() {
            return Err(CopyError::Exists { path: copy.clone() }.into());
        }
    }
    let mut told = String::new();
    for (database, copy) in &copies {
        backup(database, copy)?;
        told += &format!("{} is copied to {}\n", database.display(), copy.display());
    }
    Ok(told)
}

/// Names the copy of another database, beside that of the channel database.
pub(super) fn beside(target: &Path, suffix: &str) -> PathBuf {
    let mut name = target.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
