//! Permissions of folders, between two of ours.

use super::*;

fn send_to(peer: &AppVersions, from: &Path, to: &Path) -> PathBuf {
    let plan = Plan::of(from, WhenUnsendable::Refuse).unwrap().made_for(peer);
    let target = Target::plan(to, None, &"to".parse().unwrap(), announced(&plan)).unwrap();
    let mut begun = target.begin().unwrap();
    io::copy(&mut plan.open().unwrap(), &mut begun).unwrap();
    begun.commit().unwrap()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn permissions_of_folders_arrive_and_are_never_wider() {
    let scene = tempfile::tempdir().unwrap();
    let from = scene.path().join("from");
    let folders = [
        ("", 0o700),
        ("private", 0o700),
        ("private/inner", 0o750),
        ("private/inner/empty", 0o711),
        ("read-only", 0o555),
        ("read-only/inner", 0o500),
        ("sticky", 0o1777),
    ];
    for (folder, _) in folders {
        fs::create_dir_all(from.join(folder)).unwrap();
        fs::write(from.join(folder).join("f"), b"1").unwrap();
    }
    fs::remove_file(from.join("private/inner/empty/f")).unwrap();
    for (folder, mode) in folders {
        fs::set_permissions(from.join(folder), Permissions::from_mode(mode)).unwrap();
    }
    let umask = mode(&{
        let fresh = scene.path().join("fresh");
        fs::create_dir(&fresh).unwrap();
        fresh
    });
    let ours = send_to(&AppVersions::ours(Role::Receiver), &from, scene.path());
    for (folder, sent) in folders {
        assert_eq!(mode(&ours.join(folder)), sent & umask, "{folder}");
    }
    assert_eq!(leaves(&ours).len(), folders.len());
    // Others are sent what they were always sent: empty folders and files.
    let others = scene.path().join("others");
    fs::create_dir(&others).unwrap();
    let others = send_to(&AppVersions::default(), &from, &others);
    assert_eq!(mode(&others.join("private/inner/empty")), 0o711 & umask);
    assert_eq!(mode(&others.join("private")), umask);
    // For whoever is not root, and clears up.
    for root in [&from, &ours, &others] {
        for (folder, _) in folders {
            fs::set_permissions(root.join(folder), Permissions::from_mode(0o700)).unwrap();
        }
    }
}

#[test]
fn an_empty_folder_arrives_at_ours_with_its_permissions() {
    let scene = tempfile::tempdir().unwrap();
    let from = scene.path().join("from");
    fs::create_dir(&from).unwrap();
    fs::set_permissions(&from, Permissions::from_mode(0o500)).unwrap();
    let arrived = send_to(&AppVersions::ours(Role::Receiver), &from, scene.path());
    assert_eq!(mode(&arrived), 0o500);
    assert_eq!(fs::read_dir(&arrived).unwrap().count(), 0);
}
