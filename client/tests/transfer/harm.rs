//! Peers that mean harm: names, archives, and folders swapped for links.

use std::{
    fs,
    io::{self, Cursor, Write},
    os::unix::fs::{PermissionsExt, symlink},
};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use wormhole_client::{
    protocol::transit::{Hints, Role},
    transfer::{ArrivalError, Event, IncomingBulk, NameError, TransferError, UnpackError},
    transit::{Connection, LandError},
};
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

use super::scene::{Scene, on};

/// The name of the folder that is offered.
const NAME: &str = "NAME";

fn stored() -> SimpleFileOptions {
    SimpleFileOptions::default()
        .compression_method(CompressionMethod::Stored)
        .unix_permissions(0o644)
}

/// An archive of files, whose names may be anything.
fn zip_of(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (at, (_, content)) in files.iter().enumerate() {
        // Names of one length each, which are then replaced: the crate would refuse the hostile.
        writer.start_file(placeholder(at, files[at].0.len()), stored()).unwrap();
        writer.write_all(content).unwrap();
    }
    let mut archive = writer.finish().unwrap().into_inner();
    for (signature, offset) in [(b"PK\x03\x04", 30), (b"PK\x01\x02", 46)] {
        let places = archive.windows(4).enumerate().filter(|(_, window)| window == signature);
        let starts: Vec<_> = places.map(|(start, _)| start + offset).collect();
        for (start, (name, _)) in starts.into_iter().zip(files) {
            archive[start..start + name.len()].copy_from_slice(name.as_bytes());
        }
    }
    archive
}

fn placeholder(at: usize, length: usize) -> String {
    char::from(b'0' + at as u8).to_string().repeat(length)
}

impl super::scene::Peer {
    /// Offers an archive as a folder, waits until it is wanted, and sends it.
    async fn send_folder(&self, archive: &[u8], numbytes: u64, numfiles: u64) -> Connection {
        self.say_transit(&Hints::default());
        self.say(&json!({"offer": {"directory": {
            "mode": "zipfile/deflated", "dirname": NAME, "zipsize": archive.len(),
            "numbytes": numbytes, "numfiles": numfiles}}}));
        let hints = self.hear_transit().await;
        assert_eq!(self.hear().await, json!({"answer": {"file_ack": "ok"}}));
        let connection = self.connect(Role::Sender, &hints).await;
        for piece in archive.chunks(100_000) {
            connection.send_record(piece.to_vec()).await.unwrap();
        }
        connection
    }
}

/// Has an archive sent as a folder, and gives why it is refused; the peer is not acknowledged, and
/// nothing is left.
async fn refused(scene: &Scene, archive: &[u8], numbytes: u64, numfiles: u64) -> UnpackError {
    let sending = async {
        let connection = scene.peer.send_folder(archive, numbytes, numfiles).await;
        let told = scene.peer.hear_error().await;
        assert_eq!(told, "the receiver could not store what it was sent");
        let ack = connection.receive_record(1000).await;
        assert!(matches!(ack, Err(LandError::NoRecord)), "{ack:?}");
    };
    let (received, ()) = tokio::join!(scene.receive(), sending);
    assert_eq!(scene.received(), [""; 0]);
    match received {
        Err(TransferError::Arrival(ArrivalError::Unpack(error))) => error,
        other => panic!("{other:?}"),
    }
}

async fn refused_name(bulk: IncomingBulk, scene: &Scene) -> NameError {
    match bulk.accept_into(scene.folder.path(), |_| ()).await {
        Err(TransferError::Name(error)) => error,
        other => panic!("{other:?}"),
    }
}

/// Offers a file of this name, and gives why it is refused; the peer is told that it is.
async fn refused_offer(scene: &Scene, name: &str) -> NameError {
    scene.peer.say_transit(&Hints::default());
    scene.peer.offer_file(name, 0);
    let refused = refused_name(scene.bulk().await, scene).await;
    scene.peer.hear_transit().await;
    assert_eq!(scene.peer.hear_error().await, "transfer rejected");
    assert_eq!(scene.received(), [""; 0]);
    refused
}

#[actix::test]
async fn an_offered_path_upwards_is_refused() {
    on(async |scene: &Scene| assert_eq!(refused_offer(scene, "../x").await, NameError::Path)).await;
}

#[actix::test]
async fn an_offered_absolute_path_is_refused() {
    on(async |scene: &Scene| assert_eq!(refused_offer(scene, "/abs").await, NameError::Path)).await;
}

