//! The watchdog: sees to it that clients are alive, and ends those that are not, or want too much.
//!
//! A session that waits for room in its socket does nothing else, keeps no time and hears nobody.
//! So all of them are watched from here, by what they have noted in their [`Visit`]s; and one that
//! does not end when it is told to is cut off its socket.
//!
//! in: [`Attend`] and [`Ended`] (from the sessions), [`Gone`] (from their connections),
//! [`Condemn`] (from the apps), [`Shed`] (from the door), [`Disperse`] (from [`launch`](crate::launch))
//! out: [`Call`] (to the sessions)

mod socket;

use std::{
    collections::{HashMap, hash_map::Entry::Occupied},
    sync::Arc,
    time::Duration,
};

use actix::{Actor, AsyncContext, Context, Handler, Message, Recipient, ResponseFuture};
use tokio::{sync::oneshot, time::Instant};

pub(crate) use socket::Socket;

use crate::{
    config::Config,
    engine::SessionId,
    guest::{Guests, Visit},
    limits::Exceeded,
    vitals::Pulse,
};

/// A session has begun.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Attend {
    pub(crate) session: SessionId,
    pub(crate) visit: Arc<Visit>,
    pub(crate) calls: Recipient<Call>,
    /// None where the server does not know it.
    pub(crate) socket: Option<Arc<Socket>>,
}

/// A session has ended; what it said last may still be on its way.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Ended(pub(crate) SessionId);

/// A connection is gone, with all that was on its way.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Gone(pub(crate) SessionId);

/// A session has to end.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Condemn {
    pub(crate) session: SessionId,
    pub(crate) exceeded: Exceeded,
}

/// A session has to end since others need its place; its client may come back.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Shed(pub(crate) SessionId);

/// Every session has to end: after `goodbye` those are told that have not ended by themselves,
/// and soon after that those are cut that still have not. Answers when none is left.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Disperse {
    pub(crate) goodbye: Duration,
}

/// What a session is told.
#[derive(Clone, Copy, Debug, Message, PartialEq, Eq)]
#[rtype(result = "()")]
pub(crate) enum Call {
    /// Ping the client.
    Ping,
    /// Tell the client that it wants too much, and end.
    End(Exceeded),
    /// Tell the client to come back later, and end.
    ComeBack,
    /// Tell the client that the server goes away, and end.
    GoAway,
}

/// The actor that knows all sessions.
pub(crate) struct Watch {
    config: Arc<Config>,
    guests: Guests,
    sessions: HashMap<SessionId, Watched>,
    dispersed: Option<oneshot::Sender<()>>,
    _pulse: Pulse,
}

struct Watched {
    visit: Arc<Visit>,
    calls: Recipient<Call>,
    socket: Option<Arc<Socket>>,
    state: State,
}

enum State {
    Well {
        pinged: Instant,
    },
    /// It was told to end.
    Condemned {
        since: Instant,
    },
    /// It has ended, but its connection is still there.
    Ended {
        since: Instant,
    },
}

const ROUND: Duration = Duration::from_secs(1);

/// How long a session may take to end when all have to.
const LAST_WORDS: Duration = Duration::from_secs(2);

impl Watch {
    pub(crate) fn new(config: Arc<Config>, guests: Guests, pulse: Pulse) -> Self {
        Self { config, guests, sessions: HashMap::new(), dispersed: None, _pulse: pulse }
    }

    fn go_round(&mut self) {
        let now = Instant::now();
        for watched in self.sessions.values_mut() {
            watched.look(now, &self.config);
        }
        self.guests.forget(now.into_std());
    }

    fn end_all(&mut self, ctx: &mut Context<Self>) {
        for watched in self.sessions.values_mut() {
            watched.calls.do_send(Call::GoAway);
        }
        ctx.run_later(LAST_WORDS, |watch, _| {
            watch.sessions.values().for_each(Watched::cut);
            watch.sessions.clear();
            watch.answer();
        });
    }

    fn answer(&mut self) {
        if self.sessions.is_empty()
            && let Some(dispersed) = self.dispersed.take()
        {
            // Whoever disperses them may have stopped waiting.
            let _ = dispersed.send(());
        }
    }
}

impl Watched {
    fn look(&mut self, now: Instant, config: &Config) {
        let (since, patience) = match &mut self.state {
            State::Well { pinged } => {
                if let Err(exceeded) = self.visit.judge(now.into_std()) {
                    return self.condemn(exceeded);
                }
                if now.duration_since(*pinged) >= config.ping_every {
                    *pinged = now;
                    self.calls.do_send(Call::Ping);
                }
                return;
            }
            State::Condemned { since } => (*since, ROUND),
            State::Ended { since } => (*since, config.linger),
        };
        if now.duration_since(since) >= patience {
            self.cut();
        }
    }

    /// It may be able to say why it ends; otherwise a later round cuts it.
    fn condemn(&mut self, exceeded: Exceeded) {
        tracing::debug!(%exceeded, "a connection has to end");
        self.state = State::Condemned { since: Instant::now() };
        self.calls.do_send(Call::End(exceeded));
    }

    fn cut(&self) {
        if let Some(socket) = &self.socket {
            socket.cut();
        }
    }
}

impl Actor for Watch {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.run_interval(ROUND, |watch, _| watch.go_round());
    }
}

impl Handler<Attend> for Watch {
    type Result = ();

