//! Replays `vectors/transit.json`, and tries every way of cutting streams and of damaging records.
#![allow(clippy::unwrap_used)]

use data_encoding::HEXLOWER;
use proptest::{prelude::*, sample::Index};
use serde_json::Value;
use sha2::{Digest, Sha256};
use wormhole_protocol::transit::{
    Greeting, GreetingError, Paused, RecordKey, Role, Step, TransitKey, Undecided,
    record::{Framer, OVERHEAD, Opener, RecordError, RecordLength, Sealer},
    relay::{self, Request, TransitSide},
};

fn vectors(name: &str) -> Vec<Value> {
    let all: Value = serde_json::from_str(include_str!("vectors/transit.json")).unwrap();
    all[name].as_array().unwrap().clone()
}

fn text<'a>(case: &'a Value, key: &str) -> &'a str {
    case[key].as_str().unwrap_or_else(|| panic!("no text {key} in {case}"))
}

fn hex(case: &Value, key: &str) -> Vec<u8> {
    HEXLOWER.decode(text(case, key).as_bytes()).unwrap()
}

fn transit_key(case: &Value) -> TransitKey {
    TransitKey::new(hex(case, "transit_key").try_into().unwrap())
}

fn role(case: &Value) -> Role {
    match text(case, "role") {
        "sender" => Role::Sender,
        "receiver" => Role::Receiver,
        other => panic!("unknown role {other}"),
    }
}

fn side(digits: &str) -> TransitSide {
    TransitSide::from_random(HEXLOWER.decode(digits.as_bytes()).unwrap().try_into().unwrap())
}

#[test]
fn lines_and_keys() {
    for case in vectors("handshakes") {
        let key = transit_key(&case);
        assert_eq!(key.line(Role::Sender), text(&case, "sender_handshake").as_bytes());
        assert_eq!(key.line(Role::Receiver), text(&case, "receiver_handshake").as_bytes());
        assert_eq!(key.relay_token().as_str(), text(&case, "relay_token"));
        let side = Some(side(text(&case, "side")));
        let request = Request { token: key.relay_token(), side };
        assert_eq!(request.line(), text(&case, "relay_handshake").as_bytes());
        assert_eq!(relay::OK, text(&case, "relay_ok").as_bytes());
        for (role, name) in
            [(Role::Sender, "sender_record_key"), (Role::Receiver, "receiver_record_key")]
        {
            let expected = RecordKey::new(&hex(&case, name).try_into().unwrap());
            assert_eq!(sealed(&key.record_key(role), &[b"x"]), sealed(&expected, &[b"x"]));
        }
        let (go, _) = undecided(&key).go();
        assert_eq!(go, text(&case, "go").as_bytes());
        assert_eq!(undecided(&key).nevermind(), text(&case, "nevermind").as_bytes());
        let expected = text(&case, "receiver_expects_in_full").as_bytes();
        let (_, greeting) = Greeting::direct(&key, Role::Receiver);
        assert!(matches!(greeting.feed(expected), Ok(Step::Established(_))));
    }
}

fn undecided(key: &TransitKey) -> Undecided {
    let (_, greeting) = Greeting::direct(key, Role::Sender);
    match greeting.feed(&key.line(Role::Receiver)) {
        Ok(Step::Decide(undecided)) => undecided,
        _ => panic!("a whole line is there and nothing is decided"),
    }
}

fn sealed(key: &RecordKey, plaintexts: &[&[u8]]) -> Vec<u8> {
    let mut sealer = Sealer::new(key);
    let mut wire = Vec::new();
    for plaintext in plaintexts {
        sealer.seal(plaintext, &mut wire).unwrap();
    }
    wire
}

/// The bytes that the recorder used where plaintexts were too long to write down.
fn det(label: &str, length: usize) -> Vec<u8> {
    let blocks = (0..).flat_map(|i| Sha256::digest(format!("vec:{label}:{i}")));
    blocks.take(length).collect()
}