#[actix::test]
async fn an_offered_path_downwards_is_refused() {
    on(async |scene: &Scene| assert_eq!(refused_offer(scene, "a/b").await, NameError::Path)).await;
}

#[actix::test]
async fn an_offered_dot_is_refused() {
    on(async |scene: &Scene| assert_eq!(refused_offer(scene, ".").await, NameError::Dots)).await;
}

#[actix::test]
async fn offered_dots_are_refused() {
    on(async |scene: &Scene| assert_eq!(refused_offer(scene, "..").await, NameError::Dots)).await;
}

#[actix::test]
async fn an_offered_empty_name_is_refused() {
    on(async |scene: &Scene| assert_eq!(refused_offer(scene, "").await, NameError::Empty)).await;
}

#[actix::test]
async fn an_offered_name_of_4_kb_is_refused() {
    on(async |scene: &Scene| {
        let refused = refused_offer(scene, &"x".repeat(4096)).await;
        assert_eq!(refused, NameError::TooLong { bytes: 4096 });
    })
    .await;
}

#[actix::test]
async fn an_offered_nul_is_refused() {
    on(async |scene: &Scene| {
        let refused = refused_offer(scene, "a\0b").await;
        assert_eq!(refused, NameError::Nul);
    })
    .await;
}

#[actix::test]
async fn a_member_upwards_is_refused() {
    on(async |scene: &Scene| {
        let archive = zip_of(&[("ok", b"1"), ("../f", b"2")]);
        let error = refused(scene, &archive, 2, 2).await;
        assert!(matches!(error, UnpackError::Unsafe { shown } if shown == "../f"));
    })
    .await;
}

#[actix::test]
async fn an_absolute_member_is_refused() {
    on(async |scene: &Scene| {
        let error = refused(scene, &zip_of(&[("/etc/cron.d/f", b"2")]), 1, 1).await;
        assert!(matches!(error, UnpackError::Unsafe { shown } if shown == "/etc/cron.d/f"));
    })
    .await;
}

#[actix::test]
async fn a_member_in_a_sibling_of_a_longer_name_is_refused() {
    on(async |scene: &Scene| {
        let error = refused(scene, &zip_of(&[("../NAME-x/f", b"2")]), 1, 1).await;
        assert!(matches!(error, UnpackError::Unsafe { shown } if shown == "../NAME-x/f"));
    })
    .await;
}

#[actix::test]
async fn a_symbolic_link_is_refused() {
    on(async |scene: &Scene| {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        writer.add_symlink("link", "/etc/passwd", stored()).unwrap();
        let archive = writer.finish().unwrap().into_inner();
        let error = refused(scene, &archive, 11, 1).await;
        assert!(matches!(error, UnpackError::Link { shown } if shown == "link"));
    })
    .await;
}

#[actix::test]
async fn a_member_twice_is_refused() {
    on(async |scene: &Scene| {
        let error = refused(scene, &zip_of(&[("f", b"1"), ("f", b"2")]), 2, 2).await;
        assert!(matches!(error, UnpackError::Twice { shown } if shown == "f"));
    })
    .await;
}

#[actix::test]
async fn members_of_one_name_on_some_disk_are_taken_where_the_disk_tells_them_apart() {
    on(async |scene: &Scene| {
        let probe = |name: &str| scene.folder.path().join(name);
        fs::write(probe("probe"), b"").unwrap();
        let told_apart = !probe("PROBE").exists();
        fs::remove_file(probe("probe")).unwrap();
        if !told_apart {
            eprintln!("skipped: the disk for temporary files takes them for one");
            return;
        }
        let archive = zip_of(&[("Makefile", b"1"), ("makefile", b"2"), ("\u{e9}", b"3")]);
        let sending = async {
            let connection = scene.peer.send_folder(&archive, 3, 3).await;
            drop(connection.receive_record(1000).await);
        };
        tokio::join!(scene.receive(), sending).0.unwrap();
        let folder = scene.folder.path().join(NAME);
        assert_eq!(fs::read(folder.join("Makefile")).unwrap(), b"1");
        assert_eq!(fs::read(folder.join("makefile")).unwrap(), b"2");
        assert_eq!(scene.received(), [NAME]);
    })
    .await;
}

