//! What the program inside sees, as root and as an ordinary user.

use crate::{run, users};

fn output(command: &[&str]) -> Vec<String> {
    users()
        .into_iter()
        .map(|user| {
            let ran = run(user, command);
            assert_eq!(ran.code, 0, "{user:?}: {ran:?}");
            ran.stdout
        })
        .collect()
}

#[test]
fn only_an_unconnected_loopback_is_there() {
    for text in output(&["/bin/busybox", "sh", "-c", "cat /proc/net/dev /proc/net/route"]) {
        let interfaces: Vec<_> = text.lines().filter(|line| line.contains(':')).collect();
        assert_eq!(interfaces.len(), 1, "{text}");
        assert!(interfaces[0].trim_start().starts_with("lo:"), "{text}");
    }
}

#[test]
fn a_listener_of_the_host_cannot_be_reached() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("loopback");
    let port = listener.local_addr().expect("bound").port().to_string();
    for user in users() {
        let ran = run(user, &["/bin/busybox", "nc", "-w", "1", "127.0.0.1", &port]);
        assert_ne!(ran.code, 0, "{user:?}: {ran:?}");
    }
}

#[test]
fn nothing_outside_tmp_can_be_written() {
    let script = "for d in / /usr /bin /etc /proc /sys /dev /run /var; do \
        [ -d $d ] && touch $d/written 2>/dev/null && echo $d; done; touch /tmp/written && echo /tmp";
    for text in output(&["/bin/busybox", "sh", "-c", script]) {
        assert_eq!(text.trim(), "/tmp");
    }
}

#[test]
fn no_linux_cap_and_no_new_privilege() {
    for text in output(&["/bin/busybox", "cat", "/proc/self/status"]) {
        for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
            let line = text.lines().find(|line| line.starts_with(set)).expect("the kernel lists the set");
            assert!(line.ends_with("0000000000000000"), "{line}");
        }
        assert!(text.contains("NoNewPrivs:\t1"), "{text}");
        assert!(text.contains("Seccomp:\t2"), "{text}");
        assert!(text.contains("Uid:\t65534\t65534\t65534\t65534"), "{text}");
    }
}

#[test]
fn no_other_process_is_visible() {
    for text in output(&["/bin/busybox", "sh", "-c", "for p in /proc/[0-9]*; do echo $p; done; exit 0"]) {
        assert!(text.lines().count() <= 2, "{text}");
    }
}

#[test]
fn the_host_is_not_to_be_seen_in_mounts_environment_and_names() {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").expect("the host has a name");
    for text in output(&["/bin/busybox", "sh", "-c", "hostname; env; cat /proc/self/mountinfo"]) {
        assert!(!text.lines().next().expect("a host name").eq(host.trim()), "{text}");
        let checkout = perry_sandbox_testkit::crate_root().display().to_string();
        for canary in ["perry-sandbox-home", "XDG_RUNTIME_DIR", "/rootfs/", &checkout] {
            assert!(!text.contains(canary), "`{canary}` in {text}");
        }
    }
}

#[test]
fn a_new_user_namespace_is_refused() {
    for text in output(&["/bin/busybox", "sh", "-c", "unshare -r true 2>/dev/null && echo yes || echo no"]) {
        assert_eq!(text.trim(), "no");
    }
}
