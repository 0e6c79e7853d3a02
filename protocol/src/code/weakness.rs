//! How easily the secret of a code is guessed.

use super::Code;
use crate::wordlist;

/// The fewest bytes of a secret that is not weak by its length alone.
const FEWEST_BYTES: usize = 4;

/// A secret is weak where fewer guesses find it: two words of the PGP list make exactly so many.
const ENOUGH: u64 = 1 << 16;

/// What a word counts that is none of the lists': people choose among some thousands.
const ANY_WORD: u64 = 1 << 13;

/// Why a code protects nobody who uses it.
///
/// A stranger has one guess for each code, and may try many codes. Nothing in the protocol refuses
/// such a code, unless it has no secret at all: programs may warn of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Weakness {
    /// There is no secret: it is the code of [who wants none](Code::without_secret).
    Empty,
    /// The secret has fewer than four bytes.
    Short,
    /// The secret is found with fewer than 2^16 guesses, by the estimate of [`Code::weakness`].
    Guessable,
}

impl Code {
    /// Tells why the secret is too easily guessed, where it is.
    ///
    /// The guesses are those of somebody who knows how people make codes. Letters that can be
    /// spoken are a word: one of 256 if it is of the PGP list, of 64 if it is a notorious password,
    /// else of 8192. Other letters count 26 each, digits 10, signs 33 and what is not ASCII 100.
    /// What only goes on counts nothing: a run such as `aaa`, `3456` or `qwert` from its third
    /// character on, and a piece that stood there before. Capitals and hyphens count nothing
    /// either. A code made by a program from two random words of the PGP list is just not weak;
    /// how random a secret really is, no estimate can see.
    pub fn weakness(&self) -> Option<Weakness> {
        let secret = self.words();
        if secret.is_empty() {
            return Some(Weakness::Empty);
        }
        if secret.len() < FEWEST_BYTES {
            return Some(Weakness::Short);
        }
        (guesses(secret) < ENOUGH).then_some(Weakness::Guessable)
    }
}

/// Multiplies the guesses for the pieces, and stops where they are enough.
fn guesses(secret: &str) -> u64 {
    let mut seen = Vec::new();
    let mut all = 1_u64;
    for piece in pieces(secret) {
        if all >= ENOUGH {
            break;
        }
        if !is_among(piece, &seen) {
            all = all.saturating_mul(of_piece(piece));
            seen.push(piece);
        }
    }
    all
}

/// Whether the piece stands in a list, capitals or not.
fn is_among(piece: &str, list: &[&str]) -> bool {
    list.iter().any(|other| other.eq_ignore_ascii_case(piece))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Letter,
    Digit,
    Sign,
    Foreign,
}

fn class(c: char) -> Class {
    match c {
        'a'..='z' | 'A'..='Z' => Class::Letter,
        '0'..='9' => Class::Digit,
        _ if c.is_ascii() => Class::Sign,
        _ => Class::Foreign,
    }
}

/// Cuts where letters, digits, signs and the rest of Unicode meet, and at hyphens.
fn pieces(secret: &str) -> impl Iterator<Item = &str> {
    secret.split('-').flat_map(|part| {
        let mut rest = part;
        std::iter::from_fn(move || {
            let kind = class(rest.chars().next()?);
            let end = rest.find(|c| class(c) != kind).unwrap_or(rest.len());
            let (piece, after) = rest.split_at(end);
            rest = after;
            Some(piece)
        })
    })
}

/// The guesses for one piece, whose characters are of one class.
fn of_piece(piece: &str) -> u64 {
    if (0..2).any(|position| is_among(piece, wordlist::list(position))) {
        return 1 << 8;
    }
    if is_among(piece, &NOTORIOUS) {
        return NOTORIOUS.len() as u64;
    }
    let unit = &piece[..period(piece)];
    let spelt = spelt(unit);
    if piece.len() > 3 && spoken(piece) { spelt.min(ANY_WORD) } else { spelt }
}

/// The guesses for the characters one by one, of which those that only go on are free.
fn spelt(piece: &str) -> u64 {
    let mut all = 1_u64;
    let mut before = [None; 2];
    for c in piece.chars().map(|c| c.to_ascii_lowercase()) {
        let runs = matches!(before, [Some(first), Some(second)] if goes_on(first, second, c));
        if !runs {
            all = all.saturating_mul(match class(c) {
                Class::Letter => 26,
                Class::Digit => 10,
                Class::Sign => 33,
                Class::Foreign => 100,
            });
        }
        before = [before[1], Some(c)];
        if all >= ENOUGH {
            break;
        }
    }
    all
}

/// Whether three characters are one thrice, or neighbours in one direction.
fn goes_on(first: char, second: char, third: char) -> bool {
    if first == second && second == third {
        return true;
    }
    let forwards = String::from_iter([first, second, third]);
    let backwards = String::from_iter([third, second, first]);
    ROWS.iter().any(|row| row.contains(&forwards) || row.contains(&backwards))
}

