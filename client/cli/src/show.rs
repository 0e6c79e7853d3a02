//! All that is printed: messages for people on standard error, what was received on standard
//! output. Whatever comes from outside is escaped before it reaches a terminal.

use std::{
    cell::Cell,
    io::{self, IsTerminal, Write},
    path::{Path, PathBuf},
};

use indicatif::{ProgressBar, ProgressStyle};
use wormhole_client::{
    PUBLIC_SERVER, Stamp,
    protocol::{
        code::{Code, Weakness},
        key::Verifier,
        transit::Role,
        uri::Link,
    },
    transfer::{
        Announced, Event, FolderPlan, Reason, Target, Unpacked, Unsendable, escape, shortened,
    },
    transit::Via,
};

/// Prints a line of our own.
pub(crate) fn line(text: &str) {
    eprintln!("{text}");
}

/// How much is shown of what a server says to everybody, in characters, and in lines.
const MAX_MOTD: usize = 2_000;
const MAX_LINES: usize = 20;
/// The same of a name, in characters; those that a file can have are no longer.
const MAX_NAME: usize = 255;

/// Shows what the server's operator says to everybody.
pub(crate) fn motd(url: &str, text: &str) {
    eprintln!("Server (at {url}) says:\n {}", said(text).join("\n "));
}

/// What somebody says in several lines, no longer than somebody reads.
fn said(text: &str) -> Vec<String> {
    let mut left = MAX_MOTD;
    let mut lines = text.lines();
    let mut shown = Vec::new();
    while shown.len() < MAX_LINES
        && left > 0
        && let Some(line) = lines.next()
    {
        shown.push(escape(&shortened(line, left)));
        left = left.saturating_sub(line.chars().count());
    }
    let rest = lines.count();
    if rest > 0 {
        shown.push(format!("… ({rest} lines more)"));
    }
    shown
}

/// Shows the code, and how the other computer uses it.
pub(crate) fn code(code: &Code, command: &str) {
    eprintln!("Wormhole code is: {}", escape(code.as_str()));
    self::command(command);
}

/// Shows what the other person has to type.
pub(crate) fn command(command: &str) {
    eprintln!("On the other computer, please run:\n\n{}\n", escape(command));
}

/// Warns of a code that somebody else may guess, and says what would be better.
pub(crate) fn weakness(weakness: Weakness) {
    let why = match weakness {
        Weakness::Empty => "has no secret behind its number",
        Weakness::Short => "has a very short secret",
        _ => "has a secret that is easy to guess",
    };
    eprintln!(
        "Warning: this code {why}: somebody else may receive in place of the person you mean."
    );
    eprintln!(
        "{}",
        match weakness {
            Weakness::Empty => "Only use it where nobody else uses the same mailbox server.",
            _ => "Better leave out --code, or use two words or more that nobody would think of.",
        }
    );
}

/// Draws the code and its server as a link, in characters; not at all where that is too long.
pub(crate) fn qr(code: &Code, server: &str) {
    use qrcode::{QrCode, render::unicode::Dense1x2};
    // Terminals are mostly dark, so the light modules are the ones that are drawn.
    let rendezvous = (server != PUBLIC_SERVER).then(|| server.parse().ok()).flatten();
    let link = Link { code: code.clone(), rendezvous, role: Role::Receiver };
    if let Ok(qr) = QrCode::new(link.write().as_bytes()) {
        let mut drawn = qr.render::<Dense1x2>();
        let drawn = drawn.dark_color(Dense1x2::Light).light_color(Dense1x2::Dark);
        eprintln!("{}", drawn.quiet_zone(true).build());
    }
}

/// A path of this machine on one line, without the `./` of the working folder.
pub(crate) fn path(path: &Path) -> String {
    escape(&path.strip_prefix(".").unwrap_or(path).to_string_lossy())
}

/// Shows the verifier, for two people to compare.
pub(crate) fn verifier(verifier: &Verifier) {
    eprintln!("Verifier {}.", verifier.hex());
    eprintln!("In words: {}", verifier.words());
}

/// Shows what is offered, where it would go, and what it would replace there.
pub(crate) fn offer(announced: &Announced, offered_name: &str, target: &Target) {
    let place = path(target.path());
    let place = if target.is_folder() { format!("'{place}'/") } else { format!("'{place}'") };
    match announced {
        Announced::File { filesize } => {
            eprintln!("Receiving file ({}) into: {place}", size(*filesize));
        }
        Announced::Stream => eprintln!("Receiving file (size unknown) into: {place}"),
        Announced::Folder { zipsize, numbytes, numfiles } => {
            eprintln!("Receiving directory ({}) into: {place}", size(*zipsize));
            let files = if *numfiles == 1 { "file" } else { "files" };
            eprintln!("{numfiles} {files}, {} (uncompressed)", size(*numbytes));
        }
    }
    if target.path().file_name().is_none_or(|own| own != offered_name) {
        eprintln!("The other computer calls it '{}'", escape(&shortened(offered_name, MAX_NAME)));
    }
    if target.replaces() {
        eprintln!("Overwriting '{}'", path(target.path()));
    }
}