    fn handle(&mut self, attend: Attend, _: &mut Self::Context) {
        let Attend { session, visit, calls, socket } = attend;
        let state = State::Well { pinged: Instant::now() };
        self.sessions.insert(session, Watched { visit, calls, socket, state });
    }
}

impl Handler<Ended> for Watch {
    type Result = ();

    fn handle(&mut self, Ended(session): Ended, _: &mut Self::Context) {
        let Occupied(mut watched) = self.sessions.entry(session) else { return };
        if watched.get().socket.is_some() {
            watched.get_mut().state = State::Ended { since: Instant::now() };
        } else {
            // Nobody will tell that the connection is gone.
            watched.remove();
            self.answer();
        }
    }
}

impl Handler<Gone> for Watch {
    type Result = ();

    fn handle(&mut self, Gone(session): Gone, _: &mut Self::Context) {
        self.sessions.remove(&session);
        self.answer();
    }
}

impl Handler<Condemn> for Watch {
    type Result = ();

    fn handle(&mut self, Condemn { session, exceeded }: Condemn, _: &mut Self::Context) {
        if let Some(watched) = self.sessions.get_mut(&session)
            && matches!(watched.state, State::Well { .. })
        {
            watched.condemn(exceeded);
        }
    }
}

impl Handler<Shed> for Watch {
    type Result = ();

    fn handle(&mut self, Shed(session): Shed, _: &mut Self::Context) {
        if let Some(watched) = self.sessions.get_mut(&session)
            && matches!(watched.state, State::Well { .. })
        {
            watched.state = State::Condemned { since: Instant::now() };
            watched.calls.do_send(Call::ComeBack);
        }
    }
}

impl Handler<Disperse> for Watch {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, disperse: Disperse, ctx: &mut Self::Context) -> Self::Result {
        let (dispersed, done) = oneshot::channel();
        self.dispersed = Some(dispersed);
        self.answer();
        if disperse.goodbye.is_zero() {
            self.end_all(ctx);
        } else {
            ctx.run_later(disperse.goodbye, Self::end_all);
        }
        Box::pin(async { drop(done.await) })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::{
        future::pending,
        io::Read,
        net::{TcpListener, TcpStream},
    };

    use tokio::sync::mpsc::UnboundedReceiver;

    use super::*;
    use crate::{
        limits::{Limit, Limits},
        probe::probe,
        vitals::Vitals,
    };

    /// A watchdog with one session, what that is told, and the client's end of its socket.
    struct Stage {
        watch: actix::Addr<Watch>,
        session: SessionId,
        calls: UnboundedReceiver<Call>,
        client: TcpStream,
        _server: TcpStream,
    }

    impl Stage {
        fn set() -> Self {
            let guests = Guests::new(Limits::default());
            let watch =
                Watch::new(Arc::default(), guests.clone(), Vitals::default().pulse("watchdog"));
            let watch = watch.start();
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let server = listener.accept().unwrap().0;
            let socket = Socket::of(&socket2::SockRef::from(&server)).map(Arc::new);
            let visit = guests.arrive([192, 0, 2, 1].into(), None, || false).unwrap();
            let (session, (calls, told)) = (SessionId::fresh(), probe());
            watch.do_send(Attend { session, visit, calls, socket });
            Self { watch, session, calls: told, client, _server: server }
        }

        fn is_cut(&mut self) -> bool {
            self.client.set_nonblocking(true).unwrap();
            matches!(self.client.read(&mut [0]), Ok(0))
        }
    }

    #[actix::test]
    async fn a_session_that_does_not_end_is_cut() {
        tokio::time::pause();
        let mut stage = Stage::set();
        let exceeded = Limits::default().exceed(Limit::UnsentBytes, 5);
        stage.watch.do_send(Condemn { session: stage.session, exceeded });
        assert_eq!(stage.calls.recv().await, Some(Call::End(exceeded)));
        assert!(!stage.is_cut());
        let _ = tokio::time::timeout(2 * ROUND, pending::<()>()).await;
        assert!(stage.is_cut());
    }

    #[actix::test]
    async fn all_are_told_to_go_and_the_deaf_are_cut() {
        tokio::time::pause();
        let mut stage = Stage::set();
        let goodbye = Duration::from_secs(9);
        let dispersed = stage.watch.send(Disperse { goodbye });
        let start = tokio::time::Instant::now();
        dispersed.await.unwrap();
        assert_eq!(start.elapsed().as_secs(), (goodbye + LAST_WORDS).as_secs());
        assert_eq!(stage.calls.try_recv(), Ok(Call::GoAway));
        assert!(stage.is_cut());
    }

    #[actix::test]
    async fn those_who_have_ended_are_not_waited_for() {
        let stage = Stage::set();
        let dispersed = stage.watch.send(Disperse { goodbye: Duration::from_secs(3_600) });
        stage.watch.do_send(Gone(stage.session));
        dispersed.await.unwrap();
    }

    #[actix::test]
    async fn the_last_words_of_a_session_have_some_time() {
        tokio::time::pause();
        let mut stage = Stage::set();
        let linger = Config::default().linger;
        stage.watch.do_send(Ended(stage.session));
        let _ = tokio::time::timeout(linger - ROUND, pending::<()>()).await;
        assert!(!stage.is_cut());
        let _ = tokio::time::timeout(2 * ROUND, pending::<()>()).await;
        assert!(stage.is_cut());
    }
}
