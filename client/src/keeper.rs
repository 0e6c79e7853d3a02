//! The keeper: the task that owns a house, takes requests from its handles, and lets go in order.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use actix::Recipient;
use serde_json::{Map, Value};
use tokio::sync::{mpsc, watch};
use wormhole_protocol::{
    code::Code,
    key::{Key, Verifier},
};
use zeroize::Zeroizing;

use crate::{
    error::Error,
    event::Event,
    house::{Config, House},
    layer::{
        boss::{Broken, CloseWormhole, SendMessage},
        code::{AllocateCode, SetCode},
        input::Input,
        rendezvous::Abandon,
    },
    socket::{OnThisComputer, Trust},
    status::{Change, Connection, Status},
    wiring::{Guard, Stopped},
};

/// The most bytes of messages that wait for an application which does not take them.
const MAX_UNREAD: usize = 64 << 20;
/// What a message takes besides its bytes, about.
const MESSAGE_OVERHEAD: usize = 64;

/// What a handle wants done.
pub(crate) enum Request {
    Allocate(Zeroizing<Vec<u8>>),
    Set(Code),
    Send(Zeroizing<Vec<u8>>),
    Close,
}

/// What is known of a wormhole; every change wakes all who wait.
#[derive(Clone, Default)]
pub(crate) struct Observed {
    pub(crate) status: Status,
    pub(crate) welcome: Option<Arc<Map<String, Value>>>,
    pub(crate) code: Option<Code>,
    pub(crate) key: Option<Key>,
    pub(crate) verifier: Option<Verifier>,
    pub(crate) versions: Option<Arc<Value>>,
    pub(crate) closed: Option<Result<(), Error>>,
}

/// The peer's messages which nobody has taken yet.
///
/// Whoever asks takes one while polled, so that an abandoned future takes none.
#[derive(Clone, Default)]
pub(crate) struct Inbox(Arc<Mutex<Unread>>);

#[derive(Default)]
struct Unread {
    messages: VecDeque<Zeroizing<Vec<u8>>>,
    bytes: usize,
}

impl Inbox {
    /// Keeps one more; false where that would be too much.
    fn push(&self, message: Zeroizing<Vec<u8>>) -> bool {
        let mut unread = self.unread();
        unread.bytes += message.len() + MESSAGE_OVERHEAD;
        unread.messages.push_back(message);
        unread.bytes <= MAX_UNREAD
    }

    pub(crate) fn pop(&self) -> Option<Zeroizing<Vec<u8>>> {
        let mut unread = self.unread();
        let message = unread.messages.pop_front()?;
        unread.bytes -= message.len() + MESSAGE_OVERHEAD;
        Some(message)
    }

    /// Looks at those that are unread, from this one on, until there is something to pick; what it
    /// has looked at it counts.
    pub(crate) fn look<T>(
        &self,
        from: &mut usize,
        mut pick: impl FnMut(&[u8]) -> Option<T>,
    ) -> Option<T> {
        let unread = self.unread();
        while let Some(message) = unread.messages.get(*from) {
            *from += 1;
            if let Some(picked) = pick(message) {
                return Some(picked);
            }
        }
        None
    }

    fn clear(&self) {
        *self.unread() = Unread::default();
    }