#[test]
fn record_streams() {
    for case in vectors("streams") {
        let plaintexts: Vec<Vec<u8>> = match text(&case, "name") {
            "sender 16k chunk" => vec![det("16k", 16384), det("16kb", 100)],
            "sender 300 one-byte records" => (0..300).map(|i| vec![i as u8]).collect(),
            _ => case["records"].as_array().unwrap().iter().map(|r| hex(r, "plaintext")).collect(),
        };
        let borrowed: Vec<&[u8]> = plaintexts.iter().map(Vec::as_slice).collect();
        let (key, role) = (transit_key(&case), role(&case));
        let wire = sealed(&key.record_key(role), &borrowed);
        assert_eq!(HEXLOWER.encode(&Sha256::digest(&wire)), text(&case, "stream_sha256"));
        assert_eq!(wire.len() as u64, case["stream_len"]);
        let mut framer = Framer::new(key.records(role.peer()).1);
        framer.feed(&wire);
        assert_eq!(drain(&mut framer), (plaintexts.clone(), None));
        assert!(framer.is_between_records());
        spelled_out_records(&case, &plaintexts, &wire);
    }
}

/// Checks those records that are written down one by one.
fn spelled_out_records(case: &Value, plaintexts: &[Vec<u8>], wire: &[u8]) {
    let listed = case.get("records").or_else(|| case.get("records_tail")).unwrap();
    for record in listed.as_array().unwrap() {
        let number = record["nonce"].as_u64().unwrap() as usize;
        let start: usize = plaintexts[..number].iter().map(|p| p.len() + OVERHEAD).sum();
        let expected = hex(record, "wire");
        assert_eq!(wire[start..start + expected.len()], expected);
    }
    if case.get("first_wire_64").is_some() {
        assert_eq!(wire[..64], hex(case, "first_wire_64"));
    }
}

fn drain(framer: &mut Framer) -> (Vec<Vec<u8>>, Option<RecordError>) {
    let mut records = Vec::new();
    loop {
        match framer.next_record() {
            Ok(Some(record)) => records.push(record.to_vec()),
            Ok(None) => return (records, None),
            Err(error) => return (records, Some(error)),
        }
    }
}

/// A connection as the recorded program saw it.
struct Dialogue {
    state: State,
    wrote: Vec<u8>,
    records: Vec<Vec<u8>>,
}

enum State {
    Greeting(Greeting),
    Records(Box<Framer>),
    HungUp,
}

impl Dialogue {
    fn start(case: &Value, first: &str) -> Self {
        let (key, role) = (transit_key(case), role(case));
        let (wrote, greeting) = match case["via_relay"].as_bool().unwrap() {
            true => Greeting::relayed(&key, role, &side(&first[first.len() - 17..first.len() - 1])),
            false => Greeting::direct(&key, role),
        };
        Self { state: State::Greeting(greeting), wrote, records: Vec::new() }
    }

    fn receive(&mut self, case: &Value, bytes: &[u8]) {
        self.state = match std::mem::replace(&mut self.state, State::HungUp) {
            State::Greeting(greeting) => self.step(case, greeting.feed(bytes)),
            State::Records(framer) => self.read_records(framer, bytes),
            State::HungUp => panic!("bytes after hanging up"),
        };
    }

    fn step(&mut self, case: &Value, step: Result<Step, GreetingError>) -> State {
        let opener = || Box::new(Framer::new(transit_key(case).records(role(case)).1));
        match step {
            Ok(Step::More(greeting)) => State::Greeting(greeting),
            Ok(Step::Write { bytes, next }) => {
                self.wrote.extend(bytes);
                self.step(case, next.resume())
            }
            Ok(Step::Decide(undecided)) if text(case, "name") == "sender, not first" => {
                self.wrote.extend(undecided.nevermind());
                State::HungUp
            }
            Ok(Step::Decide(undecided)) => {
                let (bytes, established) = undecided.go();
                self.wrote.extend(bytes);
                self.read_records(opener(), &established.leftover)
            }
            Ok(Step::Established(established)) => {
                self.read_records(opener(), &established.leftover)
            }
            Err(_) => State::HungUp,
        }
    }

    fn read_records(&mut self, mut framer: Box<Framer>, bytes: &[u8]) -> State {
        framer.feed(bytes);
        let (records, error) = drain(&mut framer);
        self.records.extend(records);
        if error.is_some() { State::HungUp } else { State::Records(framer) }
    }

    fn state(&self) -> &str {
        match self.state {
            State::Greeting(_) => "greeting",
            State::Records(_) => "records",
            State::HungUp => "hung up",
        }
    }
}

/// Python closes at the first byte of these that differs from the peer's line. Ours waits for as many
/// as the line has, so that nobody can guess it byte by byte; none of them has so many.
const HUNG_UP_EARLY: [&str; 3] =
    ["sender, wrong first byte", "sender, HTTP reply", "sender, other sender's handshake (echo)"];

