#![no_main]

use std::{
    fs,
    io::{Cursor, Read},
    path::Path,
};

use libfuzzer_sys::fuzz_target;
use wormhole_client::transfer::{Announced, Target};
use wormhole_client_fuzz::Scene;

/// The sum of the sizes that are announced, in bytes.
const NUMBYTES: u64 = 1 << 16;

// The first byte tells how many files are announced, and whether names may collide.
fuzz_target!(|input: &[u8]| {
    let Some((announced, archive)) = input.split_first() else { return };
    let scene = Scene::new();
    let (numfiles, accept) = (u64::from(announced & 0x7f), announced & 0x80 != 0);
    let folder =
        Announced::Folder { zipsize: archive.len() as u64, numbytes: NUMBYTES, numfiles };
    let target = Target::plan(scene.path(), None, &"d".parse().unwrap(), folder)
        .map(|target| target.accept_colliding_names(accept));
    if let Some((path, unpacked)) = scene.unpack(archive, target)
        && unpacked.renamed == 0
    {
        another_reader_finds_the_same(archive, &path);
    }
});

/// Where another reader can read the archive at all.
fn another_reader_finds_the_same(archive: &[u8], path: &Path) {
    let Ok(mut other) = zip::ZipArchive::new(Cursor::new(archive)) else { return };
    for index in 0..other.len() {
        let Ok(mut entry) = other.by_index(index) else { continue };
        let raw = entry.name_raw().to_vec();
        let Ok(name) = std::str::from_utf8(&raw) else { panic!("{raw:?}") };
        let parts = name.split('/').filter(|part| !matches!(*part, "" | "."));
        let place = parts.fold(path.to_owned(), |path, part| path.join(part));
        if name.ends_with('/') {
            assert!(place.is_dir(), "{name:?}");
            continue;
        }
        let mut content = Vec::new();
        if entry.by_ref().take(2 * NUMBYTES).read_to_end(&mut content).is_ok() {
            assert!(fs::read(&place).expect("it was unpacked") == content, "{name:?}");
        }
    }
}