    fn unread(&self) -> MutexGuard<'_, Unread> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A function of the application's that is told something.
type Tell<T> = Box<dyn FnMut(&T) + Send>;

/// Who is told what happens, besides those who ask.
#[derive(Default)]
pub(crate) struct Listeners {
    /// Gets every event, messages too, which then nobody can ask for.
    pub(crate) delegate: Option<Recipient<Event>>,
    pub(crate) welcome: Option<Tell<Map<String, Value>>>,
    pub(crate) status: Option<Tell<Status>>,
}

/// A running house as its handles see it.
pub(crate) struct Kept {
    pub(crate) requests: mpsc::UnboundedSender<Request>,
    pub(crate) observed: watch::Receiver<Observed>,
    pub(crate) inbox: Inbox,
    pub(crate) input: actix::WeakAddr<Input>,
    pub(crate) trust: Trust,
    pub(crate) on_this_computer: OnThisComputer,
}

/// Builds a house and keeps it on this thread's local task set until it has ended.
pub(crate) fn keep(config: Config, listeners: Listeners) -> Kept {
    let (requests, from_handles) = mpsc::unbounded_channel();
    let (to_keeper, events) = mpsc::unbounded_channel();
    let (guard, stopped) = Guard::new();
    let (trust, on_this_computer) = (config.trust.clone(), config.on_this_computer.clone());
    let house = House::build(config, to_keeper, &guard);
    let (observed, watching) = watch::channel(Observed::default());
    let inbox = Inbox::default();
    let input = house.input.downgrade();
    let keeper = Keeper { house, _guard: guard, listeners, observed, inbox: inbox.clone() };
    actix_rt::spawn(keeper.run(from_handles, events, stopped));
    Kept { requests, observed: watching, inbox, input, trust, on_this_computer }
}

struct Keeper {
    house: House,
    _guard: Guard,
    listeners: Listeners,
    observed: watch::Sender<Observed>,
    inbox: Inbox,
}

impl Keeper {
    async fn run(
        mut self,
        mut requests: mpsc::UnboundedReceiver<Request>,
        mut events: mpsc::UnboundedReceiver<Event>,
        mut stopped: mpsc::UnboundedReceiver<Stopped>,
    ) {
        let mut wanted = true;
        let result = loop {
            tokio::select! {
                biased;
                Some(event) = events.recv() => match event {
                    Event::Closed(result) => break result,
                    event => self.observe(event),
                },
                Some(Stopped) = stopped.recv() => break Err(Error::Internal("a layer stopped")),
                request = requests.recv(), if wanted => {
                    wanted = request.is_some();
                    // The last handle dropped is a request to close.
                    self.carry_out(request.unwrap_or(Request::Close));
                }
            }
        };
        self.end(result);
    }

    fn carry_out(&self, request: Request) {
        match request {
            Request::Allocate(random) => self.house.code.do_send(AllocateCode(random)),
            Request::Set(code) => self.house.code.do_send(SetCode(code)),
            Request::Send(message) => self.house.boss.do_send(SendMessage(message)),
            Request::Close => self.house.boss.do_send(CloseWormhole),
        }
    }

    fn observe(&mut self, event: Event) {
        match &event {
            Event::Status(status) => self.listeners.status.iter_mut().for_each(|tell| tell(status)),
            Event::Welcome(welcome) => {
                self.listeners.welcome.iter_mut().for_each(|tell| tell(welcome));
            }
            _ => {}
        }
        if let Some(delegate) = &self.listeners.delegate {
            if !delegate.connected() {
                // Nobody is there who could want anything any more.
                self.carry_out(Request::Close);
            }
            delegate.do_send(event.clone());
        }
        let inbox = self.listeners.delegate.is_none().then_some(&self.inbox);
        self.observed.send_modify(|observed| match event {
            Event::Status(status) => observed.status = status,
            Event::Welcome(welcome) => observed.welcome = Some(welcome),
            Event::Code(code) => observed.code = Some(code),
            Event::UnverifiedKey(key) => observed.key = Some(key),
            Event::Verifier(verifier) => observed.verifier = Some(verifier),
            Event::Versions(versions) => observed.versions = Some(versions),
            Event::Message(message) => {
                if inbox.is_some_and(|inbox| !inbox.push(message)) {
                    let flood = Error::Peer("sent more than the application took");
                    self.house.boss.do_send(Broken(flood));
                }
            }
            Event::Closed(_) => {}
        });
    }

    fn end(mut self, result: Result<(), Error>) {
        self.house.rendezvous.do_send(Abandon);
        // Nothing but the result can be asked for any more, so the secrets go.
        self.inbox.clear();
        let mut status = self.observed.borrow().status.clone();
        if status.connection != Connection::Closed {
            // A layer has died before it could say so.
            status.apply(Change::Connection(Connection::Closed));
            self.observe(Event::Status(status.clone()));
        }
        if let Some(delegate) = &self.listeners.delegate {
            delegate.do_send(Event::Closed(result.clone()));
        }
        let observed = Observed { status, closed: Some(result), ..Observed::default() };
        self.observed.send_replace(observed);
    }
}