/// Shows what is left out of what is sent, and why.
pub(crate) fn skipped(skipped: &Unsendable) {
    match &skipped.reason {
        reason @ Reason::SentElsewhere => {
            eprintln!("'{}' is left out: {reason}", path(&skipped.path));
        }
        _ => eprintln!("{skipped} (ignoring error)"),
    }
}

/// The sum of what is sent, and of what is not.
pub(crate) fn planned(folder: &FolderPlan) -> String {
    let sum = sum(folder.offer.numfiles, folder.folders, folder.offer.numbytes);
    match folder.skipped.len() {
        0 => sum,
        skipped => format!("{sum}; {skipped} left out, as said above"),
    }
}

/// Shows the sum of what came out of an archive, and what was changed about it.
pub(crate) fn unpacked(announced: &Announced, unpacked: &Unpacked) {
    eprintln!("{}", sum(unpacked.files, unpacked.folders, unpacked.bytes));
    if let Announced::Folder { numbytes, .. } = announced
        && *numbytes != unpacked.bytes
    {
        eprintln!("The other computer had announced {}.", size(*numbytes));
    }
    if unpacked.freed > 0 {
        eprintln!(
            "{} of them came with permissions by which nobody could use it: now you can.",
            unpacked.freed
        );
    }
    if unpacked.renamed > 0 {
        eprintln!(
            "{} of them had a name with control characters or the like, which are written out now.",
            unpacked.renamed
        );
    }
}

fn sum(files: u64, folders: u64, bytes: u64) -> String {
    let (files, bytes) = (counted(files, "file", "files"), size(bytes));
    match folders {
        0 => format!("{files}, {bytes}"),
        _ => format!("{files} in {}, {bytes}", counted(folders, "folder", "folders")),
    }
}

fn counted(number: u64, one: &str, more: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { more })
}

/// Prints a received text on standard output: on a terminal escaped and on one line, elsewhere as
/// it came.
pub(crate) fn text(text: &str) -> io::Result<()> {
    if is_closed_output() {
        return Err(io::Error::new(
            io::ErrorKind::NotConnected,
            "it is closed, or nobody reads it",
        ));
    }
    let mut stdout = io::stdout().lock();
    if stdout.is_terminal() {
        writeln!(stdout, "{}", escape(text))?;
    } else {
        stdout.write_all(text.as_bytes())?;
        if !text.ends_with('\n') {
            stdout.write_all(b"\n")?;
        }
    }
    stdout.flush()
}

/// Whether the program was started without a standard output. Rust puts `/dev/null` in its place,
/// open for reading and writing, where everything succeeds and is lost; a shell that is told to
/// write there opens it for writing alone. Where the system does not tell, it is taken to be open.
fn is_closed_output() -> bool {
    const ACCESS: u32 = 0o3;
    const READ_AND_WRITE: u32 = 0o2;
    let null = std::fs::read_link("/proc/self/fd/1");
    let about = std::fs::read_to_string("/proc/self/fdinfo/1").unwrap_or_default();
    let flags = about.lines().find_map(|line| line.strip_prefix("flags:"));
    let flags = flags.and_then(|flags| u32::from_str_radix(flags.trim(), 8).ok());
    null.is_ok_and(|path| path == Path::new("/dev/null"))
        && flags.is_some_and(|flags| flags & ACCESS == READ_AND_WRITE)
}

/// A number of bytes in decimal units, such as `1.0 GB`, `10 Bytes` or `1 Byte`.
pub(crate) fn size(bytes: u64) -> String {
    match bytes {
        1 => return "1 Byte".to_owned(),
        0..1_000 => return format!("{bytes} Bytes"),
        _ => {}
    }
    let mut value = bytes as f64;
    let mut unit = "";
    for larger in ["kB", "MB", "GB", "TB", "PB", "EB"] {
        if value < 999.95 {
            break;
        }
        value /= 1_000.0;
        unit = larger;
    }
    format!("{value:.1} {unit}")
}

/// Shows a transfer while it goes on, and how far it came where it ends before all bytes have.
pub(crate) struct Progress {
    verb: &'static str,
    after: Option<&'static str>,
    bar: ProgressBar,
    /// How many bytes have come, and of how many; none before the first and after the last.
    reached: Cell<Option<(u64, Option<u64>)>>,
    /// Where what came stays, until it is in its place.
    kept: Cell<Option<PathBuf>>,
    /// Whether anything came.
    came: Cell<bool>,
}

