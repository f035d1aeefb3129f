//! Networks of an ordinary user promise what root's do.

use std::net::TcpListener;
use std::os::unix::process::CommandExt as _;
use std::process::Command;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use perry_sandbox_runner::{ExecSurroundings, SandboxStatus, Stop, Streams};
use serde_json::Value;

use super::networks::{ask, client, server};
use super::yard::{Yard, is_root, yard};

/// Runs a test again from a copy of this program, as an ordinary user; whether that is what this is.
fn is_ordinary(test: &str) -> bool {
    if !is_root() {
        return true;
    }
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &format!("project::ordinary::{test}"), "--nocapture"])
        .uid(1337)
        .gid(1337)
        .current_dir("/")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && said.contains("1 passed"), "{said}{errors}");
    false
}

/// Who keeps a network.
fn keeper(yard: &Yard, network: &str) -> Pid {
    let file = yard.runtime.join("networks").join(network).join("keeper.json");
    let told: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let number = told.get("pid").and_then(Value::as_i64).unwrap();
    Pid::from_raw(number.try_into().unwrap())
}

/// The network has a bridge and its loopback, and nothing else.
fn is_empty(yard: &Yard, network: &str) -> bool {
    let output = Command::new("nsenter")
        .args(["--preserve-credentials", "--user", "--net", "--target", &keeper(yard, network).to_string()])
        .args(["cat", "/proc/net/dev"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).lines().count() == 4
}

#[test]
fn two_services_talk_by_alias_and_a_third_elsewhere_does_not() {
    if !is_ordinary("two_services_talk_by_alias_and_a_third_elsewhere_does_not") {
        return;
    }
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
    if !is_ordinary("a_network_of_another_project_is_joined_by_its_whole_name_only") {
        return;
    }
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
    if !is_ordinary("nothing_of_the_host_and_nothing_outside_answers") {
        return;
    }
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
fn whoever_is_killed_leaves_nothing_and_is_in_nobodys_way() {
    if !is_ordinary("whoever_is_killed_leaves_nothing_and_is_in_nobodys_way") {
        return;
    }
    let yard = yard();
    let back = yard.network("shop", "back");
    let id = yard.start(&server(&yard));
    yard.await_members(&back, 1);
    assert!(!is_empty(&yard, "shop_back"));
    let supervisor = yard.sandboxes().inspect(&id).unwrap().supervisor.unwrap();
    kill(Pid::from_raw(supervisor.try_into().unwrap()), Signal::SIGKILL).unwrap();
    assert!(yard.await_members(&back, 0).is_empty());
    let text = yard.told(&client(&yard, "shop/web", "back", "/bin/busybox tail -n 1 /etc/hosts"));
    assert_eq!(text, "10.89.0.2 web\n", "its address is free again");

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
    if !is_ordinary("one_without_a_supervisor_of_its_own_is_refused_before_it_starts") {
        return;
    }
    let yard = yard();
    yard.network("shop", "back");
    let error = yard.launch(&client(&yard, "shop/web", "back", "echo ran")).unwrap_err().to_string();
    assert!(error.contains("start it detached"), "{error}");
    assert!(is_empty(&yard, "shop_back"));
}
