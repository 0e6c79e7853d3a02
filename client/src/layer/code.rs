//! Code: gets the code in one of three ways, once.
//!
//! in:  [`AllocateCode`], [`SetCode`] (from the keeper), [`Allocated`] (from Allocator),
//!      [`InputCode`], [`NameplateTyped`], [`WordsTyped`] (from Input)
//! out: `SetNameplate` (to Nameplate), `GotCode` (to Boss and Key), `Allocate` (to Allocator),
//!      `Broken` (to Boss)

use actix::prelude::*;
use wormhole_protocol::{code::Code as Secret, name::Nameplate};
use zeroize::Zeroizing;

use super::{
    allocator::Allocate,
    boss::{self, Broken},
    key,
    nameplate::SetNameplate,
};
use crate::{error::Error, wiring::To};

/// The application wants a new code, with as many words as random bytes are here.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct AllocateCode(pub(crate) Zeroizing<Vec<u8>>);

/// The application has a code.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct SetCode(pub(crate) Secret);

/// A person begins to type the code.
#[derive(Message, Debug, PartialEq, Eq)]
#[rtype(result = "()")]
pub(crate) struct InputCode;

/// The new code is there.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Allocated(pub(crate) Secret);

/// The person has typed the nameplate; there is no way back.
#[derive(Message, Debug, PartialEq, Eq)]
#[rtype(result = "()")]
pub(crate) struct NameplateTyped(pub(crate) Nameplate);

/// The person has typed the rest: here is the whole code.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct WordsTyped(pub(crate) Secret);

enum State {
    /// No way was chosen.
    Idle,
    /// A new code was asked for.
    Allocating,
    /// A person types the nameplate.
    TypingNameplate,
    /// A person types the words; the nameplate is taken.
    TypingWords,
    /// The code is known.
    Known,
}

pub(crate) struct Code {
    state: State,
    nameplate: To<SetNameplate>,
    boss: To<boss::GotCode>,
    key: To<key::GotCode>,
    allocator: To<Allocate>,
    broken: To<Broken>,
}

impl Code {
    pub(crate) fn new(
        nameplate: To<SetNameplate>,
        boss: To<boss::GotCode>,
        key: To<key::GotCode>,
        allocator: To<Allocate>,
        broken: To<Broken>,
    ) -> Self {
        Self { state: State::Idle, nameplate, boss, key, allocator, broken }
    }

    fn known(&mut self, code: Secret) {
        self.state = State::Known;
        self.boss.tell(boss::GotCode(code.clone()));
        self.key.tell(key::GotCode(code));
    }

    /// Only our own handle could ask for a second code: it lets nobody do so.
    fn second(&self) {
        self.broken.tell(Broken(Error::Internal("a second code")));
    }
}

impl Actor for Code {
    type Context = Context<Self>;
}

impl Handler<AllocateCode> for Code {
    type Result = ();

    fn handle(&mut self, AllocateCode(random): AllocateCode, _: &mut Self::Context) {
        let State::Idle = self.state else { return self.second() };
        self.state = State::Allocating;
        self.allocator.tell(Allocate(random));
    }
}

impl Handler<SetCode> for Code {
    type Result = ();

    fn handle(&mut self, SetCode(code): SetCode, _: &mut Self::Context) {
        let State::Idle = self.state else { return self.second() };
        self.nameplate.tell(SetNameplate(code.nameplate().clone()));
        self.known(code);
    }
}

impl Handler<InputCode> for Code {
    type Result = ();

    fn handle(&mut self, _: InputCode, _: &mut Self::Context) {
        let State::Idle = self.state else { return self.second() };
        self.state = State::TypingNameplate;
    }
}

impl Handler<Allocated> for Code {
    type Result = ();

    fn handle(&mut self, Allocated(code): Allocated, _: &mut Self::Context) {
        let State::Allocating = self.state else { return self.second() };
        self.nameplate.tell(SetNameplate(code.nameplate().clone()));
        self.known(code);
    }
}

impl Handler<NameplateTyped> for Code {
    type Result = ();

    fn handle(&mut self, NameplateTyped(name): NameplateTyped, _: &mut Self::Context) {
        let State::TypingNameplate = self.state else { return self.second() };
        self.state = State::TypingWords;
        self.nameplate.tell(SetNameplate(name));
    }
}

