//! The other client, whose messages a test makes itself.

use data_encoding::HEXLOWER;
use serde_json::{Value, json};
use wormhole_client::protocol::{
    code::Code,
    key::{Key, Pake},
    name::{AppId, Side},
};

use super::APPID;

/// The peer's side.
pub(crate) const SIDE: &str = "peer";

/// A peer that knows a code and has sent its `pake`.
pub(crate) struct Peer {
    ours: Pake,
    pake: Vec<u8>,
}

impl Peer {
    pub(crate) fn new(code: &str) -> Self {
        let code = Code::parse(code).unwrap();
        let (ours, pake) = Pake::start(code, AppId::new(APPID), [7; 64].into());
        Self { ours, pake }
    }

    /// The peer's `pake`, as the server delivers it.
    pub(crate) fn pake(&self) -> Value {
        message(SIDE, "pake", &self.pake)
    }

    /// Agrees with the client whose `pake` has this body.
    pub(crate) fn agree(self, theirs: &str) -> Agreed {
        Agreed(self.ours.finish(&HEXLOWER.decode(theirs.as_bytes()).unwrap()).unwrap())
    }
}

/// The peer once it has the key.
pub(crate) struct Agreed(pub(crate) Key);

impl Agreed {
    /// A message of the peer's, as the server delivers it.
    pub(crate) fn sealed(&self, phase: &str, plaintext: &[u8]) -> Value {
        self.sealed_by(SIDE, phase, plaintext)
    }

    pub(crate) fn sealed_by(&self, side: &str, phase: &str, plaintext: &[u8]) -> Value {
        let key = self.0.phase_key(&Side::new(side), &phase.to_owned().into());
        message(side, phase, &key.seal([9; 24], plaintext))
    }

    /// Opens the client's `add`, which must have this phase.
    pub(crate) fn open(&self, side: &str, phase: &str, add: &Value) -> Vec<u8> {
        assert_eq!((&add["type"], &add["phase"]), (&json!("add"), &json!(phase)), "{add}");
        let sealed = HEXLOWER.decode(add["body"].as_str().unwrap().as_bytes()).unwrap();
        let key = self.0.phase_key(&Side::new(side), &phase.to_owned().into());
        key.open(&sealed).unwrap().to_vec()
    }
}

/// A message as the server delivers it.
pub(crate) fn message(side: &str, phase: &str, body: &[u8]) -> Value {
    let body = HEXLOWER.encode(body);
    json!({"type": "message", "side": side, "phase": phase, "body": body})
}
