//! Replays `vectors/wordlist-completion.json`, but for the scripts of calls, which need a client.
#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeSet;

use common::{cases, hex, number, text};
use serde_json::Value;
use sha2::{Digest, Sha256};
use wormhole_protocol::{
    name::Nameplate,
    wordlist::{nameplate_completions, word_completions, words},
};

fn vectors() -> Value {
    serde_json::from_str(include_str!("vectors/wordlist-completion.json")).unwrap()
}

fn texts<T: serde::de::DeserializeOwned>(case: &Value, key: &str) -> T {
    serde_json::from_value(case[key].clone()).unwrap()
}

#[test]
fn of_words() {
    let all = vectors();
    let recorded = cases(&all, "word_completions");
    for case in recorded {
        let completions = word_completions(text(case, "prefix"), number(case, "num_words"));
        assert_eq!(completions.len(), number(case, "count"), "{case}");
        if case.get("completions").is_some() {
            assert_eq!(completions, texts::<BTreeSet<String>>(case, "completions"), "{case}");
            continue;
        }
        assert_eq!(completions.first().unwrap(), text(case, "first"));
        assert_eq!(completions.last().unwrap(), text(case, "last"));
        let joined = Vec::from_iter(completions).join("\n");
        let expected = hex(case, "sha256_of_sorted_joined_by_newline");
        assert_eq!(Sha256::digest(joined)[..], expected, "{case}");
    }
    assert_eq!(recorded.len(), 41);
}

#[test]
fn chosen_words() {
    let all = vectors();
    let recorded = cases(&all, "choose_words");
    for case in recorded {
        let random: Vec<u8> = texts(case, "random_bytes");
        assert_eq!(random.len(), number(case, "length"));
        assert_eq!(words(&random).as_str(), text(case, "words"));
    }
    assert_eq!(recorded.len(), 7);
}

#[test]
fn of_nameplates() {
    let all = vectors();
    let recorded = cases(&all, "nameplate_completions");
    for case in recorded {
        let listed: Vec<Nameplate> = texts(case, "listed");
        let completions = nameplate_completions(&listed, text(case, "prefix"));
        assert_eq!(completions, texts::<BTreeSet<String>>(case, "completions"), "{case}");
    }
    assert_eq!(recorded.len(), 12);
}
