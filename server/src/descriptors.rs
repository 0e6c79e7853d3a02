//! The file descriptors that the system allows the process: two for each connection.

/// Raises the soft limit where it is below what `connections` need, as far as the system lets us,
/// and gives the connections for which it is enough.
#[cfg(unix)]
pub(crate) fn raise(connections: u64, workers: u64) -> u64 {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let mut soft = current.unwrap_or(u64::MAX);
    let others = OTHERS + workers * WORKER;
    let wanted = connections.saturating_mul(EACH).saturating_add(others).max(USUAL);
    for attempt in [wanted, maximum.unwrap_or(u64::MAX), USUAL, 3_200, 1_024] {
        if soft >= attempt.min(wanted) {
            break;
        }
        match setrlimit(Resource::Nofile, Rlimit { current: Some(attempt), maximum }) {
            Ok(()) => {
                tracing::info!("raised the limit of file descriptors from {soft} to {attempt}");
                soft = attempt;
            }
            Err(reason) => tracing::debug!("{attempt} file descriptors are refused: {reason}"),
        }
    }
    soft.saturating_sub(others) / EACH
}

/// Systems without such a limit have enough.
#[cfg(not(unix))]
pub(crate) fn raise(connections: u64, _workers: u64) -> u64 {
    connections
}

/// The connection's own, and the watchdog's.
#[cfg(unix)]
const EACH: u64 = 2;

/// The database, the listeners, the threads' own.
#[cfg(unix)]
const OTHERS: u64 = 100;

/// A worker's own, and connections that are about to be refused.
#[cfg(unix)]
const WORKER: u64 = 50;

/// What a mailbox server has [mailbox-server.md: operations].
#[cfg(unix)]
const USUAL: u64 = 10_000;
