//! Devices and mounts, from the command line to the kernel.

use std::fs;

use perry_sandbox_testkit::{As, Home, Ran};

use crate::IMAGE;

const POLICY: &str = r#"schema = "perry-sandbox/policy/v1"
name = "grants"

[signer.example]
public-key = "examples/hello/cosign.pub"

[image.hello]
repository = "registry.example/perry-sandbox/hello"
signed-by = { at-least = 1, of = ["example"] }

[tier.roomy]
memory-enforcement = "watched"
limits = { memory = "64MiB", cpu = 1, pids = 64, wall = "1m", output = "1MiB", disk = "8MiB", open-files = 256 }
isolation = { accept = ["oci"] }
devices = ["/dev/fuse", "/dev/tty", "/dev/null", "/dev/shm"]

[ad-hoc]
tier = "roomy"
image = ["hello"]
"#;

fn home() -> Home {
    let home = Home::new(As::Me);
    fs::write(home.path().join("policy.toml"), POLICY).expect("the home can be written");
    home
}

fn run(home: &Home, flags: &[&str], script: &str) -> Ran {
    let command = [IMAGE, "--", "/bin/busybox", "sh", "-c", script];
    home.run(&[&["run", "--policy", "policy.toml"], flags, &command].concat())
}

#[test]
fn devices_are_given_by_policy_and_some_never() {
    let home = home();
    let granted = ["--device", "/dev/fuse", "--device", "/dev/null"];
    let ran = run(&home, &granted, "ls -ln /dev/fuse /dev/null");
    assert!(ran.code == 0 && ran.stdout.contains("10, 229") && ran.stdout.contains("1,   3"), "{ran:?}");
    let dry = run(&home, &[&granted[..], &["--dry-run"]].concat(), "true");
    assert!(
        dry.stdout.contains("own /dev (nodes with the numbers") && dry.stdout.contains("fuse (10:229)"),
        "{dry:?}"
    );
    let never = run(&home, &["--device", "/dev/tty"], "echo ran");
    assert_eq!((never.code, never.stdout.as_str()), (120, ""), "{never:?}");
    assert!(never.stderr.contains("it is a terminal of the host"), "{never:?}");
    let folder = run(&home, &["--device", "/dev/shm"], "echo ran");
    assert_eq!((folder.code, folder.stdout.as_str()), (122, ""), "{folder:?}");
    for denied in ["/dev/kvm", "/dev/kmsg", "/dev/mem"] {
        let ran = run(&home, &["--device", denied], "echo ran");
        assert_eq!((ran.code, ran.stdout.as_str()), (120, ""), "{ran:?}");
    }
}
