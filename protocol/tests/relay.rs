//! The relay's end of its handshake: what is a line, what is answered, and that cutting it
//! anywhere changes nothing.
#![allow(clippy::unwrap_used)]

use proptest::{collection::vec, prelude::*};
use serde_json::Value;
use wormhole_protocol::transit::relay::{Asking, BAD_HANDSHAKE, BadRequest, Heard, Request};

const TOKEN: &str = "29331091aad02cff0dc2ea8d007f739aad1bcaa14b81c65b8a0e5e1827866e38";
const SIDE: &str = "bfe842b096bd5709";

/// What comes of bytes: the line that was understood and what is behind it, or nothing yet.
type Outcome = Result<Option<(Vec<u8>, Vec<u8>)>, BadRequest>;

fn hear(pieces: &[&[u8]]) -> Outcome {
    let mut asking = Asking::default();
    let mut pieces = pieces.iter();
    while let Some(piece) = pieces.next() {
        match asking.feed(piece)? {
            Heard::More(next) => asking = next,
            Heard::Request { request, surplus } => {
                let rest = pieces.flat_map(|piece| piece.iter());
                let surplus = surplus.iter().chain(rest).copied().collect();
                return Ok(Some((request.line(), surplus)));
            }
        }
    }
    Ok(None)
}

fn sided(token: &str, side: &str) -> String {
    format!("please relay {token} for side {side}\n")
}

fn unsided(token: &str) -> String {
    format!("please relay {token}\n")
}

fn request(line: &str) -> Request {
    match Asking::default().feed(line.as_bytes()).unwrap() {
        Heard::Request { request, .. } => request,
        Heard::More(_) => panic!("{line} is no line"),
    }
}

#[test]
fn the_lines_of_the_vectors_are_understood() {
    let all: Value = serde_json::from_str(include_str!("vectors/transit.json")).unwrap();
    for case in all["handshakes"].as_array().unwrap() {
        let line = case["relay_handshake"].as_str().unwrap();
        let (understood, surplus) = hear(&[line.as_bytes()]).unwrap().unwrap();
        assert_eq!((understood.as_slice(), surplus.as_slice()), (line.as_bytes(), &b""[..]));
        let request = request(line);
        assert_eq!(request.token.as_str(), case["relay_token"].as_str().unwrap());
        assert_eq!(request.side.unwrap().to_string(), case["side"].as_str().unwrap());
    }
}

#[test]
fn both_forms_and_wider_characters_are_understood() {
    let wide = "_".repeat(32) + &"Zz".repeat(16);
    for line in [sided(TOKEN, SIDE), unsided(TOKEN), sided(&wide, "ABCDEFGHIJKLMN_z")] {
        assert_eq!(hear(&[line.as_bytes()]), Ok(Some((line.clone().into_bytes(), Vec::new()))));
    }
}

#[test]
fn only_the_exact_line_is_understood() {
    for line in [
        "\n".to_owned(),
        "GET / HTTP/1.1\r\n".to_owned(),
        format!(" {}", unsided(TOKEN)),
        unsided(&format!(" {TOKEN}")),
        unsided(&format!("{TOKEN} ")),
        unsided(&format!("{TOKEN}\r")),
        sided(TOKEN, &format!("{SIDE}\r")),
        unsided(&TOKEN[1..]),
        unsided(&format!("{TOKEN}0")),
        unsided(&TOKEN.replace('0', "-")),
        unsided(&TOKEN.replacen("29", "é", 1)),
        sided(TOKEN, &SIDE[1..]),
        sided(TOKEN, &format!("{SIDE}0")),
        sided(TOKEN, &SIDE.replace('b', "!")),
        sided(TOKEN, ""),
        format!("please relay {TOKEN} for side\n"),
        format!("please relay {TOKEN}  for side {SIDE}\n"),
        format!("PLEASE RELAY {TOKEN}\n"),
        format!("please relay {TOKEN} FOR SIDE {SIDE}\n"),
        format!("{}\n", "x".repeat(1024)),
    ] {
        assert_eq!(hear(&[line.as_bytes()]), Err(BadRequest::Line), "{line}");
    }
    assert_eq!(BadRequest::Line.answer(), BAD_HANDSHAKE);
}

#[test]
fn a_line_has_to_end_in_time() {
    let long = [b'x'; 1025];
    assert_eq!(hear(&[&long[..1024]]), Ok(None));
    assert_eq!(hear(&[&long]), Err(BadRequest::TooLong));
    assert_eq!(hear(&[&long[..1024], b"x"]), Err(BadRequest::TooLong));
    assert_eq!(hear(&[&long, b"\n"]), Err(BadRequest::TooLong));
    assert!(BadRequest::TooLong.answer().is_empty());
}

#[test]
fn two_clients_fit_that_are_not_the_same() {
    let [one, two] = [SIDE, "0000000000000000"].map(|side| request(&sided(TOKEN, side)));
    let none = request(&unsided(TOKEN));
    assert!(one.fits(&two.side) && two.fits(&one.side));
    assert!(one.fits(&none.side) && none.fits(&one.side) && none.fits(&none.side));
    assert!(!one.fits(&one.side));
}

proptest! {
    #[test]
    fn cutting_changes_nothing(
        line in prop_oneof![
            Just(sided(TOKEN, SIDE).into_bytes()),
            Just(unsided(TOKEN).into_bytes()),
            vec(any::<u8>(), 0..1200),
        ],
        surplus in vec(any::<u8>(), 0..9),
        at in 0..1200_usize,
    ) {
        let bytes = [line, surplus].concat();
        let (front, back) = bytes.split_at(at.min(bytes.len()));
        prop_assert_eq!(hear(&[front, back]), hear(&[&bytes]));
    }
}
