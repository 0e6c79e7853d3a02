//! A program while it runs.

use std::fs;
use std::io::{Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crate::watched::Watched;

/// How often a running program's memory is looked at.
const SAMPLE: Duration = Duration::from_millis(20);

/// Is a started program whose output is collected as it comes; it is killed on drop.
pub struct Process {
    what: String,
    child: Child,
    output: Arc<Watched<Collected>>,
}

/// Names one of the two output streams.
#[derive(Clone, Copy, Debug)]
pub enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

/// Holds what a program took of the machine.
#[derive(Clone, Copy, Debug)]
pub struct Spent {
    /// Seconds of the processor.
    pub cpu: f64,
    /// The most memory that was resident, in megabytes.
    pub peak: f64,
    /// The most of it that was seen and is no part of a file, as the program itself is.
    pub own: f64,
}

/// Holds what a program left behind.
#[derive(Debug)]
pub struct Finished {
    /// How it ended.
    pub status: ExitStatus,
    /// All of standard output; bytes that are not UTF-8 are replaced.
    pub out: String,
    /// All of standard error, likewise.
    pub err: String,
}

impl Process {
    /// Starts the program with its output captured and no input.
    ///
    /// # Panics
    ///
    /// When it cannot be started.
    pub fn start(command: Command) -> Self {
        Self::start_with(command, Stdio::null())
    }

    /// Starts a program that is typed to.
    ///
    /// # Panics
    ///
    /// When it cannot be started.
    pub fn start_typing(command: Command) -> Self {
        Self::start_with(command, Stdio::piped())
    }

    fn start_with(mut command: Command, input: Stdio) -> Self {
        command.stdin(input).stdout(Stdio::piped()).stderr(Stdio::piped());
        let what = format!("{command:?}");
        let mut child = command.spawn().unwrap_or_else(|e| panic!("{what}: {e}"));
        let output = Arc::<Watched<Collected>>::default();
        collect(child.stdout.take(), Stream::Out, &output);
        collect(child.stderr.take(), Stream::Err, &output);
        Self { what, child, output }
    }

    /// Returns the number by which the system knows it.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Types a line, after which more may be typed.
    ///
    /// # Panics
    ///
    /// As [`type_all`](Self::type_all).
    pub fn type_line(&mut self, line: &str) {
        let input = self.child.stdin.as_mut().expect("a program that is typed to");
        writeln!(input, "{line}").expect("a program that reads");
    }

    /// Types something, and then nothing more.
    ///
    /// # Panics
    ///
    /// When it was not started to be typed to, or was typed to before.
    pub fn type_all(&mut self, text: &str) {
        let mut input = self.child.stdin.take().expect("a program that is typed to");
        input.write_all(text.as_bytes()).expect("a program that reads");
    }

    /// Presses Ctrl-C.
    ///
    /// # Panics
    ///
    /// When the signal cannot be sent.
    pub fn interrupt(&self) {
        self.signal("-INT");
    }

    /// Sends a signal, such as `-TERM`.
    ///
    /// # Panics
    ///
    /// When it cannot be sent.
    pub fn signal(&self, name: &str) {
        signal(name, self.child.id());
    }

    /// Waits until a text has come, be it on a line that has not ended.
    ///
    /// # Panics
    ///
    /// As [`line_after`](Self::line_after).
    pub fn says(&self, stream: Stream, text: &str) {
        let said = |output: &Collected| {
            output.stream(stream).windows(text.len()).any(|here| here == text.as_bytes())
        };
        let output = self.output.wait(|output| output.open == 0 || said(output));
        assert!(said(&output), "no `{text}` from {}\n{output}", self.what);
    }

    /// Waits for a line with `marker` in it and returns the rest of that line, trimmed.
    ///
    /// # Panics
    ///
    /// When the program ends or [`PATIENCE`](crate::PATIENCE) does before the line has come.
    pub fn line_after(&self, stream: Stream, marker: &str) -> String {
        let text = self.output.wait(|text| text.open == 0 || text.rest(stream, marker).is_some());
        let rest = text.rest(stream, marker);
        rest.unwrap_or_else(|| panic!("no `{marker}` from {}\n{text}", self.what))
    }

    /// Waits for such a line for so long, or until the program ends; gives the same where it came.
    pub fn line_within(&self, limit: Duration, stream: Stream, marker: &str) -> Option<String> {
        let come = |text: &Collected| text.open == 0 || text.rest(stream, marker).is_some();
        self.output.wait_for(limit, come).rest(stream, marker)
    }

    /// Returns all that it has printed until now.
    pub fn said(&self) -> String {
        self.output.wait_for(Duration::ZERO, |_| true).to_string()
    }

    /// Waits for the end of the program for so long, and tells whether it has come.
    pub fn ends_within(&self, limit: Duration) -> bool {
        self.output.wait_for(limit, |text| text.open == 0).open == 0
    }

    /// Waits for the end of the program, however long that takes, and returns what it took.
    ///
    /// # Panics
    ///
    /// Where there is no `/proc`.
    pub fn spent(&self) -> Spent {
        let (mut peak, mut own) = (0.0, 0.0_f64);
        // Nobody tells of a new peak, and with the program its memory's account goes.
        loop {
            peak = self.peak().unwrap_or(peak);
            own = own.max(self.memory("RssAnon:").unwrap_or_default());
            if self.output.wait_for(SAMPLE, |text| text.open == 0).open == 0 {
                return Spent { cpu: self.cpu(), peak, own };
            }
        }
    }

    /// Returns the seconds that all its threads have used, also when it has ended.
    ///
    /// # Panics
    ///
    /// Where there is no `/proc`.
    pub fn cpu(&self) -> f64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.id())).expect("Linux");
        // The name, in parentheses, may hold blanks.
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or("").split_whitespace().collect();
        let ticks = |field: usize| fields[field].parse::<f64>().expect("a number");
        (ticks(11) + ticks(12)) / 100.0
    }

    /// Returns the most memory that was resident until now, in megabytes; none has who has ended.
    pub fn peak(&self) -> Option<f64> {
        self.memory("VmHWM:")
    }

    fn memory(&self, account: &str) -> Option<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix(account))?;
        let kilobytes: f64 = line.split_whitespace().next()?.parse().ok()?;
        Some(kilobytes / 1e3)
    }

    /// Waits for the end of the program.
    ///
    /// # Panics
    ///
    /// When it outlives [`PATIENCE`](crate::PATIENCE).
    pub fn finish(mut self) -> Finished {
        let (out, err) = {
            let text = self.output.wait(|text| text.open == 0);
            assert!(text.open == 0, "{} does not end\n{text}", self.what);
            (lossy(&text.out), lossy(&text.err))
        };
        let status = self.child.wait().expect("a child that was started can be waited for");
        Finished { status, out, err }
    }

    /// Kills the program without a chance to say goodbye.
    pub fn kill(&mut self) {
        // It may have ended by itself; then there is nothing to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Finished {
    /// Checks that the program succeeded, and passes itself on.
    ///
    /// # Panics
    ///
    /// With the program's whole output when it did not.
    #[track_caller]
    pub fn succeeded(self) -> Self {
        assert!(self.status.success(), "{self}");
        self
    }

    /// Checks that the program failed with exit status 1 and returns the line that says why: the
    /// last one on standard error.
    ///
    /// # Panics
    ///
    /// When it ended otherwise, said nothing, or sent control characters to the terminal.
    #[track_caller]
    pub fn complaint(&self) -> &str {
        assert_eq!(self.status.code(), Some(1), "{self}");
        self.checked_for_controls();
        let line = self.err.lines().rfind(|line| !line.trim().is_empty());
        line.unwrap_or_else(|| panic!("failed in silence: {self:?}"))
    }

    /// Checks that the program failed and said one line on standard error, besides what it was
    /// about to send; returns that line.
    ///
    /// For what goes wrong before anything else happens. A mistake in the arguments may also end
    /// with exit status 2.
    ///
    /// # Panics
    ///
    /// When it ended otherwise, said nothing, said more, or sent control characters.
    #[track_caller]
    pub fn only_line(&self) -> &str {
        assert!(matches!(self.status.code(), Some(1 | 2)), "{self}");
        self.checked_for_controls();
        assert!(self.out.is_empty(), "{self}");
        let lines = self.err.lines();
        let mut lines =
            lines.filter(|line| !line.trim().is_empty() && !line.starts_with("Sending "));
        let line = lines.next().unwrap_or_else(|| panic!("failed in silence: {self:?}"));
        assert_eq!(lines.next(), None, "more than a line: {self}");
        line
    }

    #[track_caller]
    fn checked_for_controls(&self) {
        let raw = |c: char| c.is_control() && c != '\n';
        assert!(!self.err.contains(raw) && !self.out.contains(raw), "unescaped output: {self:?}");
        assert!(!self.err.contains("panicked"), "{self}");
    }
}