impl Handler<WordsTyped> for Code {
    type Result = ();

    fn handle(&mut self, WordsTyped(code): WordsTyped, _: &mut Self::Context) {
        let State::TypingWords = self.state else { return self.second() };
        self.known(code);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::{
        layer::table::{INTERNAL, Machine, Table},
        probe::{Told, probe, seated},
    };

    struct Bench {
        layer: Addr<Code>,
        nameplate: Told<SetNameplate>,
        boss: Told<boss::GotCode>,
        key: Told<key::GotCode>,
        allocate: Told<Allocate>,
        broken: Told<Broken>,
    }

    fn bench() -> Bench {
        let (to_nameplate, nameplate) = probe();
        let (to_boss, boss) = probe();
        let (to_key, key) = probe();
        let (allocator, allocate) = probe();
        let (to_broken, broken) = probe();
        let layer = seated(Code::new(to_nameplate, to_boss, to_key, allocator, to_broken));
        Bench { layer, nameplate, boss, key, allocate, broken }
    }

    impl Bench {
        async fn assert_known(&mut self) {
            assert_eq!(self.boss.all().await[0].0.as_str(), "4-a-b");
            assert_eq!(self.key.all().await[0].0.as_str(), "4-a-b");
            assert!(self.broken.all().await.is_empty());
        }
    }

    fn secret() -> Secret {
        Secret::parse("4-a-b").unwrap()
    }

    #[actix::test]
    async fn three_ways_lead_to_a_code() {
        let four = || SetNameplate(Nameplate::from(4));

        let mut set = bench();
        set.layer.do_send(SetCode(secret()));
        set.assert_known().await;
        assert_eq!(set.nameplate.all().await, [four()]);

        let mut allocated = bench();
        allocated.layer.do_send(AllocateCode(vec![1, 2].into()));
        assert_eq!(allocated.allocate.all().await.len(), 1);
        assert!(allocated.nameplate.all().await.is_empty());
        allocated.layer.do_send(Allocated(secret()));
        allocated.assert_known().await;
        assert_eq!(allocated.nameplate.all().await, [four()]);

        let mut typed = bench();
        typed.layer.do_send(InputCode);
        typed.layer.do_send(NameplateTyped(Nameplate::from(4)));
        assert_eq!(typed.nameplate.all().await, [four()]);
        assert!(typed.key.all().await.is_empty());
        typed.layer.do_send(WordsTyped(secret()));
        typed.assert_known().await;
    }

    #[actix::test]
    async fn a_second_code_is_our_own_fault() {
        let mut b = bench();
        b.layer.do_send(SetCode(secret()));
        b.layer.do_send(SetCode(secret()));
        assert_eq!(b.broken.all().await, [Broken(Error::Internal("a second code"))]);
        assert_eq!(b.key.all().await.len(), 1);
    }

    impl Machine for Bench {
        fn put(&self, input: &str) {
            match input {
                "allocate_code" => self.layer.do_send(AllocateCode(vec![1, 2].into())),
                "allocated" => self.layer.do_send(Allocated(secret())),
                "set_code" => self.layer.do_send(SetCode(secret())),
                "input_code" => self.layer.do_send(InputCode),
                "nameplate typed" => self.layer.do_send(NameplateTyped(Nameplate::from(4))),
                "words typed" => self.layer.do_send(WordsTyped(secret())),
                odd => panic!("an unknown input: {odd}"),
            }
        }

        async fn told(&mut self) -> Vec<&'static str> {
            let mut told: Vec<_> =
                self.nameplate.all().await.iter().map(|_| "Nameplate.set").collect();
            told.extend(self.boss.all().await.iter().map(|_| "Boss.got_code"));
            told.extend(self.key.all().await.iter().map(|_| "Key.got_code"));
            told.extend(self.allocate.all().await.iter().map(|_| "Allocator.allocate"));
            told.extend(self.broken.all().await.iter().map(|_| INTERNAL));
            told
        }
    }

    #[actix::test]
    async fn the_recorded_table() {
        Table::read("Code").hold(bench).await;
    }
}
