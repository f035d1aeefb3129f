//! What a hostile program would try: the same checks in every sandbox, and what each backend leaves open by name.

use std::collections::BTreeSet;
use std::path::Path;

use perry_sandbox_reference::Platform;
use perry_sandbox_testkit::bait::Bait;
use perry_sandbox_testkit::layout::{Compression, Content, digest_of};
use perry_sandbox_testkit::made::{MADE, MADE_KEY, write_signed};
use perry_sandbox_testkit::tarball::Tarball;
use perry_sandbox_testkit::{Home, Ran, Verdicts, checker};
use serde_json::json;

use crate::wall::{Wall, walls};

/// What is open, and why that is what the backend's table of controls says, or no way to the host.
type Open = &'static [(&'static str, &'static str)];

const USER_NAMESPACES: &str = "the runtime takes no such setting; the seccomp filter refuses to make one";
const SECURE_BITS: &str =
    "the runtime has no way to lock them; without caps and new privileges they give nothing";
const FILES: &str = "its tmpfs takes no number of files; the memory limit bounds them, as the table says";
const FLAGS: &str =
    "gVisor does not show the flag; devices are its own, and set-user-id programs gain nothing";

const PODMAN: Open = &[
    ("max-user-namespaces", USER_NAMESPACES),
    ("secure-bits-locked", SECURE_BITS),
    ("shm-names-bounded", FILES),
    ("tmp-names-bounded", FILES),
    (
        "trap-8-host-id-range",
        "the options of its tmpfs mounts say which range of host ids it has; knowing it gives no way to them",
    ),
];

const DOCKER: Open = &[
    ("max-user-namespaces", USER_NAMESPACES),
    ("secure-bits-locked", SECURE_BITS),
    (
        "mount-/-nodev",
        "docker has no option for it; the device control group refuses every device but the harmless ones",
    ),
    (
        "mount-/-nosuid",
        "docker has no option for it; no new privileges makes set-user-id programs ordinary ones",
    ),
    (
        "mount-propagation",
        "mounts that the host makes below the image's own folder would show; nobody makes any there",
    ),
    (
        "user-ids-of-its-own",
        "the API has no way to ask for it, and the table says so: users are the host's own",
    ),
];

const RUNSC: Open = &[
    ("caps-CapAmb", "gVisor's /proc has no such line; no set of caps that it has has one"),
    ("no-new-privs", "gVisor's /proc has no such line; the set-user-id program of the image gains nothing"),
    ("stream-0", "gVisor's own name for a stream that it was given, not the host's"),
    ("stream-1", "gVisor's own name for a stream that it was given, not the host's"),
    ("stream-2", "gVisor's own name for a stream that it was given, not the host's"),
    ("user-ids-of-its-own", "gVisor's own first user namespace; on the host its kernel is nobody"),
    ("hidden-/proc/cmdline", "the same text on every host: gVisor's own"),
    ("hidden-/proc/version", "the same text on every host: gVisor's own"),
    ("max-user-namespaces", "gVisor has no such file; the filter refuses to make one"),
    ("root-read-only", "refused with EACCES, before gVisor asks whether the mount can be written"),
    ("etc-read-only", "refused with EACCES, before gVisor asks whether the mount can be written"),
    ("mount-/-nosuid", FLAGS),
    ("mount-/-nodev", FLAGS),
    ("mount-/tmp-nosuid", FLAGS),
    ("mount-/tmp-nodev", FLAGS),
    ("mount-/dev/shm-nosuid", FLAGS),
    ("mount-/dev/shm-nodev", FLAGS),
    ("mount-/dev-nosuid", FLAGS),
    ("mount-/proc-nosuid", FLAGS),
    ("mount-/proc-nodev", FLAGS),
    (
        "mount-/dev-ro",
        "gVisor opens no device of a read-only mount for writing, /dev/null among them; all are its own",
    ),
    (
        "mount-/dev-noexec",
        "gVisor opens no device of a read-only mount for writing, /dev/null among them; all are its own",
    ),
    ("mount-/proc/sys-ro", "no mount of its own there: the whole /proc is read-only"),
    ("mount-/proc/bus-ro", "no mount of its own there: the whole /proc is read-only"),
    ("mount-/proc/fs-ro", "no mount of its own there: the whole /proc is read-only"),
    ("mount-/proc/irq-ro", "no mount of its own there: the whole /proc is read-only"),
    ("dev-minimal", "gVisor's own net and fuse: one is covered, neither can be opened without caps"),
    (
        "connect-198.51.100.1:80",
        "refused with EHOSTUNREACH, where Linux says ENETUNREACH: there is no other interface than lo",
    ),
    (
        "connect-169.254.169.254:80",
        "refused with EHOSTUNREACH, where Linux says ENETUNREACH: there is no other interface than lo",
    ),
    (
        "connect-[2001:db8::1]:80",
        "refused with EHOSTUNREACH, where Linux says ENETUNREACH: there is no other interface than lo",
    ),
    ("tmp-names-bounded", FILES),
    ("shm-names-bounded", FILES),
    ("queue-of-messages", "gVisor does not count them; they are in the memory that the control group bounds"),
];

