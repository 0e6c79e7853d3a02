#![no_main]

use libfuzzer_sys::fuzz_target;
use wormhole_protocol::transit::{
    Greeting, Role, Step, TransitKey,
    relay::{self, TransitSide},
};

/// Gives how far a handshake comes on these pieces, and what is left over.
fn greet(relayed: bool, role: Role, pieces: &[&[u8]]) -> (usize, Option<Vec<u8>>) {
    let key = TransitKey::new([7; 32]);
    let (_, mut greeting) = match relayed {
        true => Greeting::relayed(&key, role, &TransitSide::from_random([7; 8])),
        false => Greeting::direct(&key, role),
    };
    let mut steps = 0;
    for (at, piece) in pieces.iter().enumerate() {
        let mut step = greeting.feed(piece);
        if let Ok(Step::Write { next, .. }) = step {
            steps += 1;
            step = next.resume();
        }
        let established = match step {
            Ok(Step::More(next)) => {
                greeting = next;
                continue;
            }
            Ok(Step::Decide(undecided)) => undecided.go().1,
            Ok(Step::Established(established)) => established,
            Ok(Step::Write { .. }) => unreachable!("the relay answers once"),
            Err(_) => return (steps, None),
        };
        let rest = pieces[at + 1..].concat();
        return (steps + 1, Some([established.leftover, rest].concat()));
    }
    (steps, None)
}

// Three bytes choose the case, where the stream is cut, and how much of the right one comes before
// the bytes that are made up.
fuzz_target!(|input: &[u8]| {
    let Some((&[choice, cut, right], made_up)) = input.split_first_chunk() else { return };
    let role = if choice & 1 == 0 { Role::Sender } else { Role::Receiver };
    let relayed = choice & 2 != 0;
    let relay: &[u8] = if relayed { relay::OK } else { b"" };
    let mut bytes = [relay, &TransitKey::new([7; 32]).line(role.peer()), b"go\n"].concat();
    bytes.truncate(right.into());
    bytes.extend(made_up);
    let (first, second) = bytes.split_at(usize::from(cut).min(bytes.len()));
    assert_eq!(greet(relayed, role, &[&bytes]), greet(relayed, role, &[first, second]));
});