/// How long the beginning is whose repetition is the whole.
fn period(piece: &str) -> usize {
    // A longer one spells out more than enough by itself.
    let candidates = piece.char_indices().map(|(at, _)| at).skip(1).take(16);
    let repeats = |at: &usize| {
        piece.len().is_multiple_of(*at)
            && piece.as_bytes()[*at..] == piece.as_bytes()[..piece.len() - at]
    };
    candidates.filter(|at| piece.len() >= 2 * at).find(repeats).unwrap_or(piece.len())
}

/// Whether letters have vowels, and nowhere more consonants together than a language has.
fn spoken(piece: &str) -> bool {
    let vowel = |c: char| matches!(c.to_ascii_lowercase(), 'a' | 'e' | 'i' | 'o' | 'u' | 'y');
    piece.chars().any(vowel) && piece.split(vowel).all(|consonants| consonants.len() <= 4)
}

/// What follows each other in the alphabet and on keyboards.
const ROWS: [&str; 7] = [
    "abcdefghijklmnopqrstuvwxyz",
    "01234567890",
    "qwertyuiop",
    "qwertzuiop",
    "azertyuiop",
    "asdfghjkl",
    "zxcvbnm",
];

/// What is tried first, because so many choose it.
#[rustfmt::skip]
const NOTORIOUS: [&str; 64] = [
    "abc", "access", "admin", "angel", "baseball", "batman", "charlie", "cheese", "code",
    "computer", "cookie", "daniel", "demo", "dragon", "file", "flower", "football", "freedom",
    "guest", "hello", "hunter", "iloveyou", "internet", "jessica", "jordan", "killer", "letmein",
    "login", "love", "magic", "master", "michael", "monkey", "mustang", "pass", "passw",
    "password", "pepper", "pokemon", "princess", "qwerty", "ranger", "receive", "root", "samsung",
    "secret", "send", "shadow", "soccer", "star", "summer", "sunshine", "superman", "temp", "test",
    "thomas", "trustno", "user", "welcome", "whatever", "winter", "world", "wormhole", "you",
];

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn weakness(code: &str) -> Option<Weakness> {
        Code::parse(code).unwrap().weakness()
    }

    #[test]
    fn a_secret_needs_four_bytes() {
        assert_eq!(Code::without_secret().weakness(), Some(Weakness::Empty));
        for code in ["1-a", "1-abc", "1-xkq", "1-\u{e9}"] {
            assert_eq!(weakness(code), Some(Weakness::Short), "{code}");
        }
    }

    #[test]
    fn what_people_choose_in_a_hurry_is_guessed() {
        let codes = "7-aaaa 7-aaaaaaaaaaaa 1-1234 1-123456789 1-9876543210 1-0000 1-8213 2-password \
            2-PassWord 2-password1 2-hello-world 2-test-test 2-qwerty 2-QwErTzUi 2-asdfghjkl \
            2-abcdefgh 2-abababab 2-sausage 2-strength 2-xyzxyzxyz 2----- 2-.... \
            2-hello-hello-hello 2-abc123 3-crossover 3-clockwork 3-Clockwork \
            3-crossover-crossover";
        for code in codes.split_whitespace() {
            assert_eq!(weakness(code), Some(Weakness::Guessable), "{code}");
        }
    }

    #[test]
    fn what_takes_as_many_guesses_as_two_words_is_not_weak() {
        let codes = "7-crossover-clockwork 7-clockwork-crossover 7-alkali-assume-crossover \
            7-purple-sausage 7-58213 7-xkqzv 7-x8kq 7-sausage-9134 7-\u{e4}pfel-birnen \
            7-f81d4fae7dec 7-correct-horse-battery-staple";
        for code in codes.split_whitespace() {
            assert_eq!(weakness(code), None, "{code}");
        }
    }

    proptest! {
        #[test]
        fn no_two_different_words_of_the_lists_are_weak(random in any::<[u8; 2]>()) {
            let code = format!("7-{}", &*wordlist::words(&random));
            prop_assert_eq!(weakness(&code), None, "{}", code);
        }

        #[test]
        fn no_single_word_of_the_lists_is_strong(random in any::<u8>(), position in 0..2_usize) {
            let code = format!("7-{}", wordlist::list(position)[usize::from(random)]);
            prop_assert_eq!(weakness(&code), Some(Weakness::Guessable), "{}", code);
        }

        #[test]
        fn any_code_is_judged_and_more_words_never_weaken_it(secret in "[^ ]{1,40}", more in "\\PC{0,9}") {
            let weakness = |words: &str| Code::from_parts(7.into(), words).unwrap().weakness();
            if weakness(&secret).is_none() {
                let longer = weakness(&format!("{secret}-{more}"));
                prop_assert_eq!(longer, None);
            }
        }
    }
}
