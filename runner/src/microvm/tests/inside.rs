//! What a program finds inside a machine.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use perry_sandbox_testkit::{Verdicts, checker};

use super::{busybox, run, settings_of_a_sandbox, start_in};
use crate::outcome::End;

fn says(script: &str) -> Option<String> {
    let ran = run(&["sh", "-c", script], b"", |_| {})?;
    assert_eq!(ran.report.failure, None);
    Some(format!("{}{}", ran.stdout, ran.stderr))
}

#[test]
fn the_root_cannot_be_written_and_tmp_can() {
    let Some(text) =
        says("touch /x; touch /bin/x; echo y > /tmp/x && cat /tmp/x; echo z > /dev/shm/x && cat /dev/shm/x")
    else {
        return;
    };
    assert_eq!(text.matches("Read-only file system").count(), 2, "{text}");
    assert!(text.starts_with("y\nz\n"), "{text}");
}

#[test]
fn a_root_that_can_be_written_is_bounded() {
    let line = "echo new > /root/x && cat /root/x; dd if=/dev/zero of=/root/big bs=64k count=400 2>&1 | tail -1; ls -l /root; exit 5";
    let Some(ran) = run(&["sh", "-c", line], b"", |settings| {
        settings.ephemeral = Some(4 << 20);
        settings.limits.disk = 64 << 20;
        (settings.uid, settings.gid) = (0, 0);
    }) else {
        return;
    };
    assert!(ran.stdout.starts_with("new\n"), "{}{}", ran.stdout, ran.stderr);
    assert_eq!(ran.report.end, Some(End::Exited(5)));
    assert_eq!(ran.report.limit, Some(crate::outcome::Limit::Disk));
    let size =
        ran.stdout.lines().find(|line| line.ends_with("big")).unwrap().split_whitespace().nth(4).unwrap();
    assert!((3 << 20..=4 << 20).contains(&size.parse::<u64>().unwrap()), "{}", ran.stdout);
}

#[test]
fn the_program_is_who_the_plan_says_with_its_environment_and_nothing_else() {
    let line = "id; hostname; pwd; env; cat /proc/self/status | grep -E 'Cap|NoNewPrivs|Seccomp:'; ps; ls /sys; ls /";
    let Some(ran) = run(&["sh", "-c", line], b"", |settings| {
        settings.env.insert("A".to_owned(), "b c".to_owned());
        settings.cwd = "/tmp".to_owned();
    }) else {
        return;
    };
    let text = ran.stdout;
    assert!(text.starts_with("uid=65534 gid=65534\nsandbox\n/tmp\n"), "{text}{}", ran.stderr);
    let env: BTreeSet<_> =
        text.lines().filter(|line| line.contains('=') && !line.starts_with("uid")).collect();
    // The shell adds what it knows about itself.
    assert_eq!(env, BTreeSet::from(["A=b c", "PATH=/bin", "PWD=/tmp", "SHLVL=1"]), "{text}");
    assert_eq!(text.matches("\t0000000000000000").count(), 5, "{text}");
    assert!(text.contains("NoNewPrivs:\t1") && text.contains("Seccomp:\t2"), "{text}");
    assert!(!text.contains("task") && !text.contains("init"), "nothing of the memory disk: {text}");
}

#[test]
fn there_is_no_network() {
    let Some(text) =
        says("ls /sys/class; grep -c : /proc/net/dev; grep lo: /proc/net/dev; wc -l < /proc/net/route")
    else {
        return;
    };
    // The loopback, and the heading of a table without routes.
    assert!(text.starts_with("1\n") && text.contains("lo:") && text.contains("\n1\n"), "{text}");
}

#[test]
fn the_kernel_unpacks_the_image_as_it_is() {
    let root = busybox();
    let path = |name: &str| root.path().join(name);
    fs::write(path("etc/one"), "content").unwrap();
    fs::hard_link(path("etc/one"), path("etc/two")).unwrap();
    fs::set_permissions(path("etc/one"), fs::Permissions::from_mode(0o4604)).unwrap();
    fs::write(path("etc").join("n".repeat(255)), "long").unwrap();
    symlink("/proc/1/root", path("etc/link")).unwrap();
    let line = "ls -il /etc | grep -E 'one|two|link'; cat /etc/two /etc/nnn*; echo; cat /proc/self/mountinfo";
    let Some(running) = start_in(root.path(), settings_of_a_sandbox(&["sh", "-c", line])) else { return };
    let ran = running.finish(b"");
    let lines: Vec<Vec<&str>> = ran.stdout.lines().map(|line| line.split_whitespace().collect()).collect();
    assert!(lines[0][1] == "lrwxrwxrwx" && lines[0].last() == Some(&"/proc/1/root"), "{}", ran.stdout);
    let (one, two) = (&lines[1], &lines[2]);
    assert_eq!((one[0], one[1], one[2]), (two[0], "-rw----r--", "2"), "{}", ran.stdout);
    assert_eq!(lines[3], ["contentlong"]);
    for line in &lines[4..] {
        assert!(line[5].contains("nosuid"), "{line:?}");
        assert!(line[5].contains("noexec") || line[4] == "/", "{line:?}");
        assert!(line[5].contains("nodev") || line[4] == "/dev" || line[4].starts_with("/proc/"), "{line:?}");
    }
}

#[test]
fn kept_linux_caps_are_all_there_are() {
    let Some(ran) = run(&["grep", "Cap", "/proc/self/status"], b"", |settings| settings.linux_caps = 1 << 10)
    else {
        return;
    };
    for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
        assert!(ran.stdout.contains(&format!("{set}:\t0000000000000400")), "{}", ran.stdout);
    }
}

#[test]
fn the_inside_checker_finds_nothing_open_but_what_a_kernel_of_its_own_makes_harmless() {
    let Some(checker) = checker() else { return };
    let root = busybox();
    let inside = root.path().join("checker");
    fs::copy(checker, &inside).unwrap();
    fs::set_permissions(&inside, fs::Permissions::from_mode(0o755)).unwrap();
    let argv = [
        "/checker",
        "limits=ours",
        "pids=64",
        "memory=268435456",
        "tmp=16777216",
        "files=256",
        "canary=runner-root",
    ];
    let mut settings = settings_of_a_sandbox(&argv);
    settings.limits.wall = std::time::Duration::from_secs(120);
    let Some(running) = start_in(root.path(), settings) else { return };
    let ran = running.finish(b"");
    let verdicts = Verdicts::read(ran.stdout.as_bytes());
    assert_eq!(ran.report.failure, None, "{}", ran.stderr);
    assert!(verdicts.held.len() > 80, "{} held: {}{}", verdicts.held.len(), ran.stdout, ran.stderr);
    // A guest's ids are its own kernel's: no user namespace stands between it and the host.
    assert_eq!(verdicts.open_names(), BTreeSet::from(["user-ids-of-its-own"]), "{:?}", verdicts.open);
}
