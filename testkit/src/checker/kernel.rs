//! Calls that must not get through: namespaces, mounts, modules, tracing, rare sockets, foreign ABIs.

use crate::raw::{EACCES, ENOSYS, EPERM, Ended, call_in_child, in_child};
use crate::report::Report;

const NEWUSER: i64 = 0x1000_0000;

/// Refused by number, with arguments that could not take effect: (name, number, arguments).
const REFUSED: [(&str, i64, [i64; 5]); 71] = [
    ("unshare-newuser", 272, [NEWUSER, 0, 0, 0, 0]),
    ("unshare-newns", 272, [0x2_0000, 0, 0, 0, 0]),
    ("unshare-newnet", 272, [0x4000_0000, 0, 0, 0, 0]),
    ("setns", 308, [-1, 0, 0, 0, 0]),
    ("mount", 165, [0, 0, 0, 0, 0]),
    ("umount2", 166, [0, 0, 0, 0, 0]),
    ("pivot-root", 155, [0, 0, 0, 0, 0]),
    ("chroot", 161, [0, 0, 0, 0, 0]),
    ("open-tree", 428, [-1, 0, 1, 0, 0]),
    ("move-mount", 429, [-1, 0, -1, 0, 0]),
    ("fsopen", 430, [0, 0, 0, 0, 0]),
    ("fsconfig", 431, [-1, 0, 0, 0, 0]),
    ("fsmount", 432, [-1, 0, 0, 0, 0]),
    ("fspick", 433, [-1, 0, 0, 0, 0]),
    ("mount-setattr", 442, [-1, 0, 0, 0, 0]),
    ("add-key", 248, [0, 0, 0, 0, 0]),
    ("request-key", 249, [0, 0, 0, 0, 0]),
    ("keyctl", 250, [0, -3, 0, 0, 0]),
    ("bpf", 321, [0, 0, 0, 0, 0]),
    ("perf-event-open", 298, [0, 0, 0, 0, 0]),
    ("userfaultfd", 323, [0, 0, 0, 0, 0]),
    ("io-uring-setup", 425, [1, 0, 0, 0, 0]),
    ("io-uring-enter", 426, [-1, 0, 0, 0, 0]),
    ("io-uring-register", 427, [-1, 0, 0, 0, 0]),
    ("kexec-load", 246, [0, 0, 0, 0, 0]),
    ("kexec-file-load", 320, [-1, -1, 0, 0, 0]),
    ("init-module", 175, [0, 0, 0, 0, 0]),
    ("finit-module", 313, [-1, 0, 0, 0, 0]),
    ("delete-module", 176, [0, 0, 0, 0, 0]),
    ("open-by-handle-at", 304, [-1, 0, 0, 0, 0]),
    ("name-to-handle-at", 303, [-1, 0, 0, 0, 0]),
    ("ptrace", 101, [0x4206, 1, 0, 0, 0]),
    ("process-vm-readv", 310, [1, 0, 0, 0, 0]),
    ("process-vm-writev", 311, [1, 0, 0, 0, 0]),
    ("kcmp", 312, [1, 1, 0, 0, 0]),
    ("pidfd-getfd", 438, [-1, 0, 0, 0, 0]),
    ("process-madvise", 440, [-1, 0, 0, 0, 0]),
    ("syslog", 103, [3, 0, 0, 0, 0]),
    ("reboot", 169, [0, 0, 0, 0, 0]),
    ("swapon", 167, [0, 0, 0, 0, 0]),
    ("swapoff", 168, [0, 0, 0, 0, 0]),
    ("acct", 163, [0, 0, 0, 0, 0]),
    ("quotactl", 179, [0, 0, 0, 0, 0]),
    ("sethostname", 170, [0, 0, 0, 0, 0]),
    ("setdomainname", 171, [0, 0, 0, 0, 0]),
    ("iopl", 172, [3, 0, 0, 0, 0]),
    ("ioperm", 173, [0, 1, 1, 0, 0]),
    ("settimeofday", 164, [0, 0, 0, 0, 0]),
    ("clock-settime", 227, [0, 0, 0, 0, 0]),
    ("clock-adjtime", 305, [0, 0, 0, 0, 0]),
    ("adjtimex", 159, [0, 0, 0, 0, 0]),
    ("vhangup", 153, [0, 0, 0, 0, 0]),
    ("lookup-dcookie", 212, [0, 0, 0, 0, 0]),
    ("fanotify-init", 300, [0, 0, 0, 0, 0]),
    ("vmsplice", 278, [-1, 0, 0, 0, 0]),
    ("mbind", 237, [0, 0, 0, 0, 0]),
    ("move-pages", 279, [1, 0, 0, 0, 0]),
    ("migrate-pages", 256, [1, 0, 0, 0, 0]),
    ("personality-no-random", 135, [0x4_0000, 0, 0, 0, 0]),
    ("uselib", 134, [0, 0, 0, 0, 0]),
    ("ustat", 136, [0, 0, 0, 0, 0]),
    ("sysfs", 139, [3, 0, 0, 0, 0]),
    ("nfsservctl", 180, [0, 0, 0, 0, 0]),
    ("modify-ldt", 154, [0, 0, 0, 0, 0]),
    ("mknod-device", 133, [0, 0o020_666, 0x103, 0, 0]),
    ("clone-newuser", 56, [NEWUSER | 17, 0, 0, 0, 0]),
    ("clone-newns", 56, [0x2_0000 | 17, 0, 0, 0, 0]),
    ("clone3-newuser", 435, [0, 0, 0, 0, 0]),
    ("lsm-set-self-attr", 460, [0, 0, 0, 0, 0]),
    ("memfd-secret", 447, [0, 0, 0, 0, 0]),
    ("map-shadow-stack", 453, [0, 0, 0, 0, 0]),
];

