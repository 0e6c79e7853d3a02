//! Which ways are open to both sides.

use wormhole_protocol::transit::Abilities;

use super::super::{Off, Ways};

/// Which ways both sides use, and what one of them does not.
#[derive(Clone, Copy)]
pub(super) struct Allowed {
    pub(super) direct: bool,
    pub(super) relays: bool,
    pub(super) off: Option<Off>,
}

impl Allowed {
    /// Gives what both use; `None` where there is no such way.
    pub(super) fn by(ours: Ways, theirs: Abilities) -> Option<Self> {
        let direct = ours.direct() && theirs.direct_tcp;
        let relays = ours.relays() && theirs.relay;
        let off = match (direct, relays) {
            (true, true) => None,
            (true, false) => Some(Off::Relays { here: !ours.relays() }),
            (false, true) => Some(Off::Direct { here: !ours.direct() }),
            (false, false) => return None,
        };
        Some(Self { direct, relays, off })
    }
}
