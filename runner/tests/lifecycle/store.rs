//! The image's tree in the store, for as long as a sandbox runs on it.

use std::fs::File;

use super::yard::{until, yard};
use crate::spine::{request, spine};

#[test]
fn the_store_keeps_the_tree_of_a_sandbox_whose_starter_is_gone() {
    let mut yard = yard("echo ready; sleep 300");
    let id = yard.run();
    let folder = yard.spine.rootfs.path().parent().unwrap().to_owned();
    // As the store does before it removes a tree.
    let removable = || File::open(&folder).unwrap().try_lock().is_ok();
    // The starter's own hold ends.
    yard.spine.rootfs = spine(&request(&["/bin/busybox", "true"])).rootfs;
    assert!(!removable(), "the supervisor holds it");
    yard.sandboxes.remove(&id, true).unwrap();
    until(|| removable().then_some(()));
}