impl Progress {
    pub(crate) fn sending(hide: bool) -> Self {
        let after = Some("File sent.. waiting for confirmation");
        Self {
            verb: "Sending",
            after,
            bar: bar(hide),
            reached: Cell::default(),
            kept: Cell::default(),
            came: Cell::default(),
        }
    }

    pub(crate) fn receiving(hide: bool) -> Self {
        Self {
            verb: "Receiving",
            after: None,
            bar: bar(hide),
            reached: Cell::default(),
            kept: Cell::default(),
            came: Cell::default(),
        }
    }

    pub(crate) fn event(&self, event: &Event) {
        match event {
            // What an honest program may do as well is told where it matters: with the way.
            Event::Remarked(remarks) if remarks.is_odd() => {
                eprintln!("Note: {}", escape(&remarks.to_string()));
            }
            Event::Connected(via) => self.connected(via),
            Event::Spooling => line("The other program must know the size: reading it all first.."),
            Event::Progress { done, total } => {
                match total {
                    Some(total) => self.bar.set_length(*total),
                    // Once is enough.
                    None if self.reached.get().is_none() => self.bar.set_style(style(ENDLESS)),
                    None => {}
                }
                self.bar.set_position(*done);
                self.reached.set(Some((*done, *total)));
                self.came.set(*done > 0);
            }
            Event::Cleared(left) => {
                line(&format!("Removed what a killed transfer had left: '{}'", path(left)));
            }
            Event::Hollow => {
                line("There is nothing in this folder: the other program may make none of it.");
            }
            Event::Grew(file) => line(&format!(
                "'{}' has grown since it was measured: what it held then was sent.",
                path(file)
            )),
            Event::Keeping(file) => self.kept.set(Some(file.clone())),
            Event::Placed => drop(self.kept.take()),
            Event::Sent | Event::Received => {
                self.reached.take();
                self.bar.finish_and_clear();
                self.after.into_iter().for_each(line);
            }
            _ => {}
        }
    }

    fn connected(&self, via: &Via) {
        eprintln!("{} ({})..", self.verb, escape(&shortened(&via.to_string(), MAX_NAME)));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some((done, total)) = self.reached.take() {
            self.bar.finish_and_clear();
            let of = total.map(|total| format!(" of {}", size(total))).unwrap_or_default();
            line(&format!("Broken off after {}{of}.", size(done)));
        }
        // Of what came nothing may have been written.
        if let Some(file) = self.kept.take().filter(|file| self.came.get() && file.exists()) {
            line(&format!("What came of it stays in '{}'.", path(&file)));
        }
    }
}

const MEASURED: &str = "{percent:>3}% [{bar:30}] {decimal_bytes}/{decimal_total_bytes} \
                        {decimal_bytes_per_sec} {eta}";
const ENDLESS: &str = "{decimal_bytes} {decimal_bytes_per_sec}";

fn bar(hide: bool) -> ProgressBar {
    if hide { ProgressBar::hidden() } else { styled(MEASURED) }
}

fn styled(template: &str) -> ProgressBar {
    ProgressBar::new(0).with_style(style(template))
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// Shows the work for a stamp while it goes on; on a terminal a bar, which vanishes in the end.
pub(crate) struct Work(ProgressBar);

impl Work {
    pub(crate) fn new() -> Self {
        line("The mailbox server wants some work done before it serves us..");
        Self(styled("{percent:>3}% [{bar:30}] {pos}/{len} tries, on average {eta}"))
    }

    pub(crate) fn at(&self, stamp: &Stamp) {
        // With bad luck it takes longer than on average: the bar stays full then.
        self.0.set_length(stamp.expected());
        self.0.set_position(stamp.tried.min(stamp.expected()));
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_cut_to_what_somebody_reads() {
        assert_eq!(said("one\ntwo\x1b"), ["one", "two\\x1b"]);
        let long = "x".repeat(MAX_MOTD + 7);
        assert_eq!(said(&long), [format!("{}… (7 characters more)", &long[7..])]);
        let lines = said(&"line\n".repeat(500));
        assert_eq!(lines.len(), MAX_LINES + 1);
        assert_eq!(lines[MAX_LINES], "… (480 lines more)");
        let both = said(&format!("{long}\nmore"));
        assert_eq!(both.len(), 2, "{both:?}");
    }

    #[test]
    fn sizes_are_for_people() {
        let cases = [
            (0, "0 Bytes"),
            (1, "1 Byte"),
            (999, "999 Bytes"),
            (1_000, "1.0 kB"),
            (1_500, "1.5 kB"),
            (999_949, "999.9 kB"),
            (999_950, "1.0 MB"),
            (5_000_000, "5.0 MB"),
            (1_000_000_000, "1.0 GB"),
            (u64::MAX, "18.4 EB"),
        ];
        for (bytes, shown) in cases {
            assert_eq!(size(bytes), shown);
        }
    }
}
