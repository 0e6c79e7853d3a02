//! `restore`: puts copies in the databases' places, while no server runs.

use std::path::{Path, PathBuf};

use wormhole_server::{Database, DatabaseKind, Restore, kind_of};

use super::backup::beside;
use crate::{
    Failure,
    options::Settings,
    plan::{self, MailboxPlan},
};

/// Restores the database of the kind that the copy is of; with a channel database also the usage
/// databases that [`backup`](super::backup) has put beside the copy.
pub(crate) fn run(settings: &Settings, copy: &Path) -> Result<String, Failure> {
    let plan = MailboxPlan::alone(settings)?;
    let usage = plan.config.usage.as_ref().and_then(|usage| file(&usage.database));
    let relay = plan::relay_usage(settings);
    let mut told = String::new();
    let places = match kind_of(copy)? {
        DatabaseKind::Usage => {
            vec![Place::named(settings, copy, DatabaseKind::Usage, "usage-db", usage)?]
        }
        DatabaseKind::Relay => {
            vec![Place::named(settings, copy, DatabaseKind::Relay, "relay-usage-db", relay)?]
        }
        kind => {
            let channel = file(&plan.config.database);
            let mut places = vec![Place::named(settings, copy, kind, "channel-db", channel)?];
            for (suffix, kind, option, database) in [
                ("-usage", DatabaseKind::Usage, "usage-db", usage),
                ("-relay-usage", DatabaseKind::Relay, "relay-usage-db", relay),
            ] {
                let copy = beside(copy, suffix);
                match (copy.exists(), database) {
                    (true, Some(database)) => places.push(Place { copy, database, kind }),
                    (true, None) => {
                        told += &format!(
                            "{} is left out: no --{option} says where it belongs\n",
                            copy.display()
                        );
                    }
                    (false, Some(database)) => {
                        told += &format!(
                            "{} stays as it is: there is no {}\n",
                            database.display(),
                            copy.display()
                        );
                    }
                    (false, None) => (),
                }
            }
            places
        }
    };
    // All are looked at before any is touched.
    let prepared = places
        .into_iter()
        .map(|place| Ok((Restore::prepare(&place.copy, &place.database, place.kind)?, place)))
        .collect::<Result<Vec<_>, Failure>>()?;
    for (restore, Place { copy, database, .. }) in prepared {
        if let Some(aside) = restore.carry_out()?.aside {
            told += &format!("{} is now {}\n", database.display(), aside.display());
        }
        told += &format!("{} is restored from {}\n", database.display(), copy.display());
    }
    Ok(told)
}

/// A copy, and where it belongs.
struct Place {
    copy: PathBuf,
    database: PathBuf,
    kind: DatabaseKind,
}

impl Place {
    /// Takes the database that an option has to name.
    fn named(
        settings: &Settings,
        copy: &Path,
        kind: DatabaseKind,
        option: &'static str,
        database: Option<PathBuf>,
    ) -> Result<Self, Failure> {
        let Some(database) = database else {
            let reason = format!("has to name the file in whose place {} is put", copy.display());
            return Err(settings.contradict(option, &reason).into());
        };
        if same(copy, &database) {
            return Err(settings.contradict(option, "is the copy itself").into());
        }
        Ok(Self { copy: copy.to_owned(), database, kind })
    }
}

/// Tells whether both are one file.
fn same(one: &Path, other: &Path) -> bool {
    matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
}

fn file(database: &Database) -> Option<PathBuf> {
    match database {
        Database::File(path) => Some(path.clone()),
        Database::Memory => None,
    }
}