const LIMITS: [&str; 4] = ["--memory=64MiB", "--pids-limit=64", "--disk=16MiB", "--open-files=256"];

fn home(wall: Wall, checker: &Path) -> Home {
    let home = wall.home();
    let program = std::fs::read(checker).expect("the checker can be read");
    let layer = Tarball::new()
        .dir("bin")
        .file_mode("bin/checker", &program, 0o755)
        .file_mode("bin/checker-setuid", &program, 0o4755)
        .file_mode("bin/checker-setgid", &program, 0o2755)
        .build();
    let mut content = Content::new();
    let image = content.image(&[(layer, Compression::None)], &Platform::host(), &json!({}));
    content.tag("v1", &image);
    write_signed(&home, content, &digest_of(&image));
    home
}

/// Asks every question inside, as the sandbox's own program or as one that joins it.
fn judge(wall: Wall, checker: &Path, bait: &Bait<'_>, joins: bool) -> Verdicts {
    let home = home(wall, checker);
    let limits = ["pids=64", "files=256", "tmp=16777216", "each=67108864", "limits=ours"];
    let told: Vec<&str> = bait.arguments().iter().map(String::as_str).chain(limits).collect();
    let begin = [&["run", "--quiet", "--key", MADE_KEY], &LIMITS[..]].concat();
    let ran = if joins {
        let first = wall.ask(
            &home,
            &[&begin[..], &["--detach", "--name", "host", MADE, "--", "/bin/checker", "stay"]].concat(),
        );
        assert_eq!(first.code, 0, "{wall:?}: {first:?}");
        let guest = [&["exec", "host", "--", "/bin/checker"], &told[..]].concat();
        let ran = Ran::from(wall.command(&home, &guest).output().expect("the program starts"));
        wall.command(&home, &["rm", "--force", "host"]).output().expect("the program starts");
        ran
    } else {
        wall.ask(&home, &[&begin[..], &[MADE, "--", "/bin/checker"], &told].concat())
    };
    let mut verdicts = Verdicts::read(ran.stdout.as_bytes());
    // The last try is for memory: it may be answered with the end of the sandbox.
    if !verdicts.names().contains("memory-of-one-process") {
        assert!(matches!(ran.code, 123 | 137), "{wall:?}: {} {}", ran.code, ran.stderr);
        verdicts.held.push("ok memory-of-one-process the sandbox was ended".to_owned());
    }
    verdicts
}

/// What a guest's own steps close, whatever engine has made the sandbox.
const CLOSED_TO_GUESTS: &str = "secure-bits-locked";

fn compare(wall: Wall, verdicts: &Verdicts, listed: Open, closed: &str) {
    assert!(listed.iter().all(|(_, why)| why.len() > 20), "each is open for a reason");
    let listed: BTreeSet<&str> =
        listed.iter().map(|(name, _)| *name).filter(|name| *name != closed).collect();
    assert_eq!(verdicts.open_names(), listed, "{wall:?}: {:#?}", verdicts.open);
    let count = verdicts.held.len() + verdicts.open.len();
    assert!(count > 230, "{wall:?}: only {count} checks could tell, not {:?}", verdicts.skipped);
}

/// What is open in each backend.
fn listed(wall: Wall) -> Open {
    match wall.name {
        "podman" => PODMAN,
        "docker" => DOCKER,
        "runsc" => RUNSC,
        _ => &[],
    }
}

#[test]
fn what_is_open_is_what_is_listed_and_nothing_else() {
    let Some(checker) = checker() else { return };
    let bait = Bait::lay(checker);
    for wall in walls() {
        compare(wall, &judge(wall, checker, &bait, false), listed(wall), "");
    }
}

#[test]
fn what_is_open_to_a_program_that_joins_is_no_more() {
    let Some(checker) = checker() else { return };
    let bait = Bait::lay(checker);
    // Nobody joins gVisor's: see `joined`.
    for wall in walls().into_iter().filter(|wall| wall.name != "runsc") {
        compare(wall, &judge(wall, checker, &bait, true), listed(wall), CLOSED_TO_GUESTS);
    }
}
