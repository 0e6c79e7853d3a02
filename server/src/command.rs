//! The commands beside the server itself. All take the server's configuration, so that what holds
//! for it need not be said twice.

pub(crate) mod backup;
pub(crate) mod healthcheck;
pub(crate) mod import;
pub(crate) mod restore;
pub(crate) mod status;
pub(crate) mod usage;
