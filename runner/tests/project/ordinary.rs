//! Networks of an ordinary user promise what root's do, and a process keeps each of them.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use perry_sandbox_testkit::{again_as_ordinary, is_root};
use serde_json::Value;

use super::networks::{client, is_empty};
use super::yard::{Yard, yard};

#[test]
fn networks_of_an_ordinary_user_promise_what_roots_do() {
    for test in [
        "two_services_talk_by_alias_and_a_third_elsewhere_does_not",
        "a_network_of_another_project_is_joined_by_its_whole_name_only",
        "nothing_of_the_host_and_nothing_outside_answers",
        "nothing_is_left_of_a_service_whose_supervisor_is_killed",
    ] {
        again_as_ordinary(&format!("project::networks::{test}"));
    }
}

/// Who keeps a network.
pub(super) fn keeper(yard: &Yard, network: &str) -> Pid {
    let file = yard.runtime.join("networks").join(network).join("keeper.json");
    let told: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let number = told.get("pid").and_then(Value::as_i64).unwrap();
    Pid::from_raw(number.try_into().unwrap())
}

#[test]
fn a_network_whose_keeper_is_killed_is_named_and_in_nobodys_way() {
    if is_root() {
        again_as_ordinary("project::ordinary::a_network_whose_keeper_is_killed_is_named_and_in_nobodys_way");
        return;
    }
    let yard = yard();
    let back = yard.network("shop", "back");
    let process = keeper(&yard, "shop_back");
    kill(process, Signal::SIGKILL).unwrap();
    let error = yard.try_start(&client(&yard, "shop/web", "back", "true")).unwrap_err();
    assert!(error.contains("`shop_back` has been ended") && error.contains("perry-compose down"), "{error}");
    yard.stock.remove_network(&back).unwrap();
    assert!(!yard.runtime.join("networks/shop_back").exists());
    yard.network("shop", "back");
    let process = keeper(&yard, "shop_back");
    assert_eq!(yard.told(&client(&yard, "shop/web", "back", "echo ran")), "ran\n");
    yard.stock.remove_network(&back).unwrap();
    assert!(kill(process, None).is_err() || !is_alive(process), "its process goes with it");
}

/// Dead and not collected yet is not alive.
fn is_alive(process: Pid) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    status.rsplit_once(')').is_some_and(|(_, fields)| !fields.trim_start().starts_with(['Z', 'X']))
}

#[test]
fn one_without_a_supervisor_of_its_own_is_refused_before_it_starts() {
    if is_root() {
        again_as_ordinary(
            "project::ordinary::one_without_a_supervisor_of_its_own_is_refused_before_it_starts",
        );
        return;
    }
    let yard = yard();
    yard.network("shop", "back");
    let error = yard.launch(&client(&yard, "shop/web", "back", "echo ran")).unwrap_err().to_string();
    assert!(error.contains("start it detached"), "{error}");
    assert!(is_empty(&yard, "shop_back"));
}
