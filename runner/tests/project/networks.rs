//! Services that talk, whoever starts them and however they end.

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use perry_sandbox_policy::{LaunchPlan, VolumeAccess};
use perry_sandbox_runner::{ExecSurroundings, Launcher, SandboxStatus, Stop, Streams, dry_run};
use perry_sandbox_testkit::{as_root, is_root};

use super::ordinary::keeper;
use super::yard::{Gives, Yard, yard};
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
pub(super) fn is_empty(yard: &Yard, network: &str) -> bool {
    let mut command = Command::new("nsenter");
    if is_root() {
        let place = yard.runtime.join("networks").join(network).join("namespace");
        command.arg(format!("--net={}", place.display()));
    } else {
        let keeper = keeper(yard, network).to_string();
        command.args(["--preserve-credentials", "--user", "--net", "--target", &keeper]);
    }
    let output = command.args(["cat", "/proc/net/dev"]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).lines().count() == 4
}

#[test]
fn two_services_talk_by_alias_and_a_third_elsewhere_does_not() {
    let yard = yard();
    let back = yard.network("shop", "back");
    yard.network("shop", "front");
    yard.network("other", "back");
    let id = yard.start(&server(&yard));
    assert_eq!(yard.await_members(&back, 1), ["db"]);
    let text = yard.told(&client(&yard, "shop/web", "back", &format!("cat /etc/hosts; {}", ask("db"))));
    assert_eq!(text, "127.0.0.1 localhost\n::1 localhost\n10.89.0.3 web\n10.89.0.2 db\nrows\n");
    for (service, network) in [("shop/web", "front"), ("other/web", "back")] {
        for host in ["db", "10.89.0.2"] {
            let text = yard.told(&client(&yard, service, network, &ask(host)));
            assert_eq!(text, "no\n", "{service} {host}");
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
fn a_network_of_another_project_is_joined_by_its_whole_name_only() {
    let yard = yard();
    yard.network("shop", "back");
    yard.start(&server(&yard));
    let asks = |network| client(&yard, "edge/proxy", network, &ask("db"));
    assert_eq!(yard.told(&asks("external:shop_back")), "rows\n");
    for (network, why) in [("back", "`edge_back`"), ("external:shop_front", "`shop_front`")] {
        let error = yard.try_start(&asks(network)).unwrap_err();
        assert!(error.contains("there is no network") && error.contains(why), "{error}");
    }
}

#[test]
fn nothing_of_the_host_and_nothing_outside_answers() {
    let yard = yard();
    yard.network("shop", "back");
    let listener = TcpListener::bind("0.0.0.0:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let own = Command::new("hostname").arg("-I").output().unwrap();
    let own = String::from_utf8(own.stdout).unwrap();
    let hosts = own.split_whitespace().filter(|text| text.contains('.'));
    let others = ["127.0.0.1", "10.89.0.1", "10.89.0.0", "10.89.0.255", "198.51.100.1", "169.254.169.254"];
    let hosts: Vec<&str> = hosts.chain(others).collect();
    let line = format!(
        "/bin/busybox tail -n +2 /proc/net/route | /bin/busybox wc -l; \
         for host in {}; do /bin/busybox nc -w 1 $host {port} </dev/null 2>/dev/null && echo $host; done; \
         /bin/busybox grep -c eth0 /proc/net/if_inet6; /bin/busybox cat /proc/sys/net/ipv4/ip_forward; \
         /bin/busybox ip link set eth0 down 2>&1; true",
        hosts.join(" ")
    );
    let text = yard.told(&client(&yard, "shop/web", "back", &line));
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(&lines[..3], ["1", "0", "0"], "one route, no address of its own making, no router: {text}");
    assert!(lines.len() == 4 && lines[3].contains("not permitted"), "{text}");
}

#[test]
fn nothing_is_left_of_a_service_whose_supervisor_is_killed() {
    let yard = yard();
    let back = yard.network("shop", "back");
    let id = yard.start(&server(&yard));
    yard.await_members(&back, 1);
    assert!(!is_empty(&yard, "shop_back"));
    let waits = "until /bin/busybox grep -q ' db' /etc/hosts; do /bin/busybox sleep 0.1; done; echo came; \
        while /bin/busybox grep -q ' db' /etc/hosts; do /bin/busybox sleep 0.1; done; echo went";
    let web = yard.start(&client(&yard, "shop/web", "back", waits));
    yard.await_log(&web, "came\n");
    let supervisor = yard.sandboxes().inspect(&id).unwrap().supervisor.unwrap();
    kill(Pid::from_raw(supervisor.try_into().unwrap()), Signal::SIGKILL).unwrap();
    // Whoever looks next collects it; nobody has to wait for that to reuse its name.
    assert_eq!(yard.await_members(&back, 1), ["web"]);
    // Nor does anybody see its name any more.
    yard.sandboxes().wait(&web, Some(Duration::from_secs(50))).unwrap();
    assert_eq!(yard.log(&web), "came\nwent\n");
    assert!(yard.stock.members(&back).unwrap().is_empty());
    // As an ordinary user the kernel takes its cable away, with the network that it leads from, and not at once.
    let begun = Instant::now();
    while !is_empty(&yard, "shop_back") {
        assert!(begun.elapsed() < Duration::from_secs(20), "its cable stays");
        std::thread::sleep(Duration::from_millis(20));
    }
    let text = yard.told(&client(&yard, "shop/web", "back", "/bin/busybox tail -n 1 /etc/hosts"));
    assert_eq!(text, "10.89.0.2 web\n", "its address is free again");
    yard.stock.remove_network(&back).unwrap();
    assert!(!yard.runtime.join("networks/shop_back").exists());
}

#[test]
fn a_launcher_process_connects_as_well() {
    if !as_root() {
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
    if !as_root() {
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
    if !as_root() {
        return;
    }
    let yard = yard();
    let back = yard.network("shop", "back");
    let begun = Instant::now();
    let addresses: BTreeSet<String> = std::thread::scope(|scope| {
        let one = |_| {
            scope.spawn(|| {
                let line = "/bin/busybox grep web /etc/hosts | /bin/busybox head -n 1; /bin/busybox sleep 8";
                yard.said(&client(&yard, "shop/web", "back", line))
            })
        };
        let all: Vec<_> = (0..8).map(one).collect();
        all.into_iter().map(|run| run.join().unwrap()).collect()
    });
    assert!(addresses.len() == 8 && begun.elapsed() < Duration::from_secs(30), "{addresses:?}");
    assert!(yard.stock.members(&back).unwrap().is_empty() && is_empty(&yard, "shop_back"));
}
