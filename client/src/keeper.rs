//! The keeper: the task that owns a house, takes requests from its handles, and lets go in order.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use serde_json::{Map, Value};
use tokio::{
    sync::{mpsc, watch},
    time::{Instant, sleep_until},
};
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
        boss::{CloseWormhole, SendMessage},
        code::{AllocateCode, SetCode},
        rendezvous::Abandon,
    },
    wiring::{Guard, Stopped},
};

/// How long the end may take: the server might never answer.
const CLOSE_LIMIT: Duration = Duration::from_secs(5);

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
pub(crate) struct Inbox(Arc<Mutex<VecDeque<Zeroizing<Vec<u8>>>>>);

impl Inbox {
    fn push(&self, message: Zeroizing<Vec<u8>>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push_back(message);
    }

    fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    pub(crate) fn pop(&self) -> Option<Zeroizing<Vec<u8>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }
}

/// A running house as its handles see it.
pub(crate) struct Kept {
    pub(crate) requests: mpsc::UnboundedSender<Request>,
    pub(crate) observed: watch::Receiver<Observed>,
    pub(crate) inbox: Inbox,
    pub(crate) input: actix::WeakAddr<crate::layer::input::Input>,
}

/// Builds a house and keeps it on this thread's local task set until it has ended.
pub(crate) fn keep(config: Config) -> Kept {
    let (requests, from_handles) = mpsc::unbounded_channel();
    let (to_keeper, events) = mpsc::unbounded_channel();
    let (guard, stopped) = Guard::new();
    let house = House::build(config, to_keeper, &guard);
    let (observed, watching) = watch::channel(Observed::default());
    let inbox = Inbox::default();
    let input = house.input.downgrade();
    let keeper = Keeper { house, _guard: guard, observed, inbox: inbox.clone(), ending: None };
    actix_rt::spawn(keeper.run(from_handles, events, stopped));
    Kept { requests, observed: watching, inbox, input }
}

struct Keeper {
    house: House,
    _guard: Guard,
    observed: watch::Sender<Observed>,
    inbox: Inbox,
    ending: Option<Ending>,
}

/// The end has begun.
struct Ending {
    deadline: Instant,
    result: Result<(), Error>,
}

impl Keeper {
    async fn run(
        mut self,
        mut requests: mpsc::UnboundedReceiver<Request>,
        mut events: mpsc::UnboundedReceiver<Event>,
        mut stopped: mpsc::UnboundedReceiver<Stopped>,
    ) {
        let result = loop {
            let deadline = self.ending.as_ref().map(|ending| ending.deadline);
            tokio::select! {
                biased;
                Some(event) = events.recv() => {
                    if let Event::Closed(result) = event {
                        break result;
                    }
                    self.observe(event);
                }
                Some(Stopped) = stopped.recv() => break Err(Error::Internal("a layer stopped")),
                request = requests.recv(), if deadline.is_none() => {
                    // The last handle dropped is a request to close.
                    self.carry_out(request.unwrap_or(Request::Close));
                }
                () = sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() => {
                    break self.ending.take().map_or(Ok(()), |ending| ending.result);
                }
            }
        };
        self.house.rendezvous.do_send(Abandon);
        // Nothing but the result can be asked for any more, so the secrets go.
        self.inbox.clear();
        self.observed.send_replace(Observed { closed: Some(result), ..Observed::default() });
    }

    fn carry_out(&mut self, request: Request) {
        match request {
            Request::Allocate(random) => self.house.code.do_send(AllocateCode(random)),
            Request::Set(code) => self.house.code.do_send(SetCode(code)),
            Request::Send(message) => self.house.boss.do_send(SendMessage(message)),
            Request::Close => {
                // Boss says how it ends; until it does, this is no good end.
                self.begin_end(Err(Error::Internal("the end was not reached")));
                self.house.boss.do_send(CloseWormhole);
            }
        }
    }

    fn begin_end(&mut self, result: Result<(), Error>) {
        let deadline = self.ending.as_ref().map(|ending| ending.deadline);
        let deadline = deadline.unwrap_or_else(|| Instant::now() + CLOSE_LIMIT);
        self.ending = Some(Ending { deadline, result });
    }

    fn observe(&mut self, event: Event) {
        tracing::debug!(?event);
        match event {
            Event::Closing(result) => self.begin_end(result),
            Event::Message(message) => {
                self.inbox.push(message);
                self.observed.send_modify(|_| {});
            }
            other => self.observed.send_modify(|observed| match other {
                Event::Welcome(welcome) => observed.welcome = Some(Arc::new(welcome)),
                Event::Code(code) => observed.code = Some(code),
                Event::Key(key) => observed.key = Some(key),
                Event::Verifier(verifier) => observed.verifier = Some(verifier),
                Event::Versions(versions) => observed.versions = Some(Arc::new(versions)),
                Event::Message(_) | Event::Closing(_) | Event::Closed(_) => {}
            }),
        }
    }
}
