//! The failures after which docker compose leaves something behind: here nothing is.

use std::fs;
use std::net::TcpListener;
use std::process::{Child, Command};

use super::life::free_port;
use super::shop::{Shop, services, shops};

const SERVICE: &str = "{image: 'oci:examples/hello/image', command: [/bin/busybox, sleep, '300']";

/// A project of services in one network, each a line of its own.
pub(super) fn of(lines: &[(&str, &str)]) -> String {
    let lines = lines.iter().map(|(name, more)| format!("  {name}: {SERVICE}{more}}}\n"));
    format!("services:\n{}", lines.collect::<String>())
}

pub(super) fn nothing_is_left(shop: &Shop, more: &[&str], code: i32, says: &str) {
    let ran = shop.up(more);
    assert_eq!(ran.code, code, "{}: {ran:?}", shop.backend);
    assert!(ran.stderr.contains(says), "{}: {says} is not in {}", shop.backend, ran.stderr);
    assert_eq!(shop.left(), Vec::<String>::new(), "{}: {}", shop.backend, ran.stderr);
}

fn is_undone_at_an_interrupt(shop: &Shop, child: Child) {
    is_undone_at(shop, child, "-INT");
}

/// Sends it a signal at which it is to undo all that it has done.
pub(super) fn is_undone_at(shop: &Shop, child: Child, signal: &str) {
    let killed = Command::new("kill").args([signal, &child.id().to_string()]).status();
    assert!(killed.is_ok_and(|status| status.success()));
    let ran = child.wait_with_output().expect("it ends");
    assert_eq!(ran.status.code(), Some(130), "{}: {ran:?}", shop.backend);
    assert_eq!(shop.left(), Vec::<String>::new(), "{}: {ran:?}", shop.backend);
}

#[test]
fn a_program_that_is_not_there_leaves_nothing() {
    let _turn = crate::life::turn();
    for shop in shops("noprog") {
        let text = of(&[("a", ""), ("b", ", depends_on: [a]")]);
        shop.write(&text.replace(
            "  b: {image: 'oci:examples/hello/image', command: [/bin/busybox, sleep, '300']",
            "  b: {image: 'oci:examples/hello/image', command: [/bin/absent]",
        ));
        nothing_is_left(&shop, &[], 5, "/bin/absent");
    }
}

#[test]
fn a_dependency_that_is_never_well_leaves_nothing() {
    let _turn = crate::life::turn();
    for shop in shops("unwell") {
        let check = ", healthcheck: {test: [CMD, /bin/busybox, sh, -c, 'echo no rows; exit 3'], interval: 200ms, retries: 2}";
        shop.write(&of(&[("db", check), ("web", ", depends_on: {db: {condition: service_healthy}}")]));
        nothing_is_left(
            &shop,
            &[],
            5,
            "is unhealthy, and it had to become healthy; its last check ended with code 3 and said `no rows`",
        );
    }
}

#[test]
fn a_dependency_that_takes_too_long_leaves_nothing() {
    let _turn = crate::life::turn();
    for shop in shops("slow") {
        let check = ", healthcheck: {test: [CMD, /bin/busybox, sh, -c, 'echo no rows; exit 3'], interval: 200ms, start_period: 60s}";
        shop.write(&of(&[("db", check), ("web", ", depends_on: {db: {condition: service_healthy}}")]));
        nothing_is_left(
            &shop,
            &["--wait-timeout", "6"],
            5,
            "was not so far after 6 s, and it had to become healthy; its last check ended with code 3 and said `no rows`",
        );
    }
}

#[test]
fn a_job_that_fails_leaves_nothing() {
    let _turn = crate::life::turn();
    for shop in shops("job") {
        let text =
            of(&[("job", ""), ("web", ", depends_on: {job: {condition: service_completed_successfully}}")]);
        shop.write(&text.replacen("[/bin/busybox, sleep, '300']", "[/bin/busybox, sh, -c, 'exit 3']", 1));
        nothing_is_left(&shop, &[], 5, "has ended with code 3");
    }
}

#[test]
fn a_port_that_is_taken_leaves_nothing() {
    let _turn = crate::life::turn();
    for shop in shops("port") {
        let taken = TcpListener::bind(("127.0.0.1", 0)).expect("a port is free");
        let port = taken.local_addr().expect("it has an address").port();
        shop.write(&services(port));
        nothing_is_left(&shop, &[], 5, &port.to_string());
    }
}

#[test]
fn an_image_that_is_not_verified_stops_everything_before_it_begins() {
    let _turn = crate::life::turn();
    for shop in shops("unsigned") {
        shop.write(&of(&[("a", ""), ("b", "")]));
        // The policy trusts a key that has signed nothing.
        let made =
            "openssl ecparam -name prime256v1 -genkey -noout | openssl ec -pubout -out \"$0\" 2>/dev/null";
        let made = Command::new("sh").args(["-c", made]).arg(shop.file("other.pub")).status();
        assert!(made.is_ok_and(|status| status.success()));
        let policy = std::fs::read_to_string(shop.file("policy.toml")).expect("it is there");
        shop.give("policy.toml", &policy.replace("examples/hello/cosign.pub", "other.pub"));
        nothing_is_left(&shop, &[], 4, "not-verified");
    }
}

