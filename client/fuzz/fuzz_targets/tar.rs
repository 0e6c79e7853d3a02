#![no_main]

use libfuzzer_sys::fuzz_target;
use wormhole_client::transfer::{Announced, Target};
use wormhole_client_fuzz::Scene;

fuzz_target!(|archive: &[u8]| {
    let scene = Scene::new();
    let file = Announced::File { filesize: archive.len() as u64 };
    let target = Target::plan_unpacked(scene.path(), None, &"d.tar".parse().unwrap(), file);
    scene.unpack(archive, target);
});
