//! What all connections of a relay share.

use std::{future::pending, sync::Arc, time::Duration};

use tokio::time::sleep;

use super::{RelayConfig, bandwidth::Bandwidth, ledger::Ledger, tally::Tally};
use crate::{
    connections::Connections,
    limits::{Limit, Limits},
    quota::Quota,
    rules::LiveRules,
};

/// One for each relay.
pub(super) struct Hub {
    pub(super) limits: Limits,
    pub(super) rules: LiveRules,
    pub(super) linger: Duration,
    pub(super) keepalive: Duration,
    pub(super) tally: Tally,
    pub(super) ledger: Ledger,
    pub(super) bandwidth: Bandwidth,
    /// All connections: who gives way where there are too many.
    pub(super) connections: Connections,
    /// How many there are from each address.
    pub(super) connected: Quota,
    /// Those that wait for their peers.
    pub(super) waiting: Quota,
}

impl Hub {
    pub(super) fn new(
        config: RelayConfig,
        connections: Connections,
        tally: Tally,
        ledger: Ledger,
    ) -> Arc<Self> {
        let RelayConfig { limits, rules, linger, keepalive, .. } = config;
        Arc::new(Self {
            bandwidth: Bandwidth::new(limits.clone()),
            connections,
            connected: Quota::new(limits.clone(), None, Limit::RelayAddressConnections),
            waiting: Quota::sparing(
                limits.clone(),
                Limit::RelayWaiting,
                Limit::RelayAddressWaiting,
            ),
            limits,
            rules,
            linger,
            keepalive,
            tally,
            ledger,
        })
    }

    /// Comes back when as many seconds have passed as a limit allows, and counts that; never
    /// where it is no limit.
    pub(super) async fn passed(&self, limit: Limit) {
        let Some(seconds) = self.limits.most(limit) else { return pending().await };
        sleep(Duration::from_secs(seconds)).await;
        self.limits.exceed(limit, seconds);
    }
}
