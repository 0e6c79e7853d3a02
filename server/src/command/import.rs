//! `import`: what another server's databases hold, added to those of the configuration.

use std::path::PathBuf;

use wormhole_server::{Database, DatabaseKind, Imported, import, kind_of};

use crate::{
    Failure,
    options::Settings,
    plan::{self, MailboxPlan},
};

/// Adds the databases at `sources`, each to the one of its kind.
pub(crate) fn run(settings: &Settings, sources: &[PathBuf]) -> Result<String, Failure> {
    let plan = MailboxPlan::alone(settings)?;
    let relay = plan::relay_usage(settings).map(Database::File);
    let mut pairs = Vec::new();
    // All are looked at before any is touched.
    for source in sources {
        let (option, database) = match kind_of(source)? {
            DatabaseKind::Usage => {
                ("usage-db", plan.config.usage.as_ref().map(|usage| &usage.database))
            }
            DatabaseKind::Relay => ("relay-usage-db", relay.as_ref()),
            _ => ("channel-db", Some(&plan.config.database)),
        };
        let Some(Database::File(target)) = database else {
            let reason = format!("has to name a file to which {} is added", source.display());
            return Err(settings.contradict(option, &reason).into());
        };
        pairs.push((source, target));
    }
    let mut told = String::new();
    for (source, target) in pairs {
        let imported = import(source, target)?;
        if let Some(copy) = &imported.backup {
            told += &format!("{} is copied to {}\n", target.display(), copy.display());
        }
        told += &format!("{} -> {}: {}\n", source.display(), target.display(), counts(&imported));
    }
    Ok(told)
}

fn counts(imported: &Imported) -> String {
    let Imported { mailboxes, nameplates, messages, records, left_out, .. } = imported;
    if *records > 0 {
        return counted(*records, "record");
    }
    let [mailboxes, nameplates, messages] =
        [(mailboxes, "mailbox"), (nameplates, "nameplate"), (messages, "message")]
            .map(|(count, what)| counted(*count, what));
    let taken = format!("{mailboxes}, {nameplates} and {messages}");
    match left_out {
        0 => taken,
        some => format!("{taken}; {some} were there already, or belonged to such"),
    }
}

fn counted(count: u64, what: &str) -> String {
    match (count, what.ends_with('x')) {
        (1, _) => format!("1 {what}"),
        (_, true) => format!("{count} {what}es"),
        (_, false) => format!("{count} {what}s"),
    }
}
