//! Disks that are full, fill up, or cannot be written to.

use super::*;

/// Runs checks with a disk of so many megabytes as the target; or says why it does not.
fn on_a_small_disk(scene: &Scene, size: &str, checks: impl FnOnce() -> Option<()>) {
    let target = scene.target();
    let mut mount = Command::new("mount");
    mount.args(["-t", "tmpfs", "-o", size, "tmpfs"]).arg(&target);
    if !mount.output().is_ok_and(|done| done.status.success()) {
        return Missing::because("nothing can be mounted here").skip();
    }
    let checked = catch_unwind(AssertUnwindSafe(checks));
    Command::new("umount").arg(&target).status().unwrap();
    if let Err(failed) = checked {
        resume_unwind(failed);
    }
}

#[test]
fn a_disk_that_is_too_full_is_told_and_left_as_it_was() {
    let scene = Scene::new();
    let target = scene.target();
    on_a_small_disk(&scene, "size=3m", || {
        let sender = ["send", "\"large.bin\"", &LARGE.to_string(), &LARGE.to_string()];
        let (sender, code) = scene.scripted(&sender)?;
        let finished = scene.receive(&[&code]).finish();
        let line = finished.complaint().to_owned();
        assert!(line.contains("4.0 MB are needed and 3.1 MB are left"), "{line}");
        assert!(sender.finish().out.contains("refused"));

        // It fills up only after the question.
        let (sender, code) = scene.scripted(&["send", "\"f\"", "2500000", "2500000"])?;
        let client = Client::new(Maker::Ours, &scene.server).unwrap();
        let mut receiver = client.run(&target, &["receive", "--hide-progress"]);
        receiver.arg(&code);
        let mut receiver = Process::start_typing(receiver);
        receiver.line_after(Stream::Err, "Receiving file (2.5 MB) into: ");
        fs::write(target.join("other"), vec![7; 2_000_000]).unwrap();
        receiver.type_line("y");
        let finished = receiver.finish();
        assert!(finished.complaint().contains("are needed and"), "{finished}");
        assert!(sender.finish().out.contains("refused"));
        assert_eq!(files(&target), ["other"]);
        Some(())
    });
}

#[test]
fn a_text_needs_no_place_and_a_file_that_has_none_is_told() {
    let scene = Scene::new();
    on_a_small_disk(&scene, "ro,size=1m", || {
        let client = Client::new(Maker::Ours, &scene.server).unwrap();
        for (what, code) in [(&["--text", "hello"][..], "1-a-b"), (&["note"], "2-a-b")] {
            fs::write(scene.sandbox.path().join("note"), "a note").unwrap();
            let args = [&["--code", code], what].concat();
            let sender = Process::start(client.send(scene.sandbox.path(), &args));
            let received = scene.receive(&[code]).finish();
            let sent = sender.finish();
            if what == ["note"] {
                assert!(received.complaint().contains("Read-only file system"), "{received}");
                assert!(sent.complaint().contains("could not store"), "{sent}");
            } else {
                assert_eq!(received.succeeded().out, "hello\n");
                sent.succeeded();
            }
        }
        Some(())
    });
}

#[test]
fn a_disk_that_fills_up_in_the_middle_is_told_and_left_as_it_was() {
    let scene = Scene::new();
    let target = scene.target();
    on_a_small_disk(&scene, "size=5m", || {
        for (args, left) in [(&[][..], 1), (&["--keep-partial"], 3)] {
            let half = (LARGE / 2).to_string();
            let sender = ["stall", "\"half.bin\"", &LARGE.to_string(), &half];
            let (mut sender, code) = scene.scripted_typing(&sender)?;
            let receiver = scene.receive(&[args, &[&code]].concat());
            sender.line_after(Stream::Out, "stalled");
            fs::write(target.join("other"), vec![7; 2_000_000]).unwrap();
            sender.type_line("go on");
            let finished = receiver.finish();
            assert!(finished.complaint().contains("No space left"), "{finished}");
            assert_eq!(files(&target).len(), left, "{finished}");
            fs::remove_file(target.join("other")).unwrap();
        }
        Some(())
    });
}

#[test]
fn data_of_unknown_length_does_not_fill_a_disk_to_the_brim() {
    let scene = Scene::new();
    on_a_small_disk(&scene, "size=8m", || {
        let client = Client::new(Maker::Ours, &scene.server).unwrap();
        for (length, fits) in [(6_000_000, true), (9_000_000, false)] {
            fs::write(scene.sandbox.path().join("data"), vec![b'x'; length]).unwrap();
            let sender = client.send(scene.sandbox.path(), &["--code", "7-brim-full", "-"]);
            let sender = Process::start(by_shell(r#"exec "$@" <data"#, &sender));
            let receiver = scene.receive(&["7-brim-full", "-o", "brim"]);
            let (received, sent) = (receiver.finish(), sender.finish());
            if fits {
                received.succeeded();
                sent.succeeded();
                fs::remove_file(scene.target().join("brim")).unwrap();
            } else {
                assert!(received.complaint().contains("are left after"), "{received}");
                assert!(sent.complaint().contains("the receiver's disk is full"), "{sent}");
            }
        }
        assert_eq!(files(&scene.target()), [""; 0]);
        Some(())
    });
}

#[test]
fn a_folder_needs_no_more_room_than_its_files() {
    let scene = Scene::new();
    let target = scene.target();
    let album = scene.sandbox.path().join("album");
    fs::create_dir(&album).unwrap();
    fs::write(album.join("large.bin"), vec![7; LARGE]).unwrap();
    fs::write(album.join("z"), b"last").unwrap();
    let receive = |args: &[&str]| {
        let client = Client::new(Maker::Ours, &scene.server).unwrap();
        let sender = Process::start(client.send(scene.sandbox.path(), &["album"]));
        let finished = scene.receive(&[args, &[&sender.code()]].concat()).finish();
        drop(sender.finish());
        finished
    };
    on_a_small_disk(&scene, "size=7m", || {
        // The archive is to stay, so there must be room for both.
        let finished = receive(&["--keep-partial"]);
        assert!(finished.complaint().contains("8.0 MB are needed and"), "{finished}");
        assert_eq!(files(&target), [""; 0]);
        receive(&[]).succeeded();
        assert!(fs::read(target.join("album/large.bin")).unwrap() == vec![7; LARGE]);
        assert_eq!(fs::read(target.join("album/z")).unwrap(), b"last");
        Some(())
    });
}
