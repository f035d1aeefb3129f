//! Programs that join a service, and programs that are run once beside it.

use std::process::{Command, Stdio};
use std::time::Duration;

use perry_sandbox_testkit::{Ran, compose_program};
use serde_json::Value;

use crate::lives::Up;

#[test]
fn a_program_joins_a_service_and_its_code_is_ours() {
    let up = Up::new();
    let shell = "echo $MODE; pwd; exit 7";
    let args = ["exec", "-T", "-e", "MODE=hello", "-w", "/usr", "web", "/bin/busybox", "sh", "-c", shell];
    let ran = up.run(&args);
    assert_eq!((ran.code, ran.stdout.as_str()), (7, "hello\n/usr\n"), "{ran:?}");
    let none = up.run(&["exec", "--index", "2", "web", "/bin/busybox", "true"]);
    assert!(none.code == 1 && none.stderr.contains("replica 2"), "{none:?}");
    let other = up.run(&["exec", "-u", "root", "web", "/bin/busybox", "true"]);
    assert!(other.code == 2 && other.stderr.contains("is the service's user"), "{other:?}");
    assert_eq!(up.run(&["exec", "web", "/bin/none"]).code, 127, "as a shell");
    let other = up.run(&["exec", "nobody", "/bin/busybox", "true"]);
    assert!(other.code == 1 && other.stderr.contains("no such service: `nobody`"), "{other:?}");
}

#[test]
fn a_program_is_run_once_beside_what_its_service_needs() {
    let up = Up::new();
    assert_eq!(up.run(&["down"]).code, 0);
    let shell = "echo $MODE; echo oh >&2; exit 3";
    let ran = up.run(&[
        "run",
        "--policy",
        "good.toml",
        "--rm",
        "-e",
        "MODE=once",
        "web",
        "/bin/busybox",
        "sh",
        "-c",
        shell,
    ]);
    assert_eq!((ran.code, ran.stdout.as_str()), (3, "once\n"), "{ran:?}");
    assert!(ran.stderr.contains("oh\n"), "{ran:?}");
    assert_eq!(up.states(), "db running", "what it needs is up, and it is gone itself");
    let id = up.run(&["run", "--policy", "good.toml", "-d", "--no-deps", "--name", "once", "web"]);
    assert_eq!(id.code, 0, "{id:?}");
    let listed = up.run(&["ps", "-a", "--format", "json"]);
    let once = listed.stdout.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let once = once.filter(|one| one["name"] == "once").collect::<Vec<_>>();
    assert!(once.len() == 1 && once[0]["one-off"] == true, "{listed:?}");
    // One that nobody was there to remove goes with those that do not run.
    let ended = up.run(&["run", "--policy", "good.toml", "-d", "--no-deps", "web", "/bin/busybox", "true"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    let one_offs = || up.run(&["ps", "-a", "--format", "json"]).stdout.matches("\"one-off\":true").count();
    let begun = std::time::Instant::now();
    while one_offs() > 1 {
        assert!(begun.elapsed() < Duration::from_secs(20), "{ended:?}");
        up.run(&["rm", "-f"]);
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!((one_offs(), up.states().as_str()), (1, "db running"), "the one that runs stays");
}

#[test]
fn a_program_that_is_run_once_has_a_user_and_a_terminal_of_its_own_and_asks_for_ports() {
    let up = Up::new();
    let run = ["run", "--policy", "good.toml", "--rm", "--no-deps"];
    let once = |flags: &[&str], script: &str| {
        up.run(&[&run[..], flags, &["web", "/bin/busybox", "sh", "-c", script]].concat())
    };
    let ran = once(&["--user", "1234:4321"], "id -u; id -g; [ -t 0 ] || echo pipe");
    assert_eq!((ran.code, ran.stdout.as_str()), (0, "1234\n4321\npipe\n"), "{ran:?}");
    let ran = once(&["-t"], "[ -t 0 ] && [ -t 2 ] && echo screen");
    assert_eq!((ran.code, ran.stdout.as_str()), (0, "screen\r\n"), "{ran:?}");
    let refused = once(&["-p", "8080:80"], "true");
    assert!(refused.code == 3 && refused.stderr.contains("127.0.0.1:8080"), "{refused:?}");
    assert_eq!(once(&["-p", "web:80"], "true").code, 2);
    let refused = once(&["--user", "root"], "true");
    assert!(refused.code == 3 && refused.stderr.contains("user"), "{refused:?}");
    assert_eq!(once(&["--user", "web"], "true").code, 2, "a number");
}

#[test]
fn images_go_with_the_last_sandbox_that_has_them() {
    let up = Up::new();
    let records = up.home.path().join(".local/share/perry-sandbox/images");
    let images = || std::fs::read_dir(&records).expect("a store").count();
    assert_eq!(images(), 1);
    for (which, service) in [("local", "web"), ("all", "web")] {
        assert_eq!(up.run(&["up", "-d", "--policy", "good.toml"]).code, 0);
        assert_eq!(up.run(&["down", "--rmi", which, service]).code, 0);
        assert_eq!(images(), 1, "the other service has it");
    }
    assert_eq!((up.run(&["down", "--rmi", "local"]).code, images()), (0, 1), "it was not built here");
    assert_eq!(up.run(&["up", "-d", "--policy", "good.toml"]).code, 0);
    assert_eq!(up.run(&["stop", "-t", "0", "db"]).code, 0);
    let ran = up.run(&["down", "--rmi", "all", "web"]);
    assert_eq!((ran.code, images()), (0, 1), "one that has ended has it too");
    let ran = up.run(&["down", "--rmi", "all"]);
    assert!(ran.code == 0 && ran.stderr.contains("removed the image oci:examples/hello/image"), "{ran:?}");
    assert_eq!(images(), 0);
}

#[test]
fn a_program_that_the_policy_refuses_brings_nothing_up() {
    let up = Up::new();
    assert_eq!(up.run(&["down"]).code, 0);
    let ran = up.run(&["run", "--policy", "bare.toml", "web"]);
    assert_eq!((ran.code, up.states().as_str()), (3, ""), "{ran:?}");
}

#[test]
fn an_interrupt_ends_a_program_that_is_run_once_and_nothing_of_it_stays() {
    let up = Up::new();
    let mut command = up.home.other_command(&compose_program());
    let child = command
        .args(["run", "--policy", "good.toml", "--rm", "--no-deps", "web"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let one_offs = || up.run(&["ps", "--format", "json"]).stdout.matches("\"one-off\":true").count();
    while one_offs() == 0 {
        std::thread::sleep(Duration::from_millis(50));
    }
    // It listens for signals before it starts anything.
    let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(sent.is_ok_and(|status| status.success()));
    let ran = Ran::from(child.wait_with_output().expect("it ends"));
    assert_eq!((ran.code, one_offs()), (130, 0), "by the signal: {ran:?}");
    assert_eq!(up.states(), "db running, web running");
}
