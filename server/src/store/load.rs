//! Reading rows, also such as only the Python server's looser typing could leave behind.

use std::{collections::BTreeMap, sync::Arc};

use rusqlite::{Connection, Result, Row, types::ValueRef};
use wormhole_protocol::{
    name::{AppId, MailboxId, Mood, Side},
    wire::Body,
};

use super::{Held, Key, MailboxRow, NameplateRow, Rows};
use crate::{app::Seats, engine::StoredMessage};

/// Reads the rows of every app, and drops messages whose mailbox is gone.
pub(super) fn everything(connection: &Connection) -> Result<BTreeMap<AppId, Rows>> {
    let mut apps =
        connection.prepare("SELECT app_id FROM mailboxes UNION SELECT app_id FROM nameplates")?;
    let ids =
        apps.query_map([], |row| Ok(AppId::new(text(row, 0)?)))?.collect::<Result<Vec<_>>>()?;
    let apps: BTreeMap<AppId, Rows> = ids
        .into_iter()
        .map(|id| app(connection, &id).map(|rows| (id, rows)))
        .collect::<Result<_>>()?;
    drop_orphans(connection, &apps)?;
    Ok(apps)
}

/// Reads the rows of one app.
pub(super) fn app(connection: &Connection, app: &AppId) -> Result<Rows> {
    let mut rows = Rows::default();
    mailboxes(connection, app, &mut rows)?;
    held(connection, app, &mut rows)?;
    nameplates(connection, app, &mut rows)?;
    Ok(rows)
}

fn mailboxes(connection: &Connection, app: &AppId, rows: &mut Rows) -> Result<()> {
    let mut select = connection
        .prepare_cached("SELECT id, updated, for_nameplate FROM mailboxes WHERE app_id = ?1")?;
    let mut sides = connection.prepare_cached(
        "SELECT side, opened, added, mood FROM mailbox_sides
         WHERE mailbox_id = ?1 ORDER BY added, rowid",
    )?;
    let mut found = select.query([app.as_str()])?;
    while let Some(row) = found.next()? {
        let stored = text(row, 0)?;
        let key = Key::parse(&stored, app);
        let id = key.id().clone();
        let mut mailbox = MailboxRow::new(key, number(row, 1)?);
        mailbox.for_nameplate = number(row, 2)? != 0.0;
        mailbox.seats = seats(sides.query([stored])?)?;
        rows.mailboxes.insert(id, mailbox);
    }
    Ok(())
}

/// Counts what each mailbox holds, as [`StoredMessage::size`] does.
fn held(connection: &Connection, app: &AppId, rows: &mut Rows) -> Result<()> {
    let mut select = connection.prepare_cached(
        "SELECT mailbox_id, count(*), sum(octet_length(side) + octet_length(phase)
             + ifnull(octet_length(body), 0) + ifnull(octet_length(msg_id), 0))
         FROM messages WHERE app_id = ?1 GROUP BY mailbox_id",
    )?;
    let mut found = select.query([app.as_str()])?;
    while let Some(row) = found.next()? {
        if let Some(mailbox) = rows.mailboxes.get_mut(&MailboxId::new(text(row, 0)?)) {
            let (messages, bytes) = (number(row, 1)? as u64, number(row, 2)? as u64);
            mailbox.held = Held { messages, bytes };
        }
    }
    Ok(())
}

fn nameplates(connection: &Connection, app: &AppId, rows: &mut Rows) -> Result<()> {
    let mut select = connection.prepare_cached(
        "SELECT id, name, mailbox_id FROM nameplates WHERE app_id = ?1 ORDER BY id",
    )?;
    let mut sides = connection.prepare_cached(
        "SELECT side, claimed, added, NULL FROM nameplate_sides
         WHERE nameplates_id = ?1 ORDER BY added, rowid",
    )?;
    let mut found = select.query([app.as_str()])?;
    while let Some(row) = found.next()? {
        let name = text(row, 1)?;
        let id = Key::parse(&text(row, 2)?, app).id().clone();
        let mut nameplate = NameplateRow::new(id);
        nameplate.seats = seats(sides.query([row.get::<_, i64>(0)?])?)?;
        if let Some(mailbox) = rows.mailboxes.get_mut(&nameplate.mailbox) {
            mailbox.nameplates.push(name.clone());
        }
        rows.nameplates.insert(name, nameplate);
    }
    Ok(())
}

fn seats(mut found: rusqlite::Rows<'_>) -> Result<Seats> {
    let mut seats = Seats::default();
    while let Some(row) = found.next()? {
        let side = Side::new(text(row, 0)?);
        seats.hold(&side, number(row, 2)?);
        if number(row, 1)? == 0.0 {
            seats.leave(&side, optional_text(row, 3)?.map(Mood::from));
        }
    }
    Ok(seats)
}

