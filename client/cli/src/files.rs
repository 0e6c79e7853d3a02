//! File calls, which may hang, on a thread where that stops nobody.

use tokio::task::spawn_blocking;
use wormhole_client::transfer::TransferError;

/// Runs file work beside the event loop, and waits for it.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, TransferError> {
    spawn_blocking(work).await.map_err(|_| TransferError::Internal("a file task died"))
}
