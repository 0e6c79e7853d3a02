//! The thread that writes the log: whoever reads it may be slow.

use std::{
    fs::File,
    io::Write,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    thread,
    time::Duration,
};

use tokio::{sync::oneshot, time::timeout};

/// The way to the thread; clones share it.
#[derive(Clone)]
pub(super) struct Log {
    lines: SyncSender<String>,
    /// Comes when the thread has ended.
    ended: Arc<Mutex<Option<oneshot::Receiver<()>>>>,
}

/// Lines that may wait for a slow reader.
const MOST: usize = 10_000;

/// How long a stop waits for one.
const PATIENCE: Duration = Duration::from_secs(2);

impl Log {
    pub(super) fn start(file: Arc<File>) -> Self {
        let (lines, queue) = sync_channel(MOST);
        let (done, ended) = oneshot::channel();
        thread::spawn(move || {
            write(&file, &queue);
            // Nobody may wait for it.
            let _ = done.send(());
        });
        Self { lines, ended: Arc::new(Mutex::new(Some(ended))) }
    }

    /// Has a line written; where too many wait, it is lost.
    pub(super) fn write(&self, line: String) {
        match self.lines.try_send(line) {
            Ok(()) => (),
            Err(TrySendError::Full(_)) => {
                tracing::warn!("the reader of the usage log is too slow: a line is lost");
            }
            Err(TrySendError::Disconnected(_)) => {
                tracing::error!("the thread that writes the usage log has ended: a line is lost");
            }
        }
    }

    /// Waits a while until all is written; no other way to the thread may be left.
    pub(super) async fn close(self) {
        let Self { lines, ended } = self;
        drop(lines);
        let ended = ended.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(ended) = ended else { return };
        if timeout(PATIENCE, ended).await.is_err() {
            tracing::warn!("the reader of the usage log is too slow: its last lines are lost");
        }
    }
}

fn write(mut file: &File, queue: &Receiver<String>) {
    let mut failing = false;
    for line in queue {
        match file.write_all(line.as_bytes()) {
            Ok(()) => failing = false,
            Err(reason) => {
                if !std::mem::replace(&mut failing, true) {
                    tracing::error!("cannot write the usage log: {reason}");
                }
            }
        }
    }
}
