//! A reader that may never come to an end, such as standard input, on a thread for which nobody
//! waits.

use std::{
    io::{self, Read},
    thread,
};

use tokio::sync::mpsc;

/// How many bytes are read at a time.
const PIECE: usize = 64 * 1024;

type Piece = io::Result<Vec<u8>>;

/// Reads what the other thread has read; at most two pieces wait.
pub(super) struct Detached {
    pieces: mpsc::Receiver<Piece>,
    now: io::Cursor<Vec<u8>>,
}

/// Ends the reading when it is dropped, also where no piece comes.
pub(super) struct HangUp(mpsc::WeakSender<Piece>);

pub(super) fn detach(reader: Box<dyn Read + Send>) -> (Detached, HangUp) {
    let (sender, pieces) = mpsc::channel(2);
    let hang_up = HangUp(sender.downgrade());
    thread::spawn(move || read_all(reader, &sender));
    (Detached { pieces, now: io::Cursor::default() }, hang_up)
}

/// The last piece is one of no bytes, or an error.
fn read_all(mut reader: Box<dyn Read + Send>, pieces: &mpsc::Sender<Piece>) {
    loop {
        let mut piece = vec![0; PIECE];
        let read = match reader.read(&mut piece) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            read => read,
        };
        let is_last = !matches!(read, Ok(1..));
        let piece = read.map(|n| {
            piece.truncate(n);
            piece
        });
        if pieces.blocking_send(piece).is_err() || is_last {
            return;
        }
    }
}

impl Read for Detached {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.now.read(buffer)?;
        if left > 0 || buffer.is_empty() {
            return Ok(left);
        }
        match self.pieces.blocking_recv() {
            Some(piece) => self.now = io::Cursor::new(piece?),
            // The last piece was taken, or the reader has panicked.
            None => return Err(io::ErrorKind::BrokenPipe.into()),
        }
        self.now.read(buffer)
    }
}

impl Drop for HangUp {
    fn drop(&mut self) {
        // Where there is no room, whoever reads is not waiting, and notices by itself.
        if let Some(sender) = self.0.upgrade() {
            let _ = sender.try_send(Err(io::ErrorKind::BrokenPipe.into()));
        }
    }
}
