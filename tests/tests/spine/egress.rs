//! Egress, from the command line to a server outside, as root and as an ordinary user.

use std::fs;

use perry_sandbox_testkit::outside::greeter;
use perry_sandbox_testkit::{As, Home};

use crate::{IMAGE, roomy, users};

const TIER: &str = "seccomp = \"perry-default\"\negress = [\"127.0.0.1:*\", \"*.example.org:443\"]";

fn home(user: As) -> Home {
    let home = Home::new(user);
    let file = home.path().join("policy.toml");
    fs::write(&file, roomy("10m", TIER, "")).expect("the home can be written");
    if user == As::Ordinary && perry_sandbox_testkit::is_root() {
        std::os::unix::fs::chown(file, Some(1337), Some(1337)).expect("it is given away");
    }
    home
}

#[test]
fn a_program_reaches_what_it_was_granted_and_is_told_why_it_reaches_nothing_else() {
    for user in users() {
        let (home, port) = (home(user), greeter());
        let run = |flags: &[&str], script: &str| {
            let command = [IMAGE, "--", "/bin/busybox", "sh", "-c", script];
            home.run(&[&["run", "--policy", "policy.toml"], flags, &command].concat())
        };
        let granted = format!("127.0.0.1:{port}");
        let fetch = format!("/bin/busybox wget -q -O - http://{granted}/");
        let ran = run(&["--egress", &granted], &fetch);
        assert_eq!((ran.code, ran.stdout.as_str(), ran.stderr.as_str()), (0, "hello\n", ""), "{ran:?}");
        let other = run(&["--egress", &granted], "/bin/busybox wget -q -O - http://evil.example/");
        assert!(other.code != 0 && other.stdout.is_empty(), "{other:?}");
        let why = "egress refused: evil.example:80: no egress grant covers it";
        assert!(other.stderr.contains(why), "{other:?}");
        let json = run(&["--json", "--egress", &granted], "/bin/busybox wget -q -O - http://evil.example/");
        assert!(json.stdout.contains(r#""reason": "not-granted""#), "{json:?}");
        let plain = run(&[], &fetch);
        assert!(plain.code != 0 && plain.stdout.is_empty() && !plain.stderr.contains("egress"), "{plain:?}");
        let denied = run(&["--egress", "b.example.com:443"], "echo ran");
        assert_eq!((denied.code, denied.stdout.as_str()), (120, ""), "{denied:?}");
    }
}

#[test]
fn who_enforces_it_is_named_before_it_runs() {
    let home = home(As::Me);
    let asked = ["--policy", "policy.toml", "--egress", "a.example.org:443"];
    let command = [IMAGE, "--", "/bin/busybox", "true"];
    let said = home.run(&[&["explain"], &asked[..], &command].concat());
    let line = said.stdout.lines().find(|line| line.trim_start().starts_with("egress")).unwrap_or_default();
    assert!(line.contains("a.example.org:443") && line.contains("enforced by egress proxy"), "{said:?}");
    let dry = home.run(&[&["run", "--dry-run"], &asked[..], &command].concat());
    assert!(dry.stdout.contains("hand the sockets of the egress proxy"), "{dry:?}");
    let without = home.run(&[&["run", "--dry-run"], &asked[..2], &command].concat());
    assert!(without.code == 0 && !without.stdout.contains("egress proxy"), "{without:?}");
}

#[test]
fn a_sandbox_that_stays_keeps_its_way_out() {
    let (home, port) = (home(As::Me), greeter());
    let granted = format!("127.0.0.1:{port}");
    let asked = ["run", "-d", "--name", "fetcher", "--policy", "policy.toml", "--egress", &granted];
    let started = home.run(&[&asked[..], &[IMAGE, "--", "/bin/busybox", "sleep", "500"]].concat());
    assert_eq!(started.code, 0, "{started:?}");
    let url = format!("http://{granted}/");
    let joined = home.run(&["exec", "fetcher", "--", "/bin/busybox", "wget", "-q", "-O", "-", &url]);
    assert_eq!((joined.code, joined.stdout.as_str()), (0, "hello\n"), "{joined:?}");
    home.run(&["stop", "-t", "1", "fetcher"]);
    let shown = home.run(&["inspect", "--json", "fetcher"]);
    home.run(&["rm", "-f", "fetcher"]);
    assert!(shown.stdout.contains(r#""allowed": 1"#), "{shown:?}");
}
