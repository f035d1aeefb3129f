//! Devices and mounts, from the command line to the kernel.

use std::fs;

use perry_sandbox_testkit::{As, Home, Ran};

use crate::{IMAGE, roomy};

const TIER: &str = r#"devices = ["/dev/fuse", "/dev/tty", "/dev/null", "/dev/shm"]
mounts = { read = ["/var/tmp"], exec = ["/var/tmp"] }"#;

fn home() -> Home {
    let home = Home::new(As::Me);
    fs::write(home.path().join("policy.toml"), roomy("1m", TIER, "")).expect("the home can be written");
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

#[test]
fn programs_of_the_host_are_executed_where_a_policy_lets_them() {
    let home = home();
    let host = tempfile::Builder::new()
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .tempdir_in("/var/tmp")
        .expect("a folder of the host");
    let program = host.path().join("hello");
    fs::write(&program, "#!/bin/busybox sh\necho from the host\n").expect("it can be written");
    fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("it is ours");
    let (folder, script) = (host.path().to_str().expect("text"), program.to_str().expect("text"));
    let ran = run(&home, &["--mount-exec", folder], script);
    assert_eq!((ran.code, ran.stdout.as_str()), (0, "from the host\n"), "{ran:?}");
    let read = run(&home, &["--mount-read", folder], script);
    assert!(read.code == 126 && read.stdout.is_empty(), "{read:?}");
    let explain = ["explain", "--policy", "policy.toml", "--mount-exec", folder, IMAGE, "--", "/bin/x"];
    let said = home.run(&explain);
    assert!(
        said.stdout.contains("(execute)") && said.stdout.contains("nobody has verified the programs"),
        "{said:?}"
    );
}
