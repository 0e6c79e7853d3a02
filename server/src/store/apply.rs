//! Writing changes.

use rusqlite::{Connection, Result, ToSql, params};
use wormhole_protocol::name::AppId;

use super::{Change, Key};

/// Writes one change of one app.
pub(super) fn apply(connection: &Connection, app: &AppId, change: &Change) -> Result<()> {
    let id = app.as_str();
    let run = |sql: &str, values: &[&dyn ToSql]| -> Result<()> {
        connection.prepare_cached(sql)?.execute(values).map(drop)
    };
    match change {
        Change::MailboxMade { mailbox, updated } => run(
            "INSERT INTO mailboxes (app_id, id, updated, for_nameplate) VALUES (?1, ?2, ?3, ?4)",
            params![id, mailbox.text(app), updated, mailbox.is_for_nameplate()],
        ),
        Change::Touched { mailbox, updated } => run(
            "UPDATE mailboxes SET updated = ?2 WHERE id = ?1",
            params![mailbox.text(app), updated],
        ),
        Change::Opened { mailbox, side, added } => run(
            "INSERT INTO mailbox_sides (mailbox_id, opened, side, added) VALUES (?1, 1, ?2, ?3)",
            params![mailbox.text(app), side.as_str(), added],
        ),
        Change::Reopened { mailbox, side } => run(
            "UPDATE mailbox_sides SET opened = 1, mood = NULL WHERE mailbox_id = ?1 AND side = ?2",
            params![mailbox.text(app), side.as_str()],
        ),
        Change::Closed { mailbox, side, mood } => run(
            "UPDATE mailbox_sides SET opened = 0, mood = ?3 WHERE mailbox_id = ?1 AND side = ?2",
            params![mailbox.text(app), side.as_str(), mood.as_ref().map(ToString::to_string)],
        ),
        Change::Added { mailbox, message } => run(
            "INSERT INTO messages (app_id, mailbox_id, side, phase, body, server_rx, msg_id)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![
                id,
                mailbox.id().as_str(),
                message.side.as_str(),
                message.phase.to_string(),
                message.body.as_str(),
                message.server_rx,
                message.id,
            ],
        ),
        Change::MailboxGone { mailbox } => end_mailbox(app, mailbox, run),
        Change::NameplateMade { name, mailbox } => run(
            "INSERT INTO nameplates (app_id, name, mailbox_id) VALUES (?1, ?2, ?3)",
            params![id, name, mailbox.text(app)],
        ),
        Change::Claimed { nameplate, side, added } => run(
            "INSERT INTO nameplate_sides (nameplates_id, claimed, side, added)
             SELECT id, 1, ?3, ?4 FROM nameplates WHERE app_id = ?1 AND name = ?2",
            params![id, nameplate, side.as_str(), added],
        ),
        Change::Released { nameplate, side } => run(
            "UPDATE nameplate_sides SET claimed = 0 WHERE side = ?3 AND nameplates_id IN
             (SELECT id FROM nameplates WHERE app_id = ?1 AND name = ?2)",
            params![id, nameplate, side.as_str()],
        ),
        Change::NameplateGone { name } => {
            run(
                "DELETE FROM nameplate_sides WHERE nameplates_id IN
                 (SELECT id FROM nameplates WHERE app_id = ?1 AND name = ?2)",
                params![id, name],
            )?;
            run("DELETE FROM nameplates WHERE app_id = ?1 AND name = ?2", params![id, name])
        }
    }
}

fn end_mailbox(
    app: &AppId,
    mailbox: &Key,
    run: impl Fn(&str, &[&dyn ToSql]) -> Result<()>,
) -> Result<()> {
    let key = mailbox.text(app);
    run(
        "DELETE FROM messages WHERE app_id = ?1 AND mailbox_id = ?2",
        params![app.as_str(), mailbox.id().as_str()],
    )?;
    run("DELETE FROM mailbox_sides WHERE mailbox_id = ?1", params![key])?;
    run("DELETE FROM mailboxes WHERE id = ?1", params![key])
}
