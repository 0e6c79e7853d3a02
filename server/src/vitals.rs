//! What a server cannot do without: an actor that has panicked is gone, and whoever sends to it
//! hears nothing of that.

use std::thread;

use tokio::sync::watch;

/// Knows whether one of them has fallen; clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Vitals(watch::Sender<Option<&'static str>>);

/// Part of an actor, or of a task, whose fall is noticed.
#[derive(Debug)]
pub(crate) struct Pulse {
    vitals: Vitals,
    name: &'static str,
}

impl Vitals {
    /// Watches something by what it is to own; `name` follows "the".
    pub(crate) fn pulse(&self, name: &'static str) -> Pulse {
        Pulse { vitals: self.clone(), name }
    }

    /// Notes that something is of no use any more.
    pub(crate) fn fall(&self, name: &'static str) {
        tracing::error!("the {name} has failed: the server has to be started again");
        self.0.send_modify(|fallen| *fallen = fallen.or(Some(name)));
    }

    /// Gives the name of the first that has fallen.
    pub(crate) fn fallen(&self) -> Option<&'static str> {
        *self.0.borrow()
    }

    /// Comes back with its name when one has fallen.
    pub(crate) async fn watch(&self) -> &'static str {
        let mut falls = self.0.subscribe();
        // The sender is in our hands.
        let fallen = falls.wait_for(Option::is_some).await.ok();
        match fallen.and_then(|fallen| *fallen) {
            Some(name) => name,
            None => std::future::pending().await,
        }
    }
}

impl Drop for Pulse {
    /// Whoever ends in another way was told to.
    fn drop(&mut self) {
        if thread::panicking() {
            self.vitals.fall(self.name);
        }
    }
}

#[cfg(test)]
mod tests {
    use actix::{Actor, Context, Handler, Message};

    use super::*;

    struct Part(#[allow(dead_code, reason = "dropped with it")] Pulse);

    #[derive(Message)]
    #[rtype(result = "()")]
    struct Panic;

    impl Actor for Part {
        type Context = Context<Self>;
    }

    impl Handler<Panic> for Part {
        type Result = ();

        fn handle(&mut self, _: Panic, _: &mut Self::Context) {
            panic!("on purpose");
        }
    }

    #[actix::test]
    async fn a_part_that_panics_is_named_and_one_that_ends_is_not() {
        let vitals = Vitals::default();
        drop(Part(vitals.pulse("first")).start());
        let second = Part(vitals.pulse("second")).start();
        let third = Part(vitals.pulse("third")).start();
        assert_eq!(vitals.fallen(), None);
        second.do_send(Panic);
        assert_eq!(vitals.watch().await, "second");
        assert!(third.send(Panic).await.is_err());
        assert_eq!(vitals.fallen(), Some("second"), "the first counts");
    }
}
