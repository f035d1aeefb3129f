//! The table: each defence, how it is taken out, and what then stands open.

use super::super::super::steps::{Slot, Step};
use super::super::super::sys::MountAttributes;
use super::cut::*;
use super::names::*;

/// One row.
pub(super) struct Defence {
    /// What holds. Where walls stand behind each other they fall together, and all are named.
    pub(super) wall: &'static str,
    /// How it is taken out.
    pub(super) cuts: &'static [&'static [Cut]],
    /// Who can take it out.
    pub(super) who: Who,
    /// Whether nothing but the named checks turns open. Not asked where a row takes out what others hold as well.
    pub(super) alone: bool,
    /// The checks that turn open.
    pub(super) opens: &'static [&'static [&'static str]],
    /// More of them as root.
    pub(super) as_root: &'static [&'static str],
    /// More of them as an ordinary user.
    pub(super) as_user: &'static [&'static str],
}

/// Who a row is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Who {
    /// Root and an ordinary user.
    Everybody,
    /// Without it only root could start anything, or see a difference.
    Root,
    /// As root the runner holds it by another means as well.
    User,
}

const ROW: Defence =
    Defence { wall: "", cuts: &[], who: Who::Everybody, alone: true, opens: &[], as_root: &[], as_user: &[] };

/// Takes out what others hold as well.
const DEEP: Defence = Defence { alone: false, ..ROW };

/// As [`DEEP`], and only root can start a sandbox without it.
const HOST: Defence = Defence { who: Who::Root, ..DEEP };

