//! What this process is: ids, caps, filters, descriptors, namespaces, environment.

use std::fs;
use std::os::unix::fs::MetadataExt as _;

use crate::raw::{ETXTBSY, call};
use crate::report::Report;

/// All of it.
pub fn check(report: &mut Report, canary: Option<&str>) {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let field = |name: &str| {
        status
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(":\t"))
            .unwrap_or("")
            .trim()
            .to_owned()
    };
    for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
        let held = u64::from_str_radix(&field(set), 16) == Ok(0);
        report.held(&format!("caps-{set}"), held, field(set));
    }
    report.held("no-new-privs", field("NoNewPrivs") == "1", field("NoNewPrivs"));
    report.held("seccomp-mode", field("Seccomp") == "2", field("Seccomp"));
    let root = |ids: String| ids.split_whitespace().any(|id| id == "0");
    report.held("user-not-root", !root(field("Uid")), field("Uid"));
    report.held("group-not-root", !root(field("Gid")), field("Gid"));
    report.held("no-groups", field("Groups").split_whitespace().all(|id| id == "65534"), field("Groups"));
    match call(157, &[27]) {
        Ok(secure) => report.held("secure-bits-locked", secure & 0x3 == 0x3, format_args!("{secure:#x}")),
        Err(_) => report.skip("secure-bits-locked", "the filter refuses to tell"),
    }
    descriptors(report);
    processes(report);
    surroundings(report, canary);
}

fn descriptors(report: &mut Report) {
    let mut extra = Vec::new();
    for number in 3..1024_i64 {
        // fcntl(F_GETFD)
        if call(72, &[number, 1]).is_ok() {
            extra.push(number);
        }
    }
    report.held("descriptors", extra.is_empty(), format_args!("{extra:?}"));
    for number in 0..3 {
        let path = format!("/proc/self/fd/{number}");
        let target = fs::read_link(&path).unwrap_or_default().to_string_lossy().into_owned();
        // That of a program that joins is mounted nowhere, and has no name but its number.
        let is_own_terminal = || {
            let device = fs::metadata(&path).map_or(0, |found| found.rdev());
            device != 0 && controlling_terminal() == Some(device)
        };
        let held = target.starts_with("pipe:")
            || target == "/dev/null"
            || target.starts_with("/dev/pts/")
            || is_own_terminal();
        report.held(&format!("stream-{number}"), held, target);
    }
}

/// The device of this session's terminal; a terminal of the host is none.
fn controlling_terminal() -> Option<u64> {
    let text = fs::read_to_string("/proc/self/stat").ok()?;
    text.rsplit_once(')')?.1.split_whitespace().nth(4)?.parse().ok()
}

fn processes(report: &mut Report) {
    let pids = fs::read_dir("/proc").map(|entries| {
        entries.flatten().filter(|entry| entry.file_name().to_string_lossy().parse::<u32>().is_ok()).count()
    });
    report.held("processes-seen", pids.as_ref().is_ok_and(|count| *count <= 3), format_args!("{pids:?}"));
    let first = fs::read_link("/proc/1/exe");
    let inside = first.as_ref().map_or(true, |path| path.exists());
    report.held("proc-1-exe-in-image", inside, format_args!("{first:?}"));
    let open = fs::OpenOptions::new().write(true).open("/proc/1/exe");
    // A file that is busy now can be written to when the program has ended.
    let refused = open.as_ref().is_err_and(|error| error.raw_os_error() != Some(ETXTBSY));
    report.held("proc-1-exe-write", refused, format_args!("{:?}", open.err()));
    let map = fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    let whole = map.split_whitespace().eq(["0", "0", "4294967295"]);
    report.held("user-ids-of-its-own", !whole && !map.is_empty(), map.trim());
    let place = |path: &str| fs::metadata(path).ok().map(|found| (found.dev(), found.ino()));
    let root = place("/proc/1/root/");
    report.held("proc-1-root", root.is_none() || root == place("/"), format_args!("{root:?}"));
    // pgid and session of our own: a signal to them reaches nobody outside.
    let session = call(124, &[0]).unwrap_or(-1);
    report.held("own-session", session > 0, session);
}

fn surroundings(report: &mut Report, canary: Option<&str>) {
    let Some(canary) = canary else { return };
    let seen = std::env::vars().any(|(name, value)| name.contains(canary) || value.contains(canary));
    report.held("environment", !seen, "canary variable");
    for file in ["/proc/self/mountinfo", "/proc/self/mounts", "/proc/1/environ"] {
        let text = fs::read(file).unwrap_or_default();
        let seen = text.windows(canary.len()).any(|part| part == canary.as_bytes());
        report.held(&format!("host-path-in-{}", file.rsplit('/').next().unwrap_or(file)), !seen, file);
    }
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let range = mounts.split([',', ' ']).any(|part| {
        part.strip_prefix("uid=").and_then(|id| id.parse::<u64>().ok()).is_some_and(|id| id > 65_535)
    });
    report.held("trap-8-host-id-range", !range, "mount options");
    let shared = mounts.contains(" shared:") || mounts.contains(" master:");
    report.held("mount-propagation", !shared, "no mount follows the host's");
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let roots = groups.lines().all(|line| line.ends_with(":/"));
    report.held("cgroup-of-its-own", roots, groups.lines().find(|line| !line.ends_with(":/")).unwrap_or(""));
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    report.held("own-hostname", name.trim() == "sandbox", name.trim());
}
