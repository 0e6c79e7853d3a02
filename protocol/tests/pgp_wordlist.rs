//! Replays `vectors/pgp-wordlist.json`.
#![allow(clippy::unwrap_used)]

mod common;

use common::cases;
use serde_json::Value;
use wormhole_protocol::wordlist::words;

#[test]
fn every_byte_spells_its_word_of_either_list() {
    let all: Value = serde_json::from_str(include_str!("vectors/pgp-wordlist.json")).unwrap();
    let lists = ["odd", "odd_original_case", "even", "even_original_case"];
    let [odd, odd_original, even, even_original] = lists.map(|name| cases(&all, name));
    for list in [odd, odd_original, even, even_original] {
        assert_eq!(list.len(), 256);
    }
    for byte in 0..=u8::MAX {
        let spelled = words(&[byte, byte]);
        let (first, second) = spelled.split_once('-').unwrap();
        let index = usize::from(byte);
        assert_eq!((first, second), (odd[index].as_str().unwrap(), even[index].as_str().unwrap()));
        assert_eq!(first, odd_original[index].as_str().unwrap().to_lowercase());
        assert_eq!(second, even_original[index].as_str().unwrap().to_lowercase());
    }
}