impl std::fmt::Display for Finished {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { status, out, err } = self;
        write!(f, "{status}\n--- standard output\n{out}\n--- standard error\n{err}")
    }
}

/// Sends a signal, such as `-INT`, to a process.
///
/// # Panics
///
/// When it cannot be sent.
pub(crate) fn signal(signal: &str, process: u32) {
    let sent = Command::new("kill").args([signal, &process.to_string()]).status();
    assert!(sent.is_ok_and(|status| status.success()), "cannot send {signal} to {process}");
}

/// What has come so far, and how many of the two streams can still bring more.
#[derive(Default)]
struct Collected {
    out: Vec<u8>,
    err: Vec<u8>,
    open: usize,
}

impl Collected {
    fn stream(&self, stream: Stream) -> &[u8] {
        match stream {
            Stream::Out => &self.out,
            Stream::Err => &self.err,
        }
    }

    /// The rest of the first whole line with a marker in it.
    fn rest(&self, stream: Stream, marker: &str) -> Option<String> {
        let bytes = self.stream(stream);
        let whole_lines = bytes.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
        let text = String::from_utf8_lossy(&bytes[..whole_lines]);
        let (_, rest) = text.split_once(marker)?;
        rest.lines().next().map(|line| line.trim().to_owned())
    }
}

impl std::fmt::Display for Collected {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (out, err) = (lossy(&self.out), lossy(&self.err));
        write!(f, "--- standard output\n{out}\n--- standard error\n{err}")
    }
}

fn collect(
    source: Option<impl Read + Send + 'static>,
    stream: Stream,
    output: &Arc<Watched<Collected>>,
) {
    let mut source = source.expect("the stream was asked to be a pipe");
    let output = Arc::clone(output);
    output.change(|text| text.open += 1);
    thread::spawn(move || {
        let mut piece = [0; 4096];
        while let Ok(n @ 1..) = source.read(&mut piece) {
            output.change(|text| {
                match stream {
                    Stream::Out => &mut text.out,
                    Stream::Err => &mut text.err,
                }
                .extend_from_slice(&piece[..n]);
            });
        }
        output.change(|text| text.open -= 1);
    });
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
