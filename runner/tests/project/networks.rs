//! Services that talk, whoever starts them and however they end.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use perry_sandbox_policy::{LaunchPlan, VolumeAccess};
use perry_sandbox_runner::{ExecSurroundings, Launcher, SandboxStatus, Stop, Streams, dry_run};

use super::yard::{Gives, Yard, is_root, yard};
use crate::spine::Spine;

const SERVE: &str =
    "mkdir /tmp/www && echo rows >/tmp/www/rows && exec /bin/busybox httpd -f -p 7000 -h /tmp/www";

/// Asks until somebody is there, for three seconds.
pub(super) fn ask(host: &str) -> String {
    format!(
        "for try in 1 2 3 4 5 6; do printf 'GET /rows HTTP/1.0\\r\\n\\r\\n' | \
         /bin/busybox nc -w 1 {host} 7000 2>/dev/null | /bin/busybox grep rows && exit; /bin/busybox sleep 0.5; done; echo no"
    )
}

pub(super) fn server(yard: &Yard) -> LaunchPlan {
    yard.plan("shop/db", &Gives { networks: &[("back", "db")], ..Gives::default() }, SERVE)
}

pub(super) fn client(yard: &Yard, service: &str, network: &str, line: &str) -> LaunchPlan {
    yard.plan(service, &Gives { networks: &[(network, "web")], ..Gives::default() }, line)
}

/// The namespace of a network has a bridge and its loopback, and nothing else.
fn is_empty(yard: &Yard, network: &str) -> bool {
    let place = yard.runtime.join("networks").join(network).join("namespace");
    let output = std::process::Command::new("nsenter")
        .arg(format!("--net={}", place.display()))
        .args(["cat", "/proc/net/dev"])
        .output()
        .unwrap();
    String::from_utf8_lossy(&output.stdout).lines().count() == 4
}

#[test]
fn two_services_talk_by_alias_and_a_third_elsewhere_does_not() {
    if !is_root() {
        return;
    }
    let yard = yard();
    let back = yard.network("shop", "back");
    yard.network("shop", "front");
    yard.network("other", "back");
    let id = yard.start(&server(&yard));
    assert_eq!(yard.await_members(&back, 1), ["db"]);
    assert_eq!(yard.said(&client(&yard, "shop/web", "back", &ask("db"))), "rows\n");
    for (service, network) in [("shop/web", "front"), ("other/web", "back")] {
        for host in ["db", "10.89.0.2"] {
            assert_eq!(yard.said(&client(&yard, service, network, &ask(host))), "no\n", "{service} {host}");
        }
    }
    // A program that joins a service is in its networks as well.
    let mut guest = server(&yard);
    guest.process.argv = ["/bin/busybox", "cat", "/etc/hosts"].map(str::to_owned).to_vec();
    let around = ExecSurroundings::default();
    let joined = yard.sandboxes().exec(&id, &guest, &yard.spine.image, Streams::captured(), &around);
    let text = String::from_utf8(joined.unwrap().stdout).unwrap();
    assert!(text.ends_with("10.89.0.2 db\n"), "{text}");
    let stopped = yard.sandboxes().stop(&id, &Stop { grace: Duration::ZERO, ..Stop::default() }).unwrap();
    assert_eq!(stopped.status, SandboxStatus::Exited);
    assert!(yard.stock.members(&back).unwrap().is_empty() && is_empty(&yard, "shop_back"));
}

#[test]
fn nothing_is_left_of_a_service_whose_supervisor_is_killed() {
    if !is_root() {
        return;
    }
    let yard = yard();
    let back = yard.network("shop", "back");
    let id = yard.start(&server(&yard));
    yard.await_members(&back, 1);
    assert!(!is_empty(&yard, "shop_back"));
    let waits = "until /bin/busybox grep -q ' db' /etc/hosts; do :; done; echo came; \
        for try in 1 2 3 4 5 6 7 8 9 10; do /bin/busybox sleep 1; /bin/busybox grep -q ' db' /etc/hosts || { echo went; exit; }; done; echo stayed";
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| yard.said(&client(&yard, "shop/web", "back", waits)));
        yard.await_members(&back, 2);
        let supervisor = yard.sandboxes().inspect(&id).unwrap().supervisor.unwrap();
        kill(Pid::from_raw(supervisor.try_into().unwrap()), Signal::SIGKILL).unwrap();
        // Whoever looks next collects it; nobody has to wait for that to reuse its name.
        assert_eq!(yard.await_members(&back, 1), ["web"]);
        // Nor does anybody see its name any more.
        assert_eq!(waiting.join().unwrap(), "came\nwent\n");
    });
    assert!(is_empty(&yard, "shop_back") && yard.stock.members(&back).unwrap().is_empty());
    let text = yard.said(&client(&yard, "shop/web", "back", "/bin/busybox tail -n 1 /etc/hosts"));
    assert_eq!(text, "10.89.0.2 web\n", "its address is free again");
    yard.stock.remove_network(&back).unwrap();
    assert!(!yard.runtime.join("networks/shop_back").exists());
}

#[test]
fn a_launcher_process_connects_as_well() {
    if !is_root() {
        return;
    }
    let yard = yard();
    let back = yard.network("shop", "back");
    yard.start(&server(&yard));
    yard.await_members(&back, 1);
    let launcher = Launcher::start(Path::new(env!("CARGO_BIN_EXE_perry-sandbox-launcher"))).unwrap();
    let Spine { image, rootfs, .. } = &yard.spine;
    let plan = client(&yard, "shop/web", "back", &ask("db"));
    let outcome = launcher.launch(&plan, image, rootfs, Streams::captured(), &yard.surroundings()).unwrap();
    assert_eq!(String::from_utf8(outcome.stdout).unwrap(), "rows\n");
    assert_eq!(yard.await_members(&back, 1), ["db"]);
}

#[test]
fn a_dry_run_says_what_is_shared() {
    if !is_root() {
        return;
    }
    let yard = yard();
    yard.volume("shop", "rows");
    let gives = Gives { networks: &[("back", "db")], volume: Some(("rows", VolumeAccess::Read)) };
    let Spine { image, rootfs, .. } = &yard.spine;
    let text = dry_run(&yard.plan("shop/db", &gives, SERVE), image, rootfs, None).unwrap().to_string();
    for line in [
        "eth0 is connected to the network shop_back",
        "db in /etc/hosts",
        "attach Volume(0) at data",
        "attach Hosts at etc/hosts",
        "restrict Volume(0) to ReadOnlyData",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
}

#[test]
fn services_that_come_and_go_at_once_have_an_address_each() {
    if !is_root() {
        return;
    }
    let yard = yard();
    let back = yard.network("shop", "back");
    let begun = Instant::now();
    let addresses: BTreeSet<String> = std::thread::scope(|scope| {
        let one = |_| {
            scope.spawn(|| {
                let line = "/bin/busybox grep web /etc/hosts | /bin/busybox head -n 1; /bin/busybox sleep 2";
                yard.said(&client(&yard, "shop/web", "back", line))
            })
        };
        let all: Vec<_> = (0..8).map(one).collect();
        all.into_iter().map(|run| run.join().unwrap()).collect()
    });
    assert!(addresses.len() == 8 && begun.elapsed() < Duration::from_secs(30), "{addresses:?}");
    assert!(yard.stock.members(&back).unwrap().is_empty() && is_empty(&yard, "shop_back"));
}