/// Reads the messages of one mailbox, the oldest first.
pub(super) fn messages(
    connection: &Connection,
    app: &AppId,
    mailbox: &MailboxId,
) -> Result<Vec<Arc<StoredMessage>>> {
    let mut select = connection.prepare_cached(
        "SELECT side, phase, body, server_rx, msg_id FROM messages
         WHERE app_id = ?1 AND mailbox_id = ?2 ORDER BY server_rx, rowid",
    )?;
    let found = select.query_map([app.as_str(), mailbox.as_str()], |row| {
        Ok(Arc::new(StoredMessage {
            side: Side::new(text(row, 0)?),
            phase: text(row, 1)?.into(),
            body: Body::from_text(text(row, 2)?),
            server_rx: number(row, 3)?,
            id: optional_text(row, 4)?,
        }))
    })?;
    found.collect()
}

fn drop_orphans(connection: &Connection, apps: &BTreeMap<AppId, Rows>) -> Result<()> {
    let mut select = connection.prepare("SELECT DISTINCT app_id, mailbox_id FROM messages")?;
    let places = select
        .query_map([], |row| Ok((AppId::new(text(row, 0)?), MailboxId::new(text(row, 1)?))))?
        .collect::<Result<Vec<_>>>()?;
    for (app, mailbox) in places {
        if apps.get(&app).is_some_and(|rows| rows.mailboxes.contains_key(&mailbox)) {
            continue;
        }
        connection.execute(
            "DELETE FROM messages WHERE app_id IS ?1 AND mailbox_id IS ?2",
            [app.as_str(), mailbox.as_str()],
        )?;
    }
    Ok(())
}

fn text(row: &Row<'_>, column: usize) -> Result<String> {
    Ok(match row.get_ref(column)? {
        ValueRef::Null => String::new(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => number.to_string(),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => {
            String::from_utf8_lossy(bytes).into_owned()
        }
    })
}

fn optional_text(row: &Row<'_>, column: usize) -> Result<Option<String>> {
    match row.get_ref(column)? {
        ValueRef::Null => Ok(None),
        _ => text(row, column).map(Some),
    }
}

/// Reads a number; SQLite gives back a whole one as an integer.
fn number(row: &Row<'_>, column: usize) -> Result<f64> {
    Ok(match row.get_ref(column)? {
        ValueRef::Integer(number) => number as f64,
        ValueRef::Real(number) => number,
        _ => 0.0,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::{app::Hold, engine::Refusal, store::schema, usage::Life};

    /// Rows as the Python server can leave them: a side that is a number, three sides, a nameplate
    /// without sides, whole seconds, a message without body, a message without mailbox.
    #[test]
    fn odd_rows_of_an_old_file_are_read() {
        let connection = schema::in_memory().connection;
        connection
            .execute_batch(
                "INSERT INTO mailboxes VALUES ('app', 'm', 100, 1);
                 INSERT INTO mailbox_sides VALUES ('m', 1, 'late', 30.5, NULL);
                 INSERT INTO mailbox_sides VALUES ('m', 0, 5, 10, 'happy');
                 INSERT INTO mailbox_sides VALUES ('m', 1, 'b', 20, NULL);
                 INSERT INTO nameplates VALUES (1, 'app', '٣', 'm', NULL);
                 INSERT INTO messages VALUES ('app', 'm', 'b', 'p', NULL, 101, 7);
                 INSERT INTO messages VALUES ('app', 'gone', 'b', 'p', '00', 101, NULL);",
            )
            .unwrap();
        let mut apps = everything(&connection).unwrap();
        let id = AppId::new("app");
        let rows = apps.remove(&id).unwrap();
        let mailbox = &rows.mailboxes[&MailboxId::new("m")];
        assert_eq!((mailbox.updated(), &mailbox.nameplates), (100.0, &vec!["٣".to_owned()]));
        assert_eq!(mailbox.held, Held { messages: 1, bytes: 3 });
        assert_eq!(mailbox.seats.of(&Side::new("5")), Ok(Some(Hold::Left)));
        assert_eq!(mailbox.seats.of(&Side::new("b")), Ok(Some(Hold::Held)));
        assert_eq!(mailbox.seats.of(&Side::new("late")), Err(Refusal::Crowded));
        assert_eq!((mailbox.seats.came(), mailbox.for_nameplate), (3, true));
        assert_eq!(mailbox.seats.moods().collect::<Vec<_>>(), [&Mood::Happy]);
        let life = Life { started: 10.0, waiting: Some(10.0), total: 90.0 };
        assert_eq!(mailbox.seats.life(100.0), Some(life));
        assert_eq!(rows.nameplates["٣"].seats.life(100.0), None);
        let read = messages(&connection, &id, &MailboxId::new("m")).unwrap();
        assert_eq!((read[0].body.as_str(), read[0].id.as_deref()), ("", Some("7")));
        assert!(messages(&connection, &id, &MailboxId::new("gone")).unwrap().is_empty());
    }
}
