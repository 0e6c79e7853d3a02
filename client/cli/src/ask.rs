//! Questions to the person at the terminal: asked on standard error, answered on standard input.

use std::io::{self, Read, Write};

use zeroize::Zeroizing;

use crate::exit::Failure;

/// Asks, and gives the line without its end; `None` where standard input has ended.
///
/// # Errors
/// Where it cannot be read, is not UTF-8, or has more than `limit` bytes.
pub(crate) async fn line(
    question: String,
    limit: usize,
) -> Result<Option<Zeroizing<String>>, Failure> {
    blocking(move || {
        eprint!("{question}");
        io::stderr().flush()?;
        read_line(&mut Unbuffered::stdin()?, limit)
    })
    .await
}

/// The longest answer to a question, in bytes.
pub(crate) const MAX_ANSWER: usize = 1024;

/// Reads a yes or no, be it typed, an argument or a variable.
pub(crate) fn answer(text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "y" | "yes" | "t" | "true" | "on" | "1" => Some(true),
        "n" | "no" | "f" | "false" | "off" | "0" => Some(false),
        _ => None,
    }
}

/// Reads all of standard input as text, at most `limit` bytes and one.
pub(crate) async fn all_input(limit: usize) -> Result<String, Failure> {
    blocking(move || {
        let mut text = String::new();
        Unbuffered::stdin()?.take(limit as u64 + 1).read_to_string(&mut text)?;
        Ok(text)
    })
    .await
}

/// Standard input without the library's buffer, which would keep what was typed for ever, and what
/// follows on it from whoever reads next.
#[cfg(unix)]
struct Unbuffered(std::fs::File);

#[cfg(unix)]
impl Unbuffered {
    fn stdin() -> io::Result<Self> {
        use std::os::fd::AsFd;
        Ok(Self(io::stdin().as_fd().try_clone_to_owned()?.into()))
    }
}

#[cfg(not(unix))]
struct Unbuffered(io::Stdin);

#[cfg(not(unix))]
impl Unbuffered {
    fn stdin() -> io::Result<Self> {
        Ok(Self(io::stdin()))
    }
}

impl Read for Unbuffered {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

/// Reads up to the end of the line and no further.
// What is behind it is for whoever reads next.
#[allow(clippy::unbuffered_bytes)]
fn read_line(input: &mut impl Read, limit: usize) -> io::Result<Option<Zeroizing<String>>> {
    let mut line = Zeroizing::new(Vec::new());
    for byte in input.bytes() {
        match byte? {
            b'\n' => return text(&line).map(Some),
            _ if line.len() == limit => {
                return Err(io::Error::other(format!("a line has more than {limit} bytes")));
            }
            other => line.push(other),
        }
    }
    if line.is_empty() { Ok(None) } else { text(&line).map(Some) }
}

fn text(line: &[u8]) -> io::Result<Zeroizing<String>> {
    let text = str::from_utf8(line).map_err(io::Error::other)?;
    Ok(Zeroizing::new(text.trim_end_matches('\r').to_owned()))
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_and_nothing_behind_it() {
        let mut input = &b"one\r\ntwo\n\nlast"[..];
        let mut next = || read_line(&mut input, 5).unwrap().map(|line| line.to_string());
        let lines: Vec<_> = std::iter::from_fn(&mut next).collect();
        assert_eq!(lines, ["one", "two", "", "last"]);
    }

    #[test]
    fn a_line_is_as_long_as_it_may_be() {
        let read = |text: &[u8]| read_line(&mut &text[..], 3);
        assert_eq!(read(b"abc\n").unwrap().unwrap().as_str(), "abc");
        assert_eq!(read(b"abc").unwrap().unwrap().as_str(), "abc");
        assert!(read(b"abcd").is_err());
        assert!(read(b"\xff\n").is_err());
    }

    #[test]
    fn a_yes_is_a_yes_however_it_is_written() {
        for yes in ["y", "Y", "yes", "YES", " yes ", "true", "on", "1"] {
            assert_eq!(answer(yes), Some(true), "{yes}");
        }
        for no in ["n", "No", "off", "0", "FALSE"] {
            assert_eq!(answer(no), Some(false), "{no}");
        }
        for neither in ["", " ", "yse", "nope", "maybe", "2"] {
            assert_eq!(answer(neither), None, "{neither}");
        }
    }
}
