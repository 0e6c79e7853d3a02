//! The way in: from the server's welcome, over what it demands, to `bind` [client.md: welcome and
//! permissions].

use actix::{AsyncContext, Context, Handler, SpawnHandle, WrapFuture};
use serde_json::{Map, Value, json};
use wormhole_protocol::{
    permission::{Demand, Permission},
    wire::{Answer, Command},
};

use super::{
    Alarm, Rendezvous, State, WELCOME_LIMIT,
    minting::{Minted, begin, mint},
};
use crate::{
    error::Error,
    layer::{boss::GotWelcome, ignored},
    status::{Change, Stamp},
};

/// How far we have come.
pub(super) enum Step {
    /// The welcome has not come.
    Welcome,
    /// It turned us away, or demands what cannot be given: Boss has been told.
    Shut,
    /// The work that the server demands is being done.
    Stamp { bits: u32 },
    /// A stamp was shown, and a ping behind it: the answer to that says that it is not refused.
    Shown { stamp: String, spelling: Spelling },
}

/// There are two spellings of the command that shows a stamp, and no server knows both.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Spelling {
    /// As it is written.
    Documented,
    /// As the Rust client spells it.
    Singular,
}

impl Spelling {
    fn command(self, stamp: String) -> Command {
        let permission = Permission::Hashcash { stamp };
        match self {
            Self::Documented => Command::SubmitPermissions(permission),
            Self::Singular => Command::SubmitPermission(permission),
        }
    }

    /// The `type` of that command.
    fn name(self) -> &'static str {
        match self {
            Self::Documented => "submit-permissions",
            Self::Singular => "submit-permission",
        }
    }
}

impl Step {
    /// What is said of a server that lets us wait here.
    pub(super) fn overdue(&self) -> &'static str {
        match self {
            Self::Shown { .. } => "no answer to a permission came",
            Self::Welcome | Self::Shut | Self::Stamp { .. } => "no welcome came",
        }
    }
}

impl Rendezvous {
    pub(super) fn greet(&mut self, welcome: Map<String, Value>, ctx: &mut Context<Self>) {
        let State::Entering { step: Step::Welcome, frames, pending } = &self.state else {
            return ignored::<Answer>("rendezvous");
        };
        let (frames, pending) = (frames.clone(), *pending);
        ctx.cancel_future(pending);
        let turned_away = welcome.contains_key("error");
        let demand = Demand::read(&welcome);
        self.edges.boss.0.tell(GotWelcome(welcome));
        if turned_away {
            return self.step(Step::Shut, pending);
        }
        self.ever_open = true;
        self.backoff.reset();
        match demand {
            Ok(Demand::Nothing) => self.bind(frames),
            Ok(Demand::Hashcash { bits, resource }) => self.work(bits, &resource, ctx),
            Ok(_) => self.refuse("the server demands an unknown permission".to_owned(), pending),
            Err(unmet) => self.refuse(unmet.to_string(), pending),
        }
    }

    fn step(&mut self, next: Step, next_pending: SpawnHandle) {
        if let State::Entering { step, pending, .. } = &mut self.state {
            (*step, *pending) = (next, next_pending);
        }
    }

    fn refuse(&mut self, why: String, pending: SpawnHandle) {
        self.step(Step::Shut, pending);
        self.broken(Error::Permission(why));
    }

    fn work(&mut self, bits: u32, resource: &str, ctx: &mut Context<Self>) {
        let most = self.server.max_stamp_bits;
        let minting = match begin(bits, resource) {
            Ok(minting) if bits <= most => minting,
            Ok(_) => {
                let too_many = format!(
                    "the server demands a stamp of {bits} bits where at most {most} are allowed"
                );
                return self.refuse(too_many, SpawnHandle::default());
            }
            Err(bad) => return self.refuse(bad.to_string(), SpawnHandle::default()),
        };
        let ours = ctx.address().downgrade();
        let working = mint(minting, move |minted| {
            if let Some(ours) = ours.upgrade() {
                ours.do_send(minted);
            }
        });
        let pending = ctx.spawn(working.into_actor(self));
        self.step(Step::Stamp { bits }, pending);
        self.tell_work(bits, 0);
    }

    fn tell_work(&self, bits: u32, tried: u64) {
        self.edges.boss.2.tell(Change::Stamp(Some(Stamp { bits, tried })));
    }

    fn show(&mut self, stamp: String, spelling: Spelling, ctx: &mut Context<Self>) {
        let State::Entering { frames, pending, .. } = &self.state else { return };
        ctx.cancel_future(*pending);
        self.send(frames, spelling.command(stamp.clone()));
        // A server says nothing to a stamp that it takes; but it answers in order.
        self.send(frames, Command::Ping { ping: json!(spelling.name()) });
        let pending = ctx.notify_later(Alarm, WELCOME_LIMIT);
        self.step(Step::Shown { stamp, spelling }, pending);
    }

    /// Takes an answer that comes before we are bound.
    pub(super) fn on_the_way(&mut self, answer: Answer, ctx: &mut Context<Self>) {
        let State::Entering { step, frames, pending } = &self.state else { return };
        let shown = match step {
            Step::Shown { stamp, spelling } => Some((stamp, *spelling)),
            Step::Welcome | Step::Shut | Step::Stamp { .. } => None,
        };
        match (answer, shown) {
            (Answer::Pong { pong }, Some((_, spelling))) if pong == spelling.name() => {
                ctx.cancel_future(*pending);
                self.bind(frames.clone());
            }
            (Answer::Error { orig, .. }, Some((stamp, Spelling::Documented)))
                if orig["type"] == Spelling::Documented.name() =>
            {
                self.show(stamp.clone(), Spelling::Singular, ctx);
            }
            (Answer::Error { error, .. }, _) => self.broken(Error::Server(error)),
            _ => ignored::<Answer>("rendezvous"),
        }
    }
}

impl Handler<Minted> for Rendezvous {
    type Result = ();

    fn handle(&mut self, minted: Minted, ctx: &mut Context<Self>) {
        let State::Entering { step: Step::Stamp { bits }, .. } = self.state else {
            return ignored::<Minted>("rendezvous");
        };
        match minted {
            Minted::Tried(tried) => self.tell_work(bits, tried),
            Minted::Stamp(stamp) => {
                self.edges.boss.2.tell(Change::Stamp(None));
                self.show(stamp, Spelling::Documented, ctx);
            }
            Minted::Failed => {
                let why = "this computer has no thread for the work that the server demands";
                self.refuse(why.to_owned(), SpawnHandle::default());
            }
        }
    }
}
