//! Refusing to weaken: what a backend does not hold is denied before anything starts, and named.

use perry_sandbox_testkit::{As, is_root};

use crate::wall::{Wall, engine_walls};
use crate::{IMAGE, policy};

/// What a policy grants, what a caller asks for, and the line of the explanation that says no.
type Ask = (&'static str, &'static [&'static str], &'static str);

const EGRESS: Ask = ("egress = [\"example.org:443\"]", &["--egress", "example.org:443"], "egress");
const WRITE: Ask = ("mounts = { write = [\"/var/tmp\"] }", &["--mount-write", "/var/tmp"], "mounts");
const READ: Ask = ("mounts = { read = [\"/var/tmp\"] }", &["--mount-read", "/var/tmp:/data"], "mounts");
const EXEC: Ask = ("mounts = { exec = [\"/var/tmp\"] }", &["--mount-exec", "/var/tmp"], "mounts");
const DEVICE: Ask = ("devices = [\"/dev/zero\"]", &["--device", "/dev/zero"], "devices");
const TERMINAL: Ask = ("", &["--tty"], "terminal");
const SECRET: Ask = ("secrets = [\"token\"]", &["--secret", "token=/dev/null"], "secrets");

/// What each of them cannot do.
fn refused(name: &str) -> &'static [Ask] {
    match name {
        "podman" => &[EGRESS, DEVICE],
        "docker" => &[EGRESS, WRITE, EXEC, DEVICE, TERMINAL],
        _ => &[EGRESS, WRITE, READ, DEVICE, TERMINAL, SECRET],
    }
}

#[test]
fn what_a_backend_does_not_hold_is_denied_and_the_line_is_named() {
    for wall in engine_walls() {
        let home = wall.home();
        for (tier, flags, row) in refused(wall.name) {
            let text = policy(tier, "");
            std::fs::write(home.path().join("policy.toml"), text).expect("the home can be written");
            let args = [&["run", "--policy", "policy.toml"], *flags, &[IMAGE, "--", "/bin/busybox", "true"]];
            let ran = wall.ask(&home, &args.concat());
            assert_eq!((ran.code, ran.stdout.as_str()), (122, ""), "{wall:?} {flags:?}: {ran:?}");
            let line = ran.stderr.lines().find(|line| line.contains("DENIED") && line.contains(*row));
            assert!(line.is_some(), "{wall:?} {row}: {ran:?}");
        }
    }
}

#[test]
fn without_control_groups_an_ordinary_users_podman_is_refused() {
    if !is_root() {
        return perry_sandbox_testkit::skip("another user's podman needs root");
    }
    let wall = Wall::new("podman", As::Ordinary);
    let home = wall.home();
    let ran = wall.run(&home, &[], &["/bin/busybox", "true"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (122, ""), "{ran:?}");
}
