//! What it costs to look through archives of odd shapes, and to unpack them.
//!
//! ```text
//! cargo bench -p wormhole-client --bench unpack [-- SHAPE..]
//! ```
//!
//! Time is that of the processor. What is looked through is refused at its last member, whose name
//! is that of the first but for its case, before anything is written. The last column is what does
//! not depend on the shape where the work is linear: the time to look through, by the bytes of the
//! archive. All files are empty.

use std::{env, io::Write, time::Duration};

use rustix::time::{ClockId, clock_gettime};
use wormhole_client::transfer::{Announced, ArrivalError, Target, UnpackError};

/// Names, and whether they are written out as well as looked through.
type Shape = (&'static str, fn() -> Vec<String>, bool);

const SHAPES: [Shape; 10] = [
    ("the issue's: 300 below 127 names beyond ASCII", || below(&deep("ä"), 300), true),
    ("the same in ASCII", || below(&deep("aa"), 300), true),
    ("3,000 below 127 names beyond ASCII", || below(&deep("ä"), 3_000), true),
    ("3,000 in two such folders in turn", || in_turn(3_000), true),
    ("1,000 such folders, each with a file", || apart(1_000), true),
    ("10,000 long names in one folder", || below(&"ä".repeat(127), 10_000), true),
    ("100,000 names in one folder", || below("a", 100_000), true),
    ("100,000 folders, each with a file", || each_in_its_own(100_000), true),
    ("100,000 empty folders", || folders(100_000), true),
    ("2,000,000 names in one folder", || below("a", 2_000_000), false),
];

/// A path of 127 names, as long as a path may be.
fn deep(letter: &str) -> String {
    vec![letter.repeat(15); 127].join("/")
}

fn below(folder: &str, count: usize) -> Vec<String> {
    (0..count).map(|n| format!("{folder}/{n}")).collect()
}

fn in_turn(count: usize) -> Vec<String> {
    let deep = deep("ä");
    (0..count).map(|n| format!("{}{deep}/{n}", n % 2)).collect()
}

/// Nothing is shared but the letters.
fn apart(count: usize) -> Vec<String> {
    let deep = deep("ä");
    (0..count).map(|n| format!("{n}{deep}/f")).collect()
}

fn each_in_its_own(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("{n}/f")).collect()
}

fn folders(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("{n}/")).collect()
}

fn main() {
    // Cargo adds an argument of its own.
    let wanted: Vec<_> = env::args().skip(1).filter(|argument| argument != "--bench").collect();
    println!(
        "{:>52}  {:>9}  {:>10}  {:>10}  {:>8}",
        "", "archive", "looked at", "unpacked", "ns/byte"
    );
    for (shape, names, is_written) in SHAPES {
        if !wanted.is_empty() && !wanted.iter().any(|wanted| shape.contains(wanted.as_str())) {
            continue;
        }
        let mut names = names();
        let unpacked = is_written.then(|| {
            spent(|| {
                unpack(&names).expect("the archive is fine");
            })
        });
        names.insert(0, "first".to_owned());
        names.push("FIRST".to_owned());
        let looked = spent(|| {
            let refused = unpack(&names);
            assert!(
                matches!(refused, Err(ArrivalError::Unpack(UnpackError::Collision { .. }))),
                "{refused:?}"
            );
        });
        let length = archive(&names).len();
        let unpacked = unpacked
            .map_or_else(|| "-".to_owned(), |spent| format!("{:.2} s", spent.as_secs_f64()));
        println!(
            "{shape:>52}  {:>6.1} MB  {:>8.2} s  {unpacked:>10}  {:>8.0}",
            length as f64 / 1e6,
            looked.as_secs_f64(),
            looked.as_nanos() as f64 / length as f64,
        );
    }
}

fn unpack(names: &[String]) -> Result<(), ArrivalError> {
    let archive = archive(names);
    let scene = tempfile::tempdir().expect("the system has room for temporary files");
    let numfiles = names.iter().filter(|name| !name.ends_with('/')).count() as u64;
    let announced = Announced::Folder { zipsize: archive.len() as u64, numbytes: 0, numfiles };
    let name = "d".parse().expect("a name");
    let target = Target::plan(scene.path(), None, &name, announced).expect("a fresh folder");
    let mut begun = target.begin()?;
    begun.write_all(&archive).expect("the system has room for temporary files");
    begun.commit().map(drop)
}

/// A stored zip archive of empty files, and of folders where a name ends in a slash.
fn archive(names: &[String]) -> Vec<u8> {
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for name in names {
        let offset = out.len() as u32;
        let mode: u32 = if name.ends_with('/') { 0o040_755 } else { 0o100_644 };
        let length = (name.len() as u16).to_le_bytes();
        out.extend(b"PK\x03\x04\x14\0\0\x08\0\0\0\0\x21\0");
        out.extend([0; 12]);
        out.extend(length);
        out.extend([0; 2]);
        out.extend(name.as_bytes());
        directory.extend(b"PK\x01\x02\x14\x03\x14\0\0\x08\0\0\0\0\x21\0");
        directory.extend([0; 12]);
        directory.extend(length);
        directory.extend([0; 8]);
        directory.extend((mode << 16).to_le_bytes());
        directory.extend(offset.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let (count, begin, size) = (names.len() as u64, out.len() as u64, directory.len() as u64);
    out.extend(directory);
    out.extend(b"PK\x06\x06");
    out.extend(44_u64.to_le_bytes());
    out.extend([45, 3, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    [count, count, size, begin].into_iter().for_each(|n| out.extend(n.to_le_bytes()));
    out.extend(b"PK\x06\x07\0\0\0\0");
    out.extend((begin + size).to_le_bytes());
    out.extend(1_u32.to_le_bytes());
    out.extend(b"PK\x05\x06\0\0\0\0");
    out.extend([0xff; 12]);
    out.extend([0; 2]);
    out
}

fn spent(work: impl FnOnce()) -> Duration {
    let before = processor();
    work();
    processor().saturating_sub(before)
}

/// The time that this process has had of the processor.
fn processor() -> Duration {
    let now = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}
