//! docker's daemon is killed, and comes back.

use std::process::Stdio;

use super::super::broken::of;
use super::super::shop::{Shop, shops};
use super::answers::{goes, pair};
use crate::engines::mortal;
use crate::life::processes;

/// A project on a daemon that may be killed.
fn on_mortal(name: &str) -> Option<Shop> {
    let shop = shops(name).into_iter().find(|shop| shop.backend == "docker")?;
    Some(shop.on(mortal()))
}

#[test]
fn an_engine_that_dies_while_something_is_waited_for_leaves_what_is_said_and_recover_removes_it() {
    let _turn = crate::life::turn();
    let Some(shop) = on_mortal("dies") else { return };
    let check = ", healthcheck: {test: [CMD, /bin/busybox, 'false'], interval: 200ms, start_period: 60s}";
    let text = of(&[("db", check), ("web", ", depends_on: {db: {condition: service_healthy}}")]);
    shop.write(&text);
    let up = shop.spawn_up();
    shop.until("the database runs", || shop.ps().len() == 1);
    shop.until("it is up", || !shop.client(&["ps", "-q"]).stdout.is_empty());
    mortal().kill_docker();
    let ran = perry_sandbox_testkit::Ran::from(up.wait_with_output().expect("it ends"));
    assert_eq!(ran.code, 5, "{ran:?}");
    assert!(ran.stderr.contains("left: network default: "), "{ran:?}");
    let refused = shop.compose(&["recover"]);
    assert_eq!(refused.code, 1, "without the engine: {refused:?}");
    mortal().revive_docker();
    let ran = shop.compose(&["recover"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    shop.until("nothing is left", || shop.left().is_empty());
}

#[test]
fn an_engine_that_dies_at_once_with_the_tool_leaves_what_recover_removes() {
    let _turn = crate::life::turn();
    let Some(shop) = on_mortal("both") else { return };
    shop.write(&pair());
    let mut up = shop.command(&["up", "-d", "--policy", "policy.toml"]);
    let mut up = up.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the program starts");
    shop.until("a container is made", || !shop.client(&["ps", "-aq"]).stdout.is_empty());
    up.kill().expect("it is ours");
    mortal().kill_docker();
    let end = up.wait().expect("it is dead");
    mortal().revive_docker();
    // One that was done before it was seen has nothing to recover.
    let removes = if end.success() { "down" } else { "recover" };
    let ran = shop.compose(&[removes]);
    assert_eq!(ran.code, 0, "{ran:?}");
    shop.until("nothing is left", || shop.left().is_empty());
}

#[test]
fn what_an_engine_that_died_had_up_is_known_to_be_lost_and_comes_up_again() {
    let _turn = crate::life::turn();
    let Some(shop) = on_mortal("lost") else { return };
    shop.write(&pair());
    assert_eq!(shop.up(&["--wait"]).code, 0);
    mortal().kill_docker();
    shop.until("all are known to be lost", || shop.ps().iter().all(|one| one.2 != "running"));
    let down = shop.compose(&["down", "-t", "0"]);
    assert!(down.code != 0 && down.stderr.contains("docker"), "without the engine: {down:?}");
    mortal().revive_docker();
    let ran = shop.up(&["--wait"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let ps = shop.ps();
    assert!(ps.len() == 2 && ps.iter().all(|one| one.2 == "running"), "{ps:?}");
    let up = shop.client(&["ps", "--format", "{{.Names}}"]).stdout;
    assert_eq!(up.lines().count(), 2, "each is there once: {up}");
    goes(&shop, "it came up again");
    shop.until("its guards are gone", || {
        processes(&["perry-sandbox"]).iter().all(|line| !line.contains(&shop.name))
    });
}