#[test]
fn dialogues() {
    let mut early = Vec::new();
    for case in vectors("dialogues") {
        let name = text(&case, "name");
        let (first, steps) = case["steps"].as_array().unwrap().split_first().unwrap();
        let mut dialogue = Dialogue::start(&case, text(first, "wrote"));
        assert_eq!(dialogue.wrote, text(first, "wrote").as_bytes(), "{name}");
        for step in steps {
            dialogue.wrote.clear();
            dialogue.receive(&case, &hex(step, "data_hex"));
            let expected = match text(step, "state") {
                "handshake" | "wait-for-decision" => "greeting",
                "hung up" if HUNG_UP_EARLY.contains(&name) => {
                    early.push(name.to_owned());
                    "greeting"
                }
                other => other,
            };
            assert_eq!(dialogue.state(), expected, "{name}");
            assert_eq!(dialogue.wrote, text(step, "wrote").as_bytes(), "{name}");
        }
        let delivered: Vec<_> = dialogue.records.iter().map(|r| HEXLOWER.encode(r)).collect();
        assert_eq!(Value::from(delivered), case["records_delivered"], "{name}");
    }
    assert_eq!(early, HUNG_UP_EARLY);
}

#[test]
fn errors_name_the_culprit() {
    let key = TransitKey::new([7; 32]);
    let (_, greeting) = Greeting::relayed(&key, Role::Sender, &side("00112233445566ff"));
    assert_eq!(greeting.feed(relay::IMPATIENT).err(), Some(GreetingError::Relay));
    let (_, greeting) = Greeting::direct(&key, Role::Receiver);
    assert_eq!(greeting.feed(&key.line(Role::Receiver)).err(), Some(GreetingError::Stranger));
    let (_, greeting) = Greeting::direct(&key, Role::Receiver);
    let declined = [key.line(Role::Sender), b"nevermind\n".to_vec()].concat();
    assert_eq!(greeting.feed(&declined).err(), Some(GreetingError::NotChosen));
}

#[test]
fn a_wrong_line_is_refused_at_its_last_byte_wherever_it_is_wrong() {
    let key = TransitKey::new([7; 32]);
    for role in [Role::Sender, Role::Receiver] {
        let right = key.line(role.peer());
        for place in 0..right.len() {
            let mut line = right.clone();
            line[place] ^= 1;
            let (last, before) = line.split_last().unwrap();
            let (_, mut greeting) = Greeting::direct(&key, role);
            for byte in before {
                let Ok(Step::More(more)) = greeting.feed(&[*byte]) else {
                    panic!("byte {place} is wrong, and that shows before the line is whole");
                };
                greeting = more;
            }
            assert_eq!(greeting.feed(&[*last]).err(), Some(GreetingError::Stranger), "{place}");
        }
    }
}

#[test]
fn what_came_before_a_hang_up_is_judged() {
    let key = TransitKey::new([7; 32]);
    let cut = |bytes: &[u8]| match Greeting::direct(&key, Role::Receiver).1.feed(bytes) {
        Ok(Step::More(greeting)) => (greeting.is_proved(), greeting.hung_up()),
        _ => panic!("the greeting does not go on"),
    };
    let line = key.line(Role::Sender);
    assert_eq!(cut(b""), (false, None));
    assert_eq!(cut(&line[..50]), (false, None));
    assert_eq!(cut(b"HTTP/1.1 400 Bad Request"), (false, Some(GreetingError::Stranger)));
    assert_eq!(cut(&line), (true, None));
}

#[test]
fn lengths_are_judged_before_anything_is_allocated() {
    let refused = |length: u32| RecordLength::parse(length.to_be_bytes()).err();
    assert_eq!(refused(39), Some(RecordError::Length(39)));
    assert_eq!(refused(40), None);
    assert_eq!(refused(64 << 20), None);
    assert_eq!(refused((64 << 20) + 1), Some(RecordError::Length((64 << 20) + 1)));
    assert_eq!(refused(u32::MAX), Some(RecordError::Length(u32::MAX.into())));
    let key = RecordKey::new(&[7; 32]);
    assert_eq!(Opener::new(&key).open(&mut [0; 39]), Err(RecordError::Length(39)));
    let mut wire = vec![1];
    let too_long = vec![0; 64 << 20];
    let length = RecordError::Length((64 << 20) + 40);
    assert_eq!(Sealer::new(&key).seal(&too_long, &mut wire), Err(length));
    assert_eq!(wire, [1]);
}