#[actix::test]
async fn setuid_and_its_like_are_forgotten() {
    on(async |scene: &Scene| {
        let mut archive = zip_of(&[("suid", b"1"), ("plain", b"2")]);
        // The mode is in the upper half of the attributes of the record.
        let record = archive.windows(4).position(|window| window == b"PK\x01\x02").unwrap();
        archive[record + 40..record + 42].copy_from_slice(&0o107_755_u16.to_le_bytes());
        let sending = async {
            let connection = scene.peer.send_folder(&archive, 2, 2).await;
            drop(connection.receive_record(1000).await);
        };
        let (received, ()) = tokio::join!(scene.receive(), sending);
        received.unwrap();
        let mode = |name: &str| {
            let file = scene.folder.path().join(NAME).join(name);
            fs::metadata(file).unwrap().permissions().mode() & 0o7777
        };
        assert_eq!((mode("suid") & 0o7700, mode("plain") & 0o7700), (0o700, 0o600));
    })
    .await;
}

#[actix::test]
async fn a_member_larger_than_announced_is_refused() {
    on(async |scene: &Scene| {
        let zeros = vec![0; 1_000_000];
        let error = refused(scene, &zip_of(&[("zeros", &zeros)]), 10, 1).await;
        assert!(matches!(error, UnpackError::TooLarge { announced: 10 }));
    })
    .await;
}

#[actix::test]
async fn more_members_than_announced_are_refused() {
    on(async |scene: &Scene| {
        let error = refused(scene, &zip_of(&[("a", b"1"), ("b", b"2")]), 2, 1).await;
        assert!(matches!(error, UnpackError::TooMany { announced: 1 }));
    })
    .await;
}

#[actix::test]
async fn one_content_for_many_members_is_refused() {
    on(async |scene: &Scene| {
        let mut archive = zip_of(&[("a", &[7; 10_000]), ("b", &[7; 10_000])]);
        // The second record says that its content is that of the first.
        let record = archive.windows(4).rposition(|window| window == b"PK\x01\x02").unwrap();
        archive[record + 42..record + 46].fill(0);
        let error = refused(scene, &archive, 20_000, 2).await;
        assert!(matches!(error, UnpackError::Overlap { shown } if shown == "b"));
    })
    .await;
}

/// A folder of two files that arrives while the folder around it is swapped for a link.
#[actix::test]
async fn a_folder_swapped_for_a_link_during_the_transfer_leads_nowhere() {
    on(async |scene: &Scene| {
        let (here, moved) = (scene.folder.path().join("here"), scene.folder.path().join("moved"));
        let outside = scene.folder.path().join("outside");
        fs::create_dir(&here).unwrap();
        fs::create_dir(&outside).unwrap();
        let archive = zip_of(&[("d/a", b"1"), ("d/b", b"2")]);
        let swap = |event| {
            if event == Event::Received {
                fs::rename(&here, &moved).unwrap();
                symlink(&outside, &here).unwrap();
            }
        };
        let receiving = async { scene.bulk().await.accept_into(&here, swap).await };
        let sending = async {
            let connection = scene.peer.send_folder(&archive, 2, 2).await;
            drop(connection.receive_record(1000).await);
        };
        tokio::join!(receiving, sending).0.unwrap();
        assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
        assert_eq!(fs::read(moved.join(NAME).join("d/b")).unwrap(), b"2");
    })
    .await;
}

#[actix::test]
async fn a_folder_into_a_writer_is_its_archive() {
    on(async |scene: &Scene| {
        let archive = zip_of(&[("../f", b"whatever")]);
        let receiving = async { scene.bulk().await.accept(Vec::new(), |_| ()).await };
        let sending = async {
            let connection = scene.peer.send_folder(&archive, 8, 1).await;
            connection.receive_record(1000).await.unwrap()
        };
        let (received, ack) = tokio::join!(receiving, sending);
        assert!(received.unwrap() == archive);
        let ack: Value = serde_json::from_slice(&ack).unwrap();
        let hash = data_encoding::HEXLOWER.encode(&Sha256::digest(&archive));
        assert_eq!(ack, json!({"ack": "ok", "sha256": hash}));
        assert_eq!(scene.received(), [""; 0]);
    })
    .await;
}

#[actix::test]
async fn a_writer_that_fails_is_told() {
    /// Takes nothing.
    struct Full;
    impl Write for Full {
        fn write(&mut self, _bytes: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    on(async |scene: &Scene| {
        let receiving = async { scene.bulk().await.accept(Full, |_| ()).await };
        let sending = async {
            let connection = scene.peer.offer_and_connect(10).await;
            connection.send_record(vec![0; 10]).await.unwrap();
            scene.peer.hear_error().await
        };
        let (received, told) = tokio::join!(receiving, sending);
        assert!(matches!(received, Err(TransferError::Land(LandError::Sink(_)))));
        assert_eq!(told, "the receiver's disk is full");
    })
    .await;
}
