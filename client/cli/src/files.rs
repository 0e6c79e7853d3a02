//! File calls, which may hang, on a thread where that stops nobody.

use tokio::task::spawn_blocking;
use wormhole_client::transfer::TransferError;

use crate::exit::Failure;

/// Runs file work beside the event loop, and waits for it.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Failure> {
    let died = |_| TransferError::Internal("a file task died").into();
    spawn_blocking(work).await.map_err(died)
}