#[test]
fn another_folders_project_of_the_name_is_left_alone() {
    let _turn = crate::life::turn();
    for shop in shops("twin") {
        shop.write(&services(free_port()));
        assert_eq!(shop.up(&["--wait"]).code, 0, "{}", shop.backend);
        assert_eq!(shop.compose(&["down", "-t", "1"]).code, 0, "{}", shop.backend);
        let twin = shop.twin();
        twin.write(&services(free_port()));
        for words in [&["up", "-d", "--policy", "policy.toml"][..], &["down", "-v"]] {
            let ran = twin.compose(words);
            assert!(ran.code == 1 && ran.stderr.contains("of another folder"), "{}: {ran:?}", shop.backend);
        }
        assert!(!shop.left().is_empty(), "{}: its data is there", shop.backend);
        assert_eq!(shop.compose(&["down", "-v"]).code, 0, "{}", shop.backend);
        assert_eq!(shop.left(), Vec::<String>::new(), "{}", shop.backend);
    }
}

#[test]
fn an_interrupt_while_all_are_waited_for_undoes_all() {
    let _turn = crate::life::turn();
    for shop in shops("waitint") {
        let check = ", healthcheck: {test: [CMD, /bin/busybox, 'false'], interval: 200ms, start_period: 60s}";
        shop.write(&of(&[("db", check)]));
        let mut command = shop.command(&["up", "--wait", "--policy", "policy.toml"]);
        let child = command.stderr(std::process::Stdio::piped()).spawn().expect("the program starts");
        shop.until("the database runs", || shop.ps().len() == 1);
        is_undone_at_an_interrupt(&shop, child);
    }
}

#[test]
fn who_is_to_end_gets_its_own_signal() {
    let _turn = crate::life::turn();
    for shop in shops("signal") {
        let trap = "[/bin/busybox, sh, -c, 'trap \"echo quit; exit 0\" QUIT; echo ready; while :; do busybox sleep 0.1; done'], stop_signal: SIGQUIT";
        let text = of(&[("a", "")]).replace("[/bin/busybox, sleep, '300']", trap);
        shop.write(&text);
        assert_eq!(shop.up(&[]).code, 0, "{}", shop.backend);
        shop.until("it is ready", || shop.compose(&["logs"]).stdout.contains("ready"));
        assert_eq!(shop.compose(&["stop"]).code, 0, "{}", shop.backend);
        let logs = shop.compose(&["logs"]);
        assert!(logs.stdout.contains("quit"), "{}: {logs:?}", shop.backend);
    }
}

#[test]
fn an_interrupt_while_something_is_waited_for_undoes_all() {
    let _turn = crate::life::turn();
    for shop in shops("sigint") {
        let check = ", healthcheck: {test: [CMD, /bin/busybox, 'false'], interval: 200ms, start_period: 60s}";
        shop.write(&of(&[("db", check), ("web", ", depends_on: {db: {condition: service_healthy}}")]));
        let child = shop.spawn_up();
        shop.until("the database runs", || shop.ps().len() == 1);
        is_undone_at_an_interrupt(&shop, child);
    }
}

#[test]
fn what_a_killed_run_had_begun_is_in_the_way_until_it_is_undone() {
    let _turn = crate::life::turn();
    for shop in shops("killed") {
        let check = ", healthcheck: {test: [CMD, /bin/busybox, 'false'], interval: 200ms, start_period: 60s}";
        shop.write(&of(&[("db", check), ("web", ", depends_on: {db: {condition: service_healthy}}")]));
        let mut child = shop.spawn_up();
        shop.until("the database runs", || shop.ps().len() == 1);
        child.kill().expect("it runs");
        child.wait().expect("it is dead");
        let ran = shop.up(&[]);
        assert!(ran.code == 1 && ran.stderr.contains("recover"), "{}: {ran:?}", shop.backend);
        let ran = shop.compose(&["recover"]);
        assert_eq!(ran.code, 0, "{}: {ran:?}", shop.backend);
        assert_eq!(shop.left(), Vec::<String>::new(), "{}", shop.backend);
    }
}

