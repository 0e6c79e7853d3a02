//! What all connections of a server share.

use std::sync::Arc;

use actix::{Addr, Recipient};

use crate::{
    address_ids::AddressIds, census::TakeCensus, config::Config, door::Door, engine::Enter,
    guest::Guests, meters::Meters, quota::Quota, readiness::Readiness, store::Disk,
    testing::Faults, usage::Usage, vitals::Vitals, watch::Watch,
};

/// The way from a new connection to the rest of the server.
pub(crate) struct Front {
    pub(crate) config: Arc<Config>,
    pub(crate) door: Door,
    pub(crate) guests: Guests,
    /// Clone it to send: a clone has a place of its own to wait in.
    pub(crate) hall: Recipient<Enter>,
    pub(crate) watch: Addr<Watch>,
    pub(crate) census: Recipient<TakeCensus>,
    pub(crate) meters: Meters,
    pub(crate) disk: Disk,
    /// Bytes in all mailboxes.
    pub(crate) stored: Quota,
    /// When the server was started, by [`clock::steady`](crate::clock::steady).
    pub(crate) started: f64,
    pub(crate) usage: Usage,
    pub(crate) readiness: Readiness,
    pub(crate) address_ids: Option<AddressIds>,
    /// None but in a test.
    pub(crate) faults: Faults,
    pub(crate) vitals: Vitals,
}
