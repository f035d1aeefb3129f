//! What is not shared, and why, before anything has started.

use perry_sandbox_policy::VolumeAccess;
use perry_sandbox_profiles::LinuxCap;
use perry_sandbox_runner::stock::{Labels, NewVolume, Project, StockError};
use perry_sandbox_testkit::is_root;

use super::yard::{Gives, Yard, yard};

const VOLUME: Gives<'static> = Gives { networks: &[], volume: Some(("rows", VolumeAccess::Write)) };
const NETWORK: Gives<'static> = Gives { networks: &[("back", "db")], volume: None };

fn refused(yard: &Yard, service: &str, gives: &Gives<'_>) -> String {
    yard.launch(&yard.plan(service, gives, "echo ran")).unwrap_err().to_string()
}

#[test]
fn a_volume_that_is_not_there_or_of_another_project_is_refused() {
    let yard = yard();
    let error = refused(&yard, "shop/db", &VOLUME);
    assert!(error.contains("there is no volume `shop_rows`: make it first"), "{error}");
    assert!(yard.stock.volumes().unwrap().is_empty(), "none is made by a run");
    // Two projects whose volume has one name on disk.
    yard.volume("shop_rows", "x");
    let mut plan = yard.plan("shop/db", &VOLUME, "echo ran");
    plan.volumes[0].volume = "rows_x".parse().unwrap();
    let error = yard.launch(&plan).unwrap_err().to_string();
    assert!(error.contains("`shop_rows_x` is not of the project `shop`"), "{error}");
    plan.service = Some("shop_rows/db".parse().unwrap());
    plan.volumes[0].volume = "x".parse().unwrap();
    yard.launch(&plan).unwrap();
    plan.service = None;
    let error = yard.launch(&plan).unwrap_err().to_string();
    assert!(error.contains("of no project"), "{error}");
}

#[test]
fn what_is_of_another_project_is_not_removed_for_this_one() {
    let yard = yard();
    // One name on disk, whichever of the two asks.
    let (short, long): (Project, Project) = ("a".parse().unwrap(), "a_b".parse().unwrap());
    let refused = |answer: Result<(), StockError>| {
        let error = answer.unwrap_err().to_string();
        assert!(error.contains("`a_b_c` is not of the project `a`"), "{error}");
    };
    let volume = yard.volume("a_b", "c");
    refused(yard.stock.remove_volume_of(&short, &volume));
    assert_eq!(yard.stock.volumes().unwrap().len(), 1);
    yard.stock.remove_volume_of(&long, &volume).unwrap();
    assert!(yard.stock.volumes().unwrap().is_empty());
    if !is_root() {
        return;
    }
    let network = yard.network("a_b", "c");
    refused(yard.stock.remove_network_of(&short, &network));
    assert_eq!(yard.stock.networks().unwrap().len(), 1);
    yard.stock.remove_network_of(&long, &network).unwrap();
    assert!(yard.stock.networks().unwrap().is_empty());
}

#[test]
fn a_label_that_cannot_be_read_is_refused() {
    let yard = yard();
    yard.volume("shop", "rows");
    let label = yard.spine.rootfs.store().join("volumes/shop_rows/label.json");
    for text in ["{", "{}", r#"{"labels":{},"created":"2026-01-01T00:00:00Z","more":1}"#] {
        std::fs::write(&label, text).unwrap();
        let error = refused(&yard, "shop/db", &VOLUME);
        assert!(error.contains("is not what was written there"), "{text}: {error}");
    }
    std::fs::remove_file(&label).unwrap();
    std::os::unix::fs::symlink("/etc/hostname", &label).unwrap();
    assert!(refused(&yard, "shop/db", &VOLUME).contains("label.json"));
}

#[test]
fn networks_are_refused_where_they_would_not_hold() {
    let yard = yard();
    let error = refused(&yard, "shop/db", &NETWORK);
    if !is_root() {
        assert!(
            error.contains("cannot enforce `project-networks` here") && error.contains("root"),
            "{error}"
        );
        return;
    }
    assert!(error.contains("there is no network `shop_back`: make it first"), "{error}");
    yard.network("shop", "back");
    for cap in [LinuxCap::NetRaw, LinuxCap::NetAdmin] {
        let mut plan = yard.plan("shop/db", &NETWORK, "echo ran");
        plan.linux_caps = [cap].into_iter().collect();
        let error = yard.launch(&plan).unwrap_err().to_string();
        assert!(error.contains("could answer for others"), "{error}");
    }
    let gives = Gives { networks: &[("back", "LocalHost")], volume: None };
    let error = refused(&yard, "shop/db", &gives);
    assert!(error.contains("`LocalHost` cannot be a name"), "{error}");
}

#[test]
fn what_a_killed_process_has_begun_is_in_nobodys_way_and_data_is_never_cleared() {
    let yard = yard();
    let volumes = yard.spine.rootfs.store().join("volumes");
    std::fs::create_dir_all(volumes.join("shop_rows/data")).unwrap();
    assert!(yard.stock.volumes().unwrap().is_empty());
    yard.volume("shop", "rows");
    // Of one whose label is lost.
    std::fs::remove_file(volumes.join("shop_rows/label.json")).unwrap();
    std::fs::write(volumes.join("shop_rows/data/row"), "kept").unwrap();
    let new = NewVolume { name: "shop_rows".parse().unwrap(), labels: Labels::default() };
    let error = yard.stock.create_volume(&new).unwrap_err().to_string();
    assert!(error.contains("remove what is left of"), "{error}");
    assert_eq!(std::fs::read_to_string(volumes.join("shop_rows/data/row")).unwrap(), "kept");
    if is_root() {
        let begun = yard.runtime.join("networks/shop_back");
        std::fs::create_dir_all(&begun).unwrap();
        std::fs::write(begun.join("namespace"), "").unwrap();
        yard.network("shop", "back");
    }
}
