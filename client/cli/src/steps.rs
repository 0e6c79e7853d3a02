//! What the program adds to the timing log, by the names that Python's program gives it.

use std::cell::RefCell;

use wormhole_client::{
    timing::{Log, Span},
    transfer::{Event, TransferError},
};

/// Something that waits for the person.
pub(crate) fn asking(log: &Log, name: &'static str) -> Span {
    let span = log.span(name, Default::default());
    span.detail("waiting", "user");
    span
}

/// The steps of one transfer of bytes; each begins where the last one ends.
pub(crate) struct Steps<'a> {
    log: &'a Log,
    /// What the bytes' own step is called.
    bytes: &'static str,
    /// What follows on the bytes.
    after: Option<&'static str>,
    now: RefCell<Option<Span>>,
}

impl<'a> Steps<'a> {
    pub(crate) fn sending(log: &'a Log) -> Self {
        Self::begin(log, "tx file", Some("get ack"))
    }

    pub(crate) fn receiving(log: &'a Log, folder: bool) -> Self {
        Self::begin(log, "rx file", folder.then_some("unpack zip"))
    }

    fn begin(log: &'a Log, bytes: &'static str, after: Option<&'static str>) -> Self {
        log.moment("transit", Default::default());
        Self { log, bytes, after, now: RefCell::default() }
    }

    pub(crate) fn event(&self, event: &Event) {
        match event {
            Event::Connecting => self.step(Some("transit connect")),
            Event::Connected(_) => {
                self.log.moment("transit connected", Default::default());
                self.step(Some(self.bytes));
            }
            Event::Sent | Event::Received => self.step(self.after),
            Event::Placed => self.step(Some("send ack")),
            _ => {}
        }
    }

    /// Ends the last step of a sender, which is the peer's confirmation if it came to that.
    pub(crate) fn sent(&self, result: &Result<(), TransferError>) {
        if let Some(span) = &*self.now.borrow() {
            match result {
                Ok(()) => span.detail("ack", "ok"),
                Err(TransferError::NotOk(_)) => span.detail("ack", "failed"),
                Err(TransferError::Hash) => span.detail("datahash", "failed"),
                Err(_) => {}
            }
        }
        self.end();
    }

    pub(crate) fn end(&self) {
        self.step(None);
    }

    fn step(&self, next: Option<&'static str>) {
        if let Some(last) = self.now.take() {
            last.stop();
        }
        self.now.replace(next.map(|name| self.log.span(name, Default::default())));
    }
}
