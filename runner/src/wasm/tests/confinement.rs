//! What the process of a module has itself, seen from outside.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::trial::Trial;
use super::words::waits;
use crate::native::Ids;
use crate::wasm::THREADS;

fn value(status: &str, name: &str) -> String {
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap_or_else(|| panic!("{name} is missing: {status}")).trim().to_owned()
}

#[test]
fn the_process_has_nothing_that_it_does_not_need() {
    let trial = Trial::new(&waits());
    let running = trial.start();
    let process = PathBuf::from(format!("/proc/{}", running.child.id()));
    let status = || fs::read_to_string(process.join("status")).unwrap();
    let started = Instant::now();
    while value(&status(), "Seccomp_filters:") != "2" {
        assert!(started.elapsed() < Duration::from_secs(20), "{}", status());
        std::thread::sleep(Duration::from_millis(10));
    }
    let tasks: Vec<_> =
        fs::read_dir(process.join("task")).unwrap().map(|task| task.unwrap().path()).collect();
    let others = usize::try_from(THREADS).unwrap();
    assert_eq!(tasks.len(), 1 + others, "the module's thread, the watcher, and one for files");
    for task in tasks {
        let status = fs::read_to_string(task.join("status")).unwrap();
        for caps in ["CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:"] {
            assert_eq!(value(&status, caps), "0000000000000000", "{caps}");
        }
        assert_eq!(value(&status, "NoNewPrivs:"), "1");
        assert_eq!(
            (value(&status, "Seccomp:"), value(&status, "Seccomp_filters:")),
            ("2".to_owned(), "2".to_owned())
        );
        if Ids::of_this_process() == Ids::Range {
            let id = Ids::outside(65_534).to_string();
            assert_eq!(value(&status, "Uid:").split_whitespace().collect::<Vec<_>>(), vec![id.as_str(); 4]);
            assert_eq!(value(&status, "Gid:").split_whitespace().collect::<Vec<_>>(), vec![id.as_str(); 4]);
            assert_eq!(value(&status, "Groups:"), "");
        }
    }
    if nix::unistd::geteuid().is_root() {
        let inside = |name: &str| fs::read_link(process.join("ns").join(name)).unwrap();
        for name in ["mnt", "net", "ipc", "uts", "cgroup"] {
            assert_ne!(inside(name), fs::read_link(format!("/proc/self/ns/{name}")).unwrap(), "{name}");
        }
        assert_eq!(fs::read_dir(process.join("root")).unwrap().count(), 0);
        let mounts = fs::read_to_string(process.join("mountinfo")).unwrap();
        assert_eq!(mounts.lines().count(), 1, "{mounts}");
        assert!(mounts.contains(" / / ro,"), "{mounts}");
        let host = fs::read_to_string("/proc/self/mountinfo").unwrap();
        let host: Vec<_> = host.lines().filter_map(|line| line.split(' ').next()).collect();
        for open in fs::read_dir(process.join("fd")).unwrap() {
            let open = open.unwrap().path();
            if fs::metadata(&open).unwrap().is_dir() {
                let details = process.join("fdinfo").join(open.file_name().unwrap());
                let mount = value(&fs::read_to_string(details).unwrap(), "mnt_id:");
                assert!(!host.contains(&mount.as_str()), "{} is a folder of the host", open.display());
            }
        }
    } else {
        // It is not dumpable: not even its own user looks into it.
        assert!(fs::read_link(process.join("root")).is_err());
    }
    running.signal(libc::SIGKILL);
    running.came();
}