#[test]
fn what_is_undone_later_is_given_the_secrets_that_it_was_made_with() {
    let _turn = crate::life::turn();
    let Some(shop) = shops("older").into_iter().find(|shop| shop.backend == "native") else { return };
    let secrets = "secrets: {first: {file: first}, second: {file: second}}\n";
    let with = |secret: &str, more: &str| of(&[("web", &format!(", secrets: [{secret}]{more}"))]) + secrets;
    shop.give("first", "one");
    shop.give("second", "two");
    let never = ", healthcheck: {test: [CMD, /bin/busybox, 'false'], interval: 200ms, start_period: 60s}";
    let both = with("first, second", never);
    shop.write(&both);
    shop.rewrite(&with("first", ""));
    assert_eq!(shop.up(&[]).code, 0);
    let old = shop.id("web");
    shop.rewrite(&with("second", never));
    let mut command = shop.command(&["up", "-d", "--wait", "--policy", "policy.toml"]);
    let mut child = command.spawn().expect("the program starts");
    shop.until("the new one runs", || shop.ps().iter().any(|one| one.1 != old && one.2 == "running"));
    child.kill().expect("it runs");
    child.wait().expect("it is dead");
    fs::remove_file(shop.file("second")).expect("it is ours");
    let ran = shop.compose(&["recover"]);
    assert_eq!(ran.code, 0, "the old one needs only the first: {ran:?}");
    assert_eq!(shop.ps(), [("web".to_owned(), old, "running".to_owned())]);
    assert_eq!(shop.exec("web", "busybox cat /run/secrets/first").stdout, "one");
    assert_eq!(shop.compose(&["down", "-t", "0"]).code, 0);
}

#[test]
fn a_killed_tool_leaves_a_project_that_is_up_as_it_is() {
    let _turn = crate::life::turn();
    for shop in shops("survive") {
        shop.write(&services(free_port()));
        assert_eq!(shop.up(&["--wait"]).code, 0, "{}", shop.backend);
        let mut attached = shop.command(&["up", "--policy", "policy.toml"]);
        let mut attached = attached.spawn().expect("the program starts");
        std::thread::sleep(std::time::Duration::from_millis(500));
        attached.kill().expect("it runs");
        attached.wait().expect("it is dead");
        let ps = shop.ps();
        assert!(ps.len() == 2 && ps.iter().all(|one| one.2 == "running"), "{}: {ps:?}", shop.backend);
        assert_eq!(shop.compose(&["down", "-v", "-t", "1"]).code, 0, "{}", shop.backend);
        assert_eq!(shop.left(), Vec::<String>::new(), "{}", shop.backend);
    }
}

#[test]
fn two_at_once_come_to_one_project() {
    let _turn = crate::life::turn();
    for shop in shops("twice") {
        shop.write(&services(free_port()));
        let children = [shop.spawn_up(), shop.spawn_up()];
        for child in children {
            let ran = child.wait_with_output().expect("it ends");
            assert_eq!(ran.status.code(), Some(0), "{}: {ran:?}", shop.backend);
        }
        assert_eq!(shop.ps().len(), 2, "{}", shop.backend);
    }
}

#[test]
fn a_network_of_a_stranger_is_neither_used_nor_removed() {
    let _turn = crate::life::turn();
    for shop in shops("stranger").into_iter().filter(|shop| shop.backend != "native") {
        let network = format!("{}_default", shop.name);
        assert_eq!(shop.client(&["network", "create", "--internal", &network]).code, 0);
        shop.write(&of(&[("a", "")]));
        let ran = shop.up(&[]);
        assert_eq!(ran.code, 5, "{}: {ran:?}", shop.backend);
        assert_eq!(shop.client(&["network", "rm", &network]).code, 0, "{}: it is still there", shop.backend);
        assert_eq!(shop.left(), Vec::<String>::new(), "{}", shop.backend);
    }
}

#[test]
fn a_network_with_other_addresses_takes_the_place_of_the_first_or_nothing_changes() {
    let _turn = crate::life::turn();
    for shop in shops("moved") {
        let text = |third: u8, more: &str| {
            let services = of(&[("db", ""), ("web", more)]);
            let config = format!("[{{subnet: 10.123.{third}.0/24}}]");
            format!("{services}networks: {{default: {{ipam: {{config: {config}}}}}}}\n")
        };
        // Where the kernel sends what is for the network, as it writes addresses.
        let is_in = |third: u8| {
            let routes = shop.exec("db", "busybox cat /proc/net/route");
            assert!(routes.stdout.contains(&format!("00{third:02X}7B0A")), "{}: {routes:?}", shop.backend);
        };
        shop.write(&text(71, ""));
        assert_eq!(shop.up(&[]).code, 0, "{}", shop.backend);
        is_in(71);
        let was = shop.ps();
        shop.rewrite(&text(72, ", entrypoint: [/bin/absent]"));
        let ran = shop.up(&[]);
        assert!(ran.code == 5 && ran.stderr.contains("/bin/absent"), "{}: {ran:?}", shop.backend);
        assert_eq!(shop.ps(), was, "{}: {ran:?}", shop.backend);
        is_in(71);
        shop.rewrite(&text(72, ""));
        let ran = shop.up(&[]);
        assert!(ran.code == 0 && ran.stderr.contains("replace network default"), "{}: {ran:?}", shop.backend);
        is_in(72);
        let moved = shop.ps();
        assert_eq!(shop.up(&[]).code, 0, "{}", shop.backend);
        assert_eq!(shop.ps(), moved, "{}: what is as it is to be is left alone", shop.backend);
    }
}