pub(super) const DEFENCES: &[Defence] = &[
    Defence { wall: "seccomp filter", cuts: &[&[FILTER]], opens: &[BY_FILTER], ..ROW },
    Defence {
        wall: "seccomp filter; no Linux caps",
        cuts: &[&[FILTER, WITH_CAPS]],
        opens: &[BY_FILTER, CAPS, BY_FILTER_AND_CAPS],
        ..ROW
    },
    Defence {
        wall: "seccomp filter; no Linux caps; a user namespace; Landlock",
        cuts: &[&[FILTER, WITH_CAPS, AS_ROOT, LANDLOCK], &USERS],
        opens: &[BY_FILTER, CAPS, BY_FILTER_AND_CAPS, BY_FILTER_AND_USERS],
        as_root: &["mknod-char-in-tmp", "mknod-char-in-shm", "mknod-block-in-tmp", "mknod-block-in-shm"],
        ..HOST
    },
    Defence {
        wall: "seccomp filter; the limit on nested user namespaces",
        cuts: &[&[FILTER, NO_NESTING]],
        opens: &[
            BY_FILTER,
            &["max-user-namespaces", "new-user-namespace"],
            &["new-user-namespace-by-clone", "new-user-namespace-by-clone3"],
        ],
        ..ROW
    },
    Defence {
        wall: "seccomp filter; a session keyring",
        cuts: &[&[FILTER, KEYRING]],
        opens: &[BY_FILTER, &["host-session-keyring"]],
        ..ROW
    },
    Defence {
        // Landlock asks for no new privileges.
        wall: "seccomp filter; no new privileges",
        cuts: &[&[FILTER, NO_NEW_PRIVILEGES, LANDLOCK]],
        opens: &[BY_FILTER, &["no-new-privs"]],
        ..ROW
    },
    Defence {
        wall: "seccomp filter; no new privileges; nosuid root; an empty bounding set",
        cuts: &[&[FILTER, NO_NEW_PRIVILEGES, LANDLOCK, ROOT_FLAGS, BOUNDING_SET]],
        opens: &[&["no-new-privs", "mount-/-nosuid", "mount-/-nodev", "caps-CapBnd", "bounding-set-empty"]],
        as_root: &["setuid-program", "setgid-program", "file-caps-program"],
        ..DEEP
    },
    Defence { wall: "no Linux caps", cuts: &[&[WITH_CAPS]], opens: &[CAPS], ..ROW },
    Defence {
        wall: "an empty bounding set",
        cuts: &[&[BOUNDING_SET]],
        opens: &[&["caps-CapBnd", "bounding-set-empty"]],
        ..ROW
    },
    Defence {
        wall: "locked secure bits",
        cuts: &[&[Cut::Without(|step| matches!(step, Step::LockSecureBits))]],
        opens: &[&["secure-bits-locked"]],
        ..ROW
    },
    Defence {
        wall: "a user other than root",
        cuts: &[&[AS_ROOT]],
        opens: &[&["user-not-root", "group-not-root"]],
        ..ROW
    },
    Defence {
        wall: "a user namespace",
        cuts: &[&USERS],
        opens: &[&["user-ids-of-its-own", "max-user-namespaces"]],
        who: Who::Root,
        ..ROW
    },
    Defence {
        wall: "groups dropped; a user namespace",
        cuts: &[&[KEEP_GROUPS], &USERS],
        opens: &[&["no-groups", "user-ids-of-its-own", "max-user-namespaces"]],
        who: Who::Root,
        ..ROW
    },
    Defence {
        wall: "a session",
        cuts: &[&[Cut::Without(|step| matches!(step, Step::NewSession))]],
        opens: &[&["own-session"]],
        ..ROW
    },
    Defence {
        wall: "descriptors closed by exec",
        cuts: &[&[Cut::Without(|step| matches!(step, Step::CloseOnExec))]],
        opens: &[&["descriptors"]],
        ..ROW
    },
    Defence {
        wall: "streams are pipes",
        cuts: &[&[Cut::HostStreams]],
        opens: &[&["stream-0", "stream-1", "stream-2"]],
        ..ROW
    },
    Defence {
        wall: "a process namespace",
        cuts: &[&PROCESSES],
        opens: &[&["processes-seen", "host-process"]],
        // The host's /proc has the host's flags.
        ..DEEP
    },
    Defence {
        wall: "a process namespace; a user namespace; no Linux caps",
        cuts: &[&PROCESSES, &USERS, &[AS_ROOT, WITH_CAPS]],
        opens: &[&["processes-seen", "proc-1-exe-in-image", "proc-1-root"]],
        ..HOST
    },
    Defence {
        wall: "an ipc namespace",
        cuts: &[&[Cut::Namespace(libc::CLONE_NEWIPC)]],
        opens: &[&["host-shared-memory", "host-semaphores", "host-message-queue", "host-posix-queue"]],
        ..ROW
    },
    Defence {
        wall: "a network namespace; Landlock",
        cuts: &[&[Cut::Namespace(libc::CLONE_NEWNET), LOOPBACK, LANDLOCK]],
        opens: &[&["host-loopback", "host-abstract-socket"], CONNECTED],
        ..ROW
    },
    Defence { wall: "a loopback that works", cuts: &[&[LOOPBACK]], opens: &[&["own-loopback-works"]], ..ROW },
    Defence {
        wall: "a uts namespace",
        cuts: &[&[
            Cut::Namespace(libc::CLONE_NEWUTS),
            Cut::Without(|step| matches!(step, Step::HostName { .. })),
        ]],
        opens: &[&["own-hostname"]],
        ..ROW
    },
    Defence {
        wall: "a cgroup namespace",
        cuts: &[&[Cut::Without(|step| matches!(step, Step::NewCgroupNamespace))]],
        opens: &[&["cgroup-of-its-own"]],
        ..ROW
    },
    Defence {
        wall: "mounts that do not follow the host's",
        cuts: &[&[PROPAGATION, Cut::HostFolder]],
        opens: &[&["mount-propagation"]],
        ..DEEP
    },
    Defence { wall: "masks", cuts: &[&[MASKS]], opens: &[HIDDEN], ..ROW },
    Defence {
        wall: "masks; a user namespace",
        cuts: &[&[MASKS, AS_ROOT, WITH_CAPS], &USERS],
        opens: &[HIDDEN, HIDDEN_FROM_ROOT],
        ..HOST
    },
    Defence { wall: "read-only /proc", cuts: &[&[READ_ONLY_PROC]], opens: &[READ_ONLY], ..ROW },
    Defence {
        wall: "read-only /proc; masks; a user namespace; Landlock",
        cuts: &[&[READ_ONLY_PROC, MASKS, AS_ROOT, LANDLOCK], &USERS],
        opens: &[READ_ONLY, KNOBS],
        ..HOST
    },
    Defence {
        wall: "read-only /proc; no Linux caps; Landlock",
        cuts: &[&[READ_ONLY_PROC, WITH_ALL_CAPS, LANDLOCK]],
        opens: &[READ_ONLY, CAPS, &["write-/proc/sys/user/max_user_namespaces"]],
        ..DEEP
    },
    Defence {
        wall: "the limit on nested user namespaces",
        cuts: &[&[NO_NESTING]],
        opens: &[&["max-user-namespaces"]],
        ..ROW
    },
    Defence { wall: "a /proc over the image's", cuts: &[&[OWN_PROC]], opens: &[&["proc-is-procfs"]], ..DEEP },
    Defence {
        wall: "a read-only root",
        cuts: &[&[WRITABLE_ROOT]],
        opens: &[&["root-read-only", "etc-read-only", "mount-/-ro"]],
        as_user: &["proc-1-exe-write"],
        ..ROW
    },
    Defence {
        wall: "a read-only root; a user other than root",
        cuts: &[&[WRITABLE_ROOT, AS_ROOT]],
        opens: &[
            &["root-read-only", "etc-read-only", "mount-/-ro", "proc-1-exe-write"],
            &["user-not-root", "group-not-root"],
        ],
        ..ROW
    },
    Defence {
        wall: "an overlay over a read-only image; Landlock",
        cuts: &[&[OVERLAY, LANDLOCK]],
        opens: &[
            &["root-read-only", "etc-read-only", "mount-/-ro", "mount-/-nosuid", "mount-/-nodev"],
            &["proc-1-exe-write", "host-image-unchanged"],
        ],
        who: Who::User,
        ..ROW
    },
    Defence {
        wall: "flags of the root",
        cuts: &[&[ROOT_FLAGS]],
        opens: &[&["mount-/-nosuid", "mount-/-nodev"]],
        ..ROW
    },
    Defence {
        wall: "flags of the root; a user namespace",
        cuts: &[&[ROOT_FLAGS], &USERS],
        opens: &[
            &["mount-/-nosuid", "mount-/-nodev", "open-/planted-device", "open-/planted-block"],
            &["user-ids-of-its-own", "max-user-namespaces"],
        ],
        who: Who::Root,
        ..ROW
    },
    Defence {
        wall: "flags of /tmp and /dev/shm",
        cuts: &[&[SCRATCH_FLAGS]],
        opens: &[
            &["mount-/tmp-nosuid", "mount-/tmp-nodev", "mount-/tmp-noexec", "tmp-noexec"],
            &["mount-/dev/shm-nosuid", "mount-/dev/shm-nodev", "mount-/dev/shm-noexec"],
        ],
        ..ROW
    },
    Defence {
        wall: "bounded /tmp and /dev/shm",
        cuts: &[&[SCRATCH_SIZE]],
        opens: &[&["tmp-bounded", "tmp-names-bounded", "shm-bounded", "shm-names-bounded"]],
        ..ROW
    },
    Defence {
        wall: "a /tmp that can be written to",
        cuts: &[&[Cut::Change(|step| {
            if let Step::AttachPart { mount: Slot::Scratch, attributes, .. } = step {
                *attributes = MountAttributes::ReadOnlyData;
            }
        })]],
        opens: &[&["tmp-writable", "tmp-noexec"]],
        ..ROW
    },
    Defence {
        wall: "flags of /dev; Landlock",
        cuts: &[&[DEV_FLAGS, LANDLOCK]],
        opens: &[&["mount-/dev-ro", "mount-/dev-nosuid", "mount-/dev-noexec", "dev-read-only"]],
        ..ROW
    },
    Defence {
        wall: "a /dev over the image's",
        cuts: &[&[OWN_DEV]],
        opens: &[
            &["dev-minimal", "dev-console-not-the-images"],
            &["device-/dev/null", "device-/dev/zero", "device-/dev/urandom"],
        ],
        ..DEEP
    },
    Defence {
        wall: "flags of /proc",
        cuts: &[&[PROC_FLAGS]],
        opens: &[&["mount-/proc-nosuid", "mount-/proc-nodev", "mount-/proc-noexec"]],
        ..ROW
    },
    Defence { wall: "an empty /sys", cuts: &[&[OWN_SYS]], opens: &[SYS], ..DEEP },
    Defence {
        wall: "an empty /sys; a user namespace; Landlock",
        cuts: &[&[OWN_SYS, AS_ROOT, WITH_CAPS, LANDLOCK], &USERS],
        opens: &[SYS, SYS_KNOBS],
        ..HOST
    },
    Defence {
        wall: "a working folder opened inside",
        cuts: &[&[WORKING_FOLDER]],
        opens: &[&["dot-dot", "cwd-inside"]],
        ..ROW
    },
    Defence {
        wall: "an environment of named variables",
        cuts: &[&[Cut::Settings(|settings| drop(settings.env.insert("CANARY".to_owned(), String::new())))]],
        opens: &[&["environment", "host-path-in-environ"]],
        ..ROW
    },
    Defence {
        wall: "no folder of the host",
        cuts: &[&[Cut::HostFolder]],
        opens: &[
            &["canary-path", "canary-through-/proc/1/root", "canary-through-/proc/self/root"],
            &["canary-through-/proc/1/cwd", "host-path-in-mountinfo", "host-path-in-mounts", "host-socket"],
        ],
        ..ROW
    },
    Defence {
        wall: "file systems made by nobody",
        cuts: &[&[EARLY_FILE_SYSTEMS]],
        opens: &[&["trap-8-host-id-range"]],
        who: Who::Root,
        ..ROW
    },
    Defence { wall: "resource limits; Landlock", cuts: &[&[LIMITS, LANDLOCK]], opens: &[LIMITED], ..ROW },
];

/// Checks that no row can turn open on any of our machines, and why.
pub(super) const HELD_OTHERWISE: &[(&str, &str)] = &[
    ("oom-score-lower", "the kernel asks for CAP_SYS_RESOURCE of the host, which root here does not have"),
    (
        "abi-x32",
        "kernels are built without it; one with it answers as for any number above the filter's last",
    ),
    ("control-socket-/run/docker.sock", ENGINES),
    ("control-socket-/var/run/docker.sock", ENGINES),
    ("control-socket-/run/containerd/containerd.sock", ENGINES),
    ("control-socket-/run/podman/podman.sock", ENGINES),
];

const ENGINES: &str = "no engine runs here; `host-socket` is the same check, of a socket that is there";
