//! Questions to the person at the terminal: asked on standard error, answered on standard input.

use std::io::{self, BufRead, Read, Write};

use crate::exit::Failure;

/// The longest line that is read, in bytes.
const MAX_LINE: u64 = 64 * 1024;

/// Asks, and gives the line without its end; `None` where standard input has ended.
pub(crate) async fn line(question: String) -> Result<Option<String>, Failure> {
    blocking(move || {
        eprint!("{question}");
        io::stderr().flush()?;
        let mut line = String::new();
        if io::stdin().lock().take(MAX_LINE).read_line(&mut line)? == 0 {
            return Ok(None);
        }
        Ok(Some(line.trim_end_matches(['\r', '\n']).to_owned()))
    })
    .await
}

/// Reads all of standard input as text, at most `limit` bytes and one.
pub(crate) async fn all_input(limit: usize) -> Result<String, Failure> {
    blocking(move || {
        let mut text = String::new();
        io::stdin().lock().take(limit as u64 + 1).read_to_string(&mut text)?;
        Ok(text)
    })
    .await
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, Failure> {
    let failed = |error| Failure::Io("cannot read standard input", error);
    // A thread of its own, which nobody waits for when the program ends while it still reads.
    let (tx, rx) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || drop(tx.send(work())));
    rx.await.unwrap_or_else(|_| Err(io::ErrorKind::UnexpectedEof.into())).map_err(failed)
}
