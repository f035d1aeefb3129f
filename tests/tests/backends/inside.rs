//! What the program inside sees and can do.

use std::net::TcpListener;

use perry_sandbox_profiles::masked_paths;

use crate::wall::{Wall, walls};

fn said(wall: Wall, flags: &[&str], script: &str) -> String {
    let ran = wall.shell(&wall.home(), flags, script);
    assert_eq!(ran.code, 0, "{wall:?}: {ran:?}");
    ran.stdout
}

#[test]
fn it_is_nobody_with_nothing_and_nothing_can_be_gained() {
    for wall in walls() {
        let text = said(wall, &[], "cat /proc/self/status");
        let has = |line: &str| {
            assert!(text.lines().any(|found| found.trim_end() == line), "{wall:?}: {line} in {text}")
        };
        has("Uid:\t65534\t65534\t65534\t65534");
        has("Gid:\t65534\t65534\t65534\t65534");
        has("Seccomp:\t2");
        for set in ["CapInh", "CapPrm", "CapEff", "CapBnd"] {
            has(&format!("{set}:\t0000000000000000"));
        }
        let groups = text.lines().find_map(|line| line.strip_prefix("Groups:")).expect("a line").trim();
        assert!(matches!(groups, "" | "65534"), "{wall:?}: groups {groups}");
        // gVisor's /proc has no such lines: there, the checker's set-user-id program shows it.
        if wall.name != "runsc" {
            has("NoNewPrivs:\t1");
            has("CapAmb:\t0000000000000000");
        }
    }
}

#[test]
fn nothing_can_be_written_but_tmp_which_is_bounded_and_runs_nothing() {
    let script = "for d in / /usr /bin /etc /proc /sys /dev /run /var /home; do \
        [ -d $d ] && touch $d/written 2>/dev/null && echo $d; done; \
        for d in /tmp /dev/shm; do touch $d/written && echo $d; echo '#!/bin/busybox true' >$d/run; chmod +x $d/run; $d/run 2>/dev/null; echo $?; \
        rm $d/run; dd if=/dev/zero of=$d/full bs=64k count=64 2>/dev/null; wc -c <$d/full; done";
    for wall in walls() {
        let text = said(wall, &["--disk", "4MiB"], script);
        let lines: Vec<&str> = text.lines().collect();
        let [tmp, run, size, shm, run_shm, size_shm] = lines[..] else { panic!("{wall:?}: {text}") };
        assert_eq!([tmp, run, shm, run_shm], ["/tmp", "126", "/dev/shm", "126"], "{wall:?}");
        let sizes = [size, size_shm].map(|size| size.parse::<u64>().expect("a number"));
        assert!(sizes[0] > 0 && sizes.iter().sum::<u64>() <= 4 << 20, "{wall:?}: {sizes:?}");
    }
}

#[test]
fn there_is_no_network_and_no_way_to_a_listener_of_the_host() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
    let port = listener.local_addr().expect("bound").port();
    std::net::TcpStream::connect(("127.0.0.1", port)).expect("the host itself reaches it");
    let script = format!(
        "tail -n +3 /proc/net/dev | cut -d: -f1; tail -n +2 /proc/net/route; nc -w 1 127.0.0.1 {port} 2>/dev/null </dev/null && echo reached; \
         nc -w 1 198.51.100.1 80 2>/dev/null </dev/null && echo outside; exit 0"
    );
    for wall in walls() {
        assert_eq!(said(wall, &[], &script).trim(), "lo", "{wall:?}");
    }
}

#[test]
fn the_kernels_files_about_the_host_are_hidden() {
    let all: Vec<&str> = masked_paths().iter().map(|path| path.path()).collect();
    assert!(all.len() > 20, "{all:?}");
    let script = format!(
        "for p in {}; do if [ -d $p ]; then ls -A $p 2>/dev/null; elif [ -e $p ]; then timeout 1 head -c 64 $p 2>/dev/null | grep -q . && echo $p; fi; done; exit 0",
        all.join(" ")
    );
    for wall in walls() {
        let text = said(wall, &[], &script);
        // gVisor's own /proc has constants there: see `checks`.
        let seen: Vec<&str> =
            text.lines().filter(|line| wall.name != "runsc" || !GVISOR.contains(line)).collect();
        assert!(seen.is_empty(), "{wall:?}: {seen:?}");
    }
}

/// What gVisor's own kernel says about itself, the same on every host.
const GVISOR: [&str; 2] = ["/proc/cmdline", "/proc/version"];

#[test]
fn no_other_process_and_no_name_of_the_host_is_visible() {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").expect("the host has a name");
    for wall in walls() {
        let text = said(wall, &[], "hostname; for p in /proc/[0-9]*; do echo $p; done; exit 0");
        let mut lines = text.lines();
        assert!(
            lines.next().is_some_and(|name| name == "sandbox" && name != host.trim()),
            "{wall:?}: {text}"
        );
        assert!(lines.count() <= 2, "{wall:?}: {text}");
    }
}
