//! Reads recorded cases out of JSON.
#![allow(dead_code, reason = "hardly any test uses all of it")]

use data_encoding::HEXLOWER;
use serde_json::Value;
use zeroize::Zeroizing;

pub(crate) fn cases<'a>(all: &'a Value, name: &str) -> &'a [Value] {
    all[name].as_array().unwrap_or_else(|| panic!("no list {name}"))
}

pub(crate) fn text<'a>(case: &'a Value, key: &str) -> &'a str {
    case[key].as_str().unwrap_or_else(|| panic!("no text {key} in {case}"))
}

pub(crate) fn hex(case: &Value, key: &str) -> Vec<u8> {
    HEXLOWER.decode(text(case, key).as_bytes()).unwrap()
}

pub(crate) fn array<const N: usize>(case: &Value, key: &str) -> [u8; N] {
    hex(case, key).try_into().unwrap()
}

pub(crate) fn number(case: &Value, key: &str) -> usize {
    case[key].as_u64().unwrap_or_else(|| panic!("no number {key} in {case}")).try_into().unwrap()
}

/// Gives the random bytes from which SPAKE2 draws the recorded scalar of 32 bytes.
pub(crate) fn scalar(case: &Value, key: &str) -> Zeroizing<[u8; 64]> {
    let mut random = Zeroizing::new([0; 64]);
    random[..32].copy_from_slice(&array::<32>(case, key));
    random
}