/// Socket families: (name, family, type, protocol).
const FAMILIES: [(&str, i64, i64, i64); 16] = [
    ("alg", 38, 5, 0),
    ("vsock", 40, 1, 0),
    ("packet", 17, 3, 0x0300),
    ("xdp", 44, 3, 0),
    ("netlink-netfilter", 16, 3, 12),
    ("netlink-audit", 16, 3, 9),
    ("netlink-kobject", 16, 3, 15),
    ("netlink-crypto", 16, 3, 21),
    ("raw-ip", 2, 3, 1),
    ("raw-ip6", 10, 3, 58),
    ("bluetooth", 31, 3, 1),
    ("can", 29, 3, 1),
    ("tipc", 30, 1, 0),
    ("rds", 21, 5, 0),
    ("key", 15, 3, 2),
    ("smc", 43, 1, 0),
];

/// Terminal requests that type for another process, and one in 64 bits.
const TERMINAL: [(&str, i64); 4] = [
    ("tiocsti", 0x5412),
    ("tiocsti-high-bits", 0x1_0000_5412),
    ("tioclinux", 0x541c),
    ("tioclinux-high-bits", 0x7fff_0000_541c),
];

/// All of them.
pub fn check(report: &mut Report) {
    for (name, number, arguments) in REFUSED {
        let ended = call_in_child(number, &arguments);
        report.held(&format!("call-{name}"), is_refused(ended), format_args!("{ended:?}"));
    }
    for (name, family, kind, protocol) in FAMILIES {
        let ended = call_in_child(41, &[family, kind, protocol]);
        // EPERM and EACCES, a family that is not known here, or a kind that needs a cap.
        let held = is_refused(ended) || matches!(ended, Ended::Code(94 | 97));
        report.held(&format!("socket-{name}"), held, format_args!("{ended:?}"));
    }
    for (name, request) in TERMINAL {
        let ended = call_in_child(16, &[0, request, 0]);
        report.held(&format!("ioctl-{name}"), is_refused(ended), format_args!("{ended:?}"));
    }
    foreign(report);
    scheduling(report);
}

/// Refused before the kernel looked at the arguments.
fn is_refused(ended: Ended) -> bool {
    matches!(ended, Ended::Code(EPERM | EACCES | ENOSYS) | Ended::Signal(31))
}

/// Other ABIs of the same processor, where numbers mean other calls.
fn foreign(report: &mut Report) {
    let ended = call_in_child(0x4000_0027, &[]);
    report.held("abi-x32", is_refused(ended), format_args!("{ended:?}"));
    let ended = in_child(|| {
        let answer: i64;
        // JUSTIFICATION: there is no other way into the 32-bit ABI.
        // SAFETY: getpid takes nothing and touches no memory; the registers that the entry changes are declared.
        unsafe {
            std::arch::asm!("int 0x80", inlateout("rax") 20_i64 => answer, out("r8") _, out("r9") _, out("r10") _, out("r11") _);
        }
        if answer > 0 { 0 } else { ENOSYS }
    });
    // Without the 32-bit entry in the kernel the instruction is a fault.
    let held = is_refused(ended) || ended == Ended::Signal(11);
    report.held("abi-int80", held, format_args!("{ended:?}"));
}

fn scheduling(report: &mut Report) {
    let raise = in_child(|| crate::raw::call(141, &[0, 0, -20]).err().unwrap_or(0));
    report.held("nice-below-zero", raise != Ended::Code(0), format_args!("{raise:?}"));
    let parameter: i32 = 1;
    let fifo = in_child(|| crate::raw::call(144, &[0, 1, (&raw const parameter) as i64]).err().unwrap_or(0));
    report.held("realtime", is_refused(fifo), format_args!("{fifo:?}"));
    // prctl(PR_CAPBSET_READ, 0)
    let first = crate::raw::call(157, &[23, 0]);
    report.held("bounding-set-empty", !matches!(first, Ok(1)), format_args!("{first:?}"));
}
