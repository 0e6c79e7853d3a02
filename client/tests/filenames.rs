//! Replays `filenames.json`: where offered things land, what the prompt accepts, what an archive
//! unpacks to. The vectors say what the Python client does; where ours does otherwise, the case
//! stands in a table here with its reason.

#![cfg(unix)]
#![allow(clippy::unwrap_used)]

use std::{
    fs,
    io::Write,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use data_encoding::BASE64;
use serde_json::Value;
use wormhole_client::transfer::{Announced, Destination, Plan, Target, WhenUnsendable, accepts};

fn vectors() -> Value {
    serde_json::from_str(include_str!("vectors/filenames.json")).unwrap()
}

/// What we do where Python does something else.
enum Ours {
    Refuses(&'static str),
    Lands(&'static str),
}

/// A case of `destination` as (offered name, output, existing files), ours, and why.
fn destination_deviation(
    offered: &str,
    output: Option<&str>,
    existing: &[&str],
) -> Option<(Ours, &'static str)> {
    Some(match (offered, output) {
        (path, _) if path.contains('/') => {
            (Ours::Refuses("a path"), "no honest program offers one")
        }
        ("new\nline", None) => (Ours::Lands("new␊line"), "what controls a terminal is written out"),
        ("tab\t", None) => (Ours::Lands("tab␉"), "what controls a terminal is written out"),
        ("esc\u{1b}[31mred", None) => {
            (Ours::Lands("esc␛[31mred"), "what controls a terminal is written out")
        }
        ("\u{202e}txt.exe", None) => {
            (Ours::Lands("[U+202E]txt.exe"), "a reversed name shows another type")
        }
        ("a\0b", None) => (Ours::Refuses("NUL"), "no file can have it; Python fails later"),
        (long, None) if long.len() > 255 => (Ours::Refuses("the limit is 255"), "over-long name"),
        ("..", Some("out")) => (Ours::Refuses("'.' or '..'"), "refused for its name already"),
        ("", Some("out")) => (Ours::Refuses("empty name"), "refused for its name already"),
        ("f", Some("sub/out")) => {
            (Ours::Refuses("No such file"), "Python fails only when it opens the file")
        }
        ("f", Some("out/")) => (Ours::Refuses("No such file"), "what ends so is a folder"),
        ("f", Some("out")) if existing == ["out/f"] => {
            (Ours::Refuses("overwrite existing"), "nobody named that file but the peer")
        }
        _ => return None,
    })
}

fn land(folder: &Path, offered: &str, output: Option<&str>) -> Result<PathBuf, String> {
    let announced = Announced::File { filesize: 3 };
    let target = Destination::of(folder, output.map(Path::new))
        .and_then(|destination| destination.target(offered, announced))
        .map_err(|error| error.to_string())?;
    let before = fs::read(target.path()).ok();
    assert_eq!(target.replaces(), before.is_some());
    let mut begun = target.begin().unwrap();
    begun.write_all(b"new").unwrap();
    Ok(begun.commit().unwrap())
}

fn names(list: &Value) -> impl Iterator<Item = &str> {
    list.as_array().unwrap().iter().map(|name| name.as_str().unwrap())
}

#[test]
fn offered_things_land_where_python_puts_them() {
    for case in vectors()["destination"].as_array().unwrap() {
        let scene = tempfile::tempdir().unwrap();
        let folder = scene.path().join("cwd");
        fs::create_dir(&folder).unwrap();
        for existing in names(&case["existing_dirs"]) {
            fs::create_dir_all(folder.join(existing)).unwrap();
        }
        for existing in names(&case["existing_files"]) {
            fs::create_dir_all(folder.join(existing).parent().unwrap()).unwrap();
            fs::write(folder.join(existing), b"old").unwrap();
        }
        let offered = case["offered"].as_str().unwrap();
        let output = case["output_file"].as_str();
        let existing_files: Vec<_> = names(&case["existing_files"]).collect();

        let landed = land(&folder, offered, output);

        let python = case["relative_destination"].as_str();
        let expected = match destination_deviation(offered, output, &existing_files) {
            Some((Ours::Refuses(reason), _)) => Err(reason),
            Some((Ours::Lands(path), _)) => Ok(path),
            None => python.ok_or(""),
        };
        match (&landed, expected) {
            (Ok(path), Ok(relative)) => {
                assert_eq!(*path, folder.join(relative), "{offered:?}");
                assert_eq!(fs::read(path).unwrap(), b"new");
            }
            (Err(error), Err(reason)) => {
                assert!(error.contains(reason), "{offered:?}: {error}");
                // Python removes what it overwrites before the transfer; we replace it at the end.
                for existing in names(&case["existing_files"]) {
                    assert_eq!(fs::read(folder.join(existing)).unwrap(), b"old", "{offered:?}");
                }
            }
            _ => panic!("{offered:?} into {output:?}: {landed:?}, expected {expected:?}"),
        }
        let rest = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name());
        assert!(rest.into_iter().all(|name| !name.to_str().unwrap().starts_with(".wormhole-")));
    }
}

#[test]
fn the_prompt_accepts_what_python_accepts() {
    for case in vectors()["permission_prompt"].as_array().unwrap() {
        let typed = case["typed"].as_str().unwrap();
        assert_eq!(accepts(typed), case["result"] == "accept", "{typed:?}");
    }
}

/// One line for everything below a folder, the folder itself first: path, kind, mode, content.
fn tree(root: &Path) -> Vec<String> {
    let mut lines = Vec::new();
    let mut waiting = vec![root.to_owned()];
    while let Some(path) = waiting.pop() {
        let metadata = fs::symlink_metadata(&path).unwrap();
        let relative = path.strip_prefix(root.parent().unwrap()).unwrap().display().to_string();
        let mode = metadata.permissions().mode() & 0o7777;
        if metadata.is_dir() {
            lines.push(line(&relative, "dir", mode, ""));
            waiting.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else {
            let readable = mode & 0o400 != 0;
            let content = if readable { fs::read_to_string(&path).unwrap() } else { String::new() };
            lines.push(line(&relative, "file", mode, &content));
        }
    }
    lines.sort();
    lines
}

fn line(path: &str, kind: &str, mode: u32, content: &str) -> String {
    format!("{path:?} {kind} {mode:o} {content:?}")
}

/// The permissions of a new folder and of a new file in this process.
fn fresh_modes() -> (u32, u32) {
    let folder = tempfile::tempdir().unwrap();
    let (dir, file) = (folder.path().join("d"), folder.path().join("f"));
    fs::create_dir(&dir).unwrap();
    fs::write(&file, b"").unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    (mode(&dir), mode(&file))
}

/// Archives of `extraction` which we refuse, with our reason; Python refuses some of them as well,
/// and leaves what came before.
fn refused_archive(name: &str) -> Option<&'static str> {
    Some(match name {
        "parent escape" => "unsafe name '../evil'",
        "absolute" => "unsafe name '/abs'",
        "sibling prefix" => "unsafe name '../dst-plus/evil'",
        "inner dotdot that stays inside" => "unsafe name 'a/../b'",
        "name equal to destination (dot)" => "unsafe name '.'",
        "good then bad" => "unsafe name '../bad'",
        // Python writes the text of the link into a file; nothing a sender means to do.
        "symlink entry" | "symlink then through it" => "the link 'link'",
        // Python lets the last one win.
        "duplicate names" => "'a' twice",
        _ => return None,
    })
}

/// Python's tree as lines, and ours where it differs.
fn expected_tree(case: &Value) -> Vec<String> {
    let (fresh_dir, fresh_file) = fresh_modes();
    let name = case["name"].as_str().unwrap();
    let from_archive = |path: &str| {
        case["entries"].as_array().unwrap().iter().any(|entry| {
            entry["name"].as_str().unwrap().trim_end_matches('/') == path.trim_start_matches("dst/")
        })
    };
    let python = case["tree"].as_array().unwrap().iter().map(|node| {
        let (path, kind) = (node["path"].as_str().unwrap(), node["kind"].as_str().unwrap());
        let mode = node["mode"].as_str().unwrap().trim_start_matches("0o");
        let mode = match u32::from_str_radix(mode, 8).unwrap() {
            // An archive without modes: Python makes the file unreadable.
            0 => fresh_file,
            _ if kind == "dir" && !from_archive(path) => fresh_dir,
            // Python leaves a file that not even its owner may read.
            mode if kind == "file" && mode & 0o400 == 0 => (mode | 0o600) & fresh_dir,
            // Python keeps setuid and sticky bits, and what the umask forbids.
            mode => mode & fresh_dir,
        };
        let content = match (name, path) {
            ("no unix attributes (mode 0)", "dst/a") => "A",
            _ => node["content"].as_str().unwrap_or_default(),
        };
        // Python lets through what controls a terminal.
        line(&path.replace('\n', "␊"), kind, mode, content)
    });
    let mut lines: Vec<String> = python.collect();
    // Python refuses `./`, and makes no folder for an archive with nothing in it.
    if name.starts_with("dot directory entry") || name == "empty archive" {
        assert!(lines.is_empty());
        lines.push(line("dst", "dir", fresh_dir, ""));
    }
    lines.sort();
    lines
}

#[test]
fn archives_unpack_to_the_same_tree() {
    for case in vectors()["extraction"].as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        let archive = BASE64.decode(case["zip_base64"].as_str().unwrap().as_bytes()).unwrap();
        let entries = case["entries"].as_array().unwrap();
        let files = entries.iter().filter(|entry| !entry["name"].as_str().unwrap().ends_with('/'));
        let sizes = files.map(|entry| entry["data"].as_str().unwrap().len() as u64);
        let (numfiles, numbytes) = sizes.fold((0, 0), |(n, sum), size| (n + 1, sum + size));
        let scene = tempfile::tempdir().unwrap();
        let zipsize = archive.len() as u64;
        let announced = Announced::Folder { zipsize, numbytes, numfiles };
        let offered = "dst".parse().unwrap();

        let mut begun =
            Target::plan(scene.path(), None, &offered, announced).unwrap().begin().unwrap();
        begun.write_all(&archive).unwrap();
        let committed = begun.commit();

        match refused_archive(name) {
            Some(reason) => {
                let error = committed.unwrap_err().to_string();
                assert!(error.contains(reason), "{name}: {error}");
                assert_eq!(fs::read_dir(scene.path()).unwrap().count(), 0, "{name}");
            }
            None => {
                assert_eq!(tree(&committed.unwrap()), expected_tree(case), "{name}");
                assert_eq!(fs::read_dir(scene.path()).unwrap().count(), 1, "{name}");
            }
        }
    }
}

/// Sends a path into an empty folder, and gives what is in that.
fn arrived(path: &Path) -> (tempfile::TempDir, PathBuf) {
    let plan = Plan::of(path, WhenUnsendable::Refuse).unwrap();
    let (offered, announced) = match &plan {
        Plan::File(file) => (file.offer.filename.clone(), Announced::from(&file.offer)),
        Plan::Folder(folder) => (folder.offer.dirname.clone(), Announced::from(&folder.offer)),
        Plan::Stream(_) => unreachable!("a path has a size"),
    };
    let to = tempfile::tempdir().unwrap();
    let target = Destination::of(to.path(), None).unwrap().target(&offered, announced).unwrap();
    let mut begun = target.begin().unwrap();
    std::io::copy(&mut plan.open().unwrap(), &mut begun).unwrap();
    let landed = begun.commit().unwrap();
    (to, landed)
}

fn only_name(folder: &Path) -> String {
    let mut inside = fs::read_dir(folder).unwrap();
    let name = inside.next().unwrap().unwrap().file_name().into_string().unwrap();
    assert!(inside.next().is_none());
    name
}

#[test]
fn a_name_becomes_the_same_of_a_file_of_a_folder_and_of_what_is_in_one() {
    for (name, here) in [
        ("new\nline", "new␊line"),
        ("tab\t", "tab␉"),
        ("esc\u{1b}[31mred", "esc␛[31mred"),
        ("csi\u{9b}", "csi[U+009B]"),
        ("gpj.\u{202e}exe", "gpj.[U+202E]exe"),
        ("mark\u{200f}", "mark[U+200F]"),
        ("soft\u{ad}hyphen", "soft\u{ad}hyphen"),
        ("\u{feff}bom", "\u{feff}bom"),
        (
            "🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}",
            "🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}",
        ),
        ("back\\slash", "back\\slash"),
        (".-rf ", ".-rf "),
    ] {
        let from = tempfile::tempdir().unwrap();
        let folder = from.path().join(name);
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join(name), b"x").unwrap();
        let (alone, _) = arrived(&folder.join(name));
        let (inside, landed) = arrived(&folder);
        assert_eq!(only_name(alone.path()), here);
        assert_eq!(only_name(inside.path()), here);
        assert_eq!(only_name(&landed), here);
    }
}