#[test]
fn an_error_stays_and_half_a_record_is_no_end() {
    let key = RecordKey::new(&[7; 32]);
    let wire = sealed(&key, &[b"one", b"two"]);
    let mut framer = Framer::new(Opener::new(&key));
    framer.feed(&wire[..wire.len() - 1]);
    assert_eq!(drain(&mut framer), (vec![b"one".to_vec()], None));
    assert!(!framer.is_between_records());
    framer.feed(&[wire[wire.len() - 1] ^ 1]);
    assert_eq!(framer.next_record(), Err(RecordError::Sealed));
    framer.feed(&wire);
    assert_eq!(framer.next_record(), Err(RecordError::Sealed));
}

/// Cuts `bytes` at the given places.
fn cut<'a>(bytes: &'a [u8], places: &[Index]) -> Vec<&'a [u8]> {
    let mut places: Vec<_> = places.iter().map(|place| place.index(bytes.len() + 1)).collect();
    places.sort_unstable();
    let mut pieces = Vec::new();
    let mut start = 0;
    for place in places {
        pieces.push(&bytes[start..place]);
        start = place;
    }
    pieces.push(&bytes[start..]);
    pieces
}

/// Runs a handshake and gives everything that was written, and what was left over or went wrong.
fn greet(
    (mut wrote, greeting): (Vec<u8>, Greeting),
    pieces: &[&[u8]],
) -> (Vec<u8>, Result<Option<Vec<u8>>, GreetingError>) {
    let mut step = Ok(Step::More(greeting));
    let mut pieces = pieces.iter();
    loop {
        step = match step {
            Ok(Step::More(greeting)) => match pieces.next() {
                Some(piece) => greeting.feed(piece),
                None => return (wrote, Ok(None)),
            },
            Ok(Step::Write { bytes, next }) => {
                wrote.extend(bytes);
                Paused::resume(next)
            }
            Ok(Step::Decide(undecided)) => {
                let (bytes, established) = undecided.go();
                wrote.extend(bytes);
                Ok(Step::Established(established))
            }
            Ok(Step::Established(mut established)) => {
                pieces.for_each(|piece| established.leftover.extend_from_slice(piece));
                return (wrote, Ok(Some(established.leftover)));
            }
            Err(error) => return (wrote, Err(error)),
        };
    }
}

proptest! {
    #[test]
    fn any_cut_of_a_greeting_is_the_same(
        sender: bool,
        places: Vec<Index>,
        surplus: Vec<u8>,
        damage: Option<Index>,
    ) {
        let key = TransitKey::new([7; 32]);
        let role = if sender { Role::Sender } else { Role::Receiver };
        let go: &[u8] = if sender { b"" } else { b"go\n" };
        let mut bytes = [relay::OK, &key.line(role.peer()), go].concat();
        if let Some(place) = damage {
            let place = place.index(bytes.len());
            bytes[place] ^= 0x20;
        }
        bytes.extend(&surplus);
        let begin = || Greeting::relayed(&key, role, &side("00112233445566ff"));
        let whole = greet(begin(), &[&bytes]);
        prop_assert_eq!(whole.1.is_err(), damage.is_some());
        if damage.is_none() {
            prop_assert_eq!(&whole.1, &Ok(Some(surplus)));
        }
        prop_assert_eq!(greet(begin(), &cut(&bytes, &places)), whole);
    }

    #[test]
    fn any_cut_of_a_stream_gives_the_same_records(
        plaintexts: Vec<Vec<u8>>,
        places: Vec<Index>,
    ) {
        let key = RecordKey::new(&[7; 32]);
        let borrowed: Vec<&[u8]> = plaintexts.iter().map(Vec::as_slice).collect();
        let wire = sealed(&key, &borrowed);
        let mut framer = Framer::new(Opener::new(&key));
        let mut records = Vec::new();
        for piece in cut(&wire, &places) {
            framer.feed(piece);
            let (opened, error) = drain(&mut framer);
            prop_assert_eq!(error, None);
            records.extend(opened);
        }
        prop_assert_eq!(records, plaintexts);
        prop_assert!(framer.is_between_records());
    }

    #[test]
    fn any_flipped_bit_is_noticed(plaintext: Vec<u8>, place: Index, bit in 0..8u32) {
        let key = RecordKey::new(&[7; 32]);
        let mut record = sealed(&key, &[&plaintext]).split_off(4);
        let place = place.index(record.len());
        record[place] ^= 1 << bit;
        prop_assert!(Opener::new(&key).open(&mut record).is_err());
        record[place] ^= 1 << bit;
        prop_assert_eq!(Opener::new(&key).open(&mut record), Ok(plaintext.as_slice()));
    }
}
