//! The house: the one place where all layers are built and wired, so this reads as the protocol's
//! wiring diagram.

use actix::prelude::*;
use serde_json::Value;
use tokio::sync::mpsc;
use wormhole_protocol::name::{AppId, Side};

use crate::{
    event::Event,
    layer::{
        allocator::Allocator,
        boss::{Boss, Limits},
        code::Code,
        input::Input,
        key::{Key, Party},
        lister::Lister,
        mailbox::Mailbox,
        nameplate::Nameplate,
        order::Order,
        receive::Receive,
        rendezvous::{self, Rendezvous},
        send::Send,
        terminator::Terminator,
    },
    random::random,
    schedule::Schedule,
    socket::{OnThisComputer, Trust},
    timing::Log,
    wiring::{Guard, Seat},
};

/// What a wormhole is built from.
pub(crate) struct Config {
    pub(crate) appid: AppId,
    pub(crate) url: String,
    pub(crate) app_versions: Value,
    pub(crate) client_version: (String, String),
    pub(crate) trust: Trust,
    pub(crate) on_this_computer: OnThisComputer,
    pub(crate) schedule: Option<Schedule>,
    pub(crate) limits: Limits,
    pub(crate) max_stamp_bits: u32,
    pub(crate) timing: Option<Log>,
}

/// The strong addresses of all layers: those its owner talks to by name, the others behind them.
pub(crate) struct House {
    pub(crate) boss: Addr<Boss>,
    pub(crate) code: Addr<Code>,
    pub(crate) input: Addr<Input>,
    pub(crate) rendezvous: Addr<Rendezvous>,
    _others: Others,
}

type Others = (
    Addr<Allocator>,
    Addr<Key>,
    Addr<Lister>,
    Addr<Mailbox>,
    Addr<Nameplate>,
    Addr<Order>,
    Addr<Receive>,
    Addr<Send>,
    Addr<Terminator>,
);

impl House {
    /// Builds all layers and starts connecting. What happens goes to `events`; `guard` tells when
    /// a layer stops.
    pub(crate) fn build(
        config: Config,
        events: mpsc::UnboundedSender<Event>,
        guard: &Guard,
    ) -> Self {
        let Config { appid, timing, .. } = config;
        let side = Side::from_random(random());
        let guard = || guard.clone();

        let log = timing.as_ref();
        let (allocator, boss, code) = (Seat::new(log), Seat::new(log), Seat::new(log));
        let (input, key, lister) = (Seat::new(log), Seat::new(log), Seat::new(log));
        let (mailbox, nameplate, order) = (Seat::new(log), Seat::new(log), Seat::new(log));
        let (receive, rendezvous) = (Seat::new(log), Seat::new(log));
        let (send, terminator) = (Seat::new(log), Seat::new(log));

        let edges = rendezvous::Edges {
            lines: [nameplate.to(), mailbox.to(), lister.to(), allocator.to()],
            nameplate: (nameplate.to(), nameplate.to()),
            mailbox: (mailbox.to(), mailbox.to()),
            lister: lister.to(),
            allocator: allocator.to(),
            boss: (boss.to(), boss.to(), boss.to()),
            terminator: terminator.to(),
        };
        let a_boss = Boss::new(config.limits, send.to(), send.to(), events);
        let a_terminator = Terminator::new(
            nameplate.to(),
            mailbox.to(),
            (rendezvous.to(), rendezvous.to()),
            boss.to(),
        );
        let a_code = Code::new(nameplate.to(), boss.to(), key.to(), allocator.to(), boss.to());
        let a_allocator = Allocator::new(rendezvous.to(), code.to(), boss.to());
        let an_input = Input::new(lister.to(), code.to(), code.to(), code.to());
        let a_lister = Lister::new(rendezvous.to(), input.to());
        let a_nameplate =
            Nameplate::new(rendezvous.to(), mailbox.to(), input.to(), terminator.to(), boss.to());
        let a_mailbox = Mailbox::new(
            side.clone(),
            rendezvous.to(),
            nameplate.to(),
            order.to(),
            terminator.to(),
        );
        let an_order = Order::new(key.to(), receive.to(), boss.to());
        let us = Party {
            appid: appid.clone(),
            side: side.clone(),
            app_versions: config.app_versions,
            timing: timing.clone(),
        };
        let a_key = Key::new(us, mailbox.to(), boss.to(), receive.to(), boss.to());
        let a_receive = Receive::new(send.to(), boss.to(), boss.to());
        let a_send = Send::new(side.clone(), mailbox.to(), terminator.to());
        let server = rendezvous::Server {
            url: config.url,
            trust: config.trust,
            on_this_computer: config.on_this_computer,
            schedule: config.schedule,
            max_stamp_bits: config.max_stamp_bits,
            appid,
            side,
            client_version: config.client_version,
            timing: timing.clone(),
        };
        let a_rendezvous = Rendezvous::new(server, edges);

        Self {
            boss: boss.sit(a_boss, guard()),
            code: code.sit(a_code, guard()),
            input: input.sit(an_input, guard()),
            rendezvous: rendezvous.sit(a_rendezvous, guard()),
            _others: (
                allocator.sit(a_allocator, guard()),
                key.sit(a_key, guard()),
                lister.sit(a_lister, guard()),
                mailbox.sit(a_mailbox, guard()),
                nameplate.sit(a_nameplate, guard()),
                order.sit(an_order, guard()),
                receive.sit(a_receive, guard()),
                send.sit(a_send, guard()),
                terminator.sit(a_terminator, guard()),
            ),
        }
    }
}
