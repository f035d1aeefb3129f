//! Volumes that outlive services.

use perry_sandbox_policy::VolumeAccess;

use super::yard::{Gives, yard};

fn gives(access: VolumeAccess) -> Gives<'static> {
    Gives { volume: Some(("rows", access)), ..Gives::default() }
}

#[test]
fn a_service_finds_what_another_has_written_and_who_reads_writes_nothing() {
    let yard = yard();
    let rows = yard.volume("shop", "rows");
    let write = yard.plan("shop/db", &gives(VolumeAccess::Write), "echo kept >/data/row");
    assert_eq!(yard.said(&write), "");
    let read = "/bin/busybox cat /data/row; echo x >/data/row; echo x >/data/new";
    let text = yard.said(&yard.plan("shop/web", &gives(VolumeAccess::Read), read));
    assert!(text.starts_with("kept\n") && text.matches("Read-only file system").count() == 2, "{text}");
    let run = "/bin/busybox cp /bin/busybox /data/busybox && /bin/busybox chmod 755 /data/busybox && /data/busybox true";
    let text = yard.said(&yard.plan("shop/db", &gives(VolumeAccess::Write), run));
    assert!(text.contains("Permission denied"), "{text}");
    assert_eq!(yard.stock.volumes().unwrap().len(), 1);
    yard.stock.remove_volume(&rows).unwrap();
    assert!(!yard.spine.rootfs.store().join("volumes/shop_rows").exists());
}

#[test]
fn a_service_that_outlives_its_caller_keeps_its_volume() {
    let yard = yard();
    let rows = yard.volume("shop", "rows");
    let id = yard.start(&yard.plan("shop/db", &gives(VolumeAccess::Write), "/bin/busybox sleep 30"));
    let refused = yard.stock.remove_volume(&rows).unwrap_err().to_string();
    assert!(refused.contains("in use by a sandbox that runs"), "{refused}");
    yard.sandboxes().remove(&id, true).unwrap();
    yard.stock.remove_volume(&rows).unwrap();
}

#[test]
fn the_program_that_reads_a_volume_of_nobody_sees_its_folders_owner() {
    let yard = yard();
    yard.volume("shop", "rows");
    // Never written, so it is nobody's yet: it can be read, and is empty.
    let list = yard.plan("shop/web", &gives(VolumeAccess::Read), "/bin/busybox ls -A /data && echo listed");
    assert_eq!(yard.said(&list), "listed\n");
}

#[test]
fn what_a_killed_process_has_begun_goes_with_its_name() {
    let yard = yard();
    let rows = yard.volume("shop", "rows");
    let folder = yard.spine.rootfs.store().join("volumes/shop_rows");
    std::fs::remove_file(folder.join("label.json")).unwrap();
    let missing = yard.stock.remove_volume(&rows).unwrap_err().to_string();
    assert!(missing.contains("no volume"), "{missing}");
    assert!(!folder.exists());
    yard.volume("shop", "rows");
    std::fs::remove_file(folder.join("label.json")).unwrap();
    std::fs::write(folder.join("data/row"), "kept").unwrap();
    yard.stock.remove_volume(&rows).unwrap_err();
    assert!(folder.join("data/row").exists(), "what has data in it and no label is not touched");
}
