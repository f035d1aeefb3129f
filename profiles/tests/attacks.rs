//! What hostile programs try, and what ordinary ones need, under both builtin profiles.

use std::sync::LazyLock;

use perry_sandbox_profiles::bpf::{BpfProgram, compile, interpret};
use perry_sandbox_profiles::{Action, Arch, Refusal, SeccompProfile, Syscall, SyscallAttempt};

const NEW_NAMESPACES: [(&str, u64); 7] = [
    ("NEWNS", 0x0002_0000),
    ("NEWCGROUP", 0x0200_0000),
    ("NEWUTS", 0x0400_0000),
    ("NEWIPC", 0x0800_0000),
    ("NEWUSER", 0x1000_0000),
    ("NEWPID", 0x2000_0000),
    ("NEWNET", 0x4000_0000),
];

/// Asks both profiles on both architectures, through the compiled filter.
fn verdicts(call: &str, args: &[u64]) -> Vec<(String, u32)> {
    let call: Syscall = call.parse().unwrap();
    let mut all_args = [0; 6];
    for (slot, arg) in all_args.iter_mut().zip(args) {
        *slot = *arg;
    }
    let mut verdicts = Vec::new();
    for (name, arch, program) in FILTERS.iter() {
        let Some(number) = call.number(*arch) else { continue };
        let attempt = SyscallAttempt { number, audit_arch: arch.audit_value(), args: all_args };
        let verdict = interpret(program.instructions(), &attempt).unwrap();
        verdicts.push((format!("{call} {args:x?} under {name} on {arch}"), verdict));
    }
    verdicts
}

/// Both builtin profiles, compiled for both architectures.
static FILTERS: LazyLock<Vec<(&str, Arch, BpfProgram)>> = LazyLock::new(|| {
    let compiled = |name: &'static str, arch| {
        (name, arch, compile(SeccompProfile::builtin(name).unwrap(), arch).unwrap())
    };
    let names = SeccompProfile::builtin_names().iter();
    names.flat_map(|name| Arch::ALL.map(|arch| compiled(name, arch))).collect()
});

fn refused(call: &str, args: &[u64], answer: &str) {
    let expected = Action::Refuse(answer.parse::<Refusal>().unwrap()).return_value();
    for (what, verdict) in verdicts(call, args) {
        assert_eq!(verdict, expected, "{what}");
    }
}

fn admitted(call: &str, args: &[u64]) {
    for (what, verdict) in verdicts(call, args) {
        assert_eq!(verdict, Action::Allow.return_value(), "{what}");
    }
}

#[test]
fn no_new_namespace_by_any_call() {
    for (name, flag) in NEW_NAMESPACES {
        for flags in [flag, flag | 0x11, flag | 0xffff_ffff_0000_0000] {
            refused("clone", &[flags], "EPERM");
        }
        refused("unshare", &[flag], "EPERM");
        assert!(!name.is_empty());
    }
    refused("unshare", &[0x80], "EPERM");
    refused("setns", &[3, 0], "EPERM");
    refused("clone3", &[0, 0], "ENOSYS");
}

/// The mode arguments that would make a set-id file: set-user-id, set-group-id, both, with a file type, a sticky
/// bit, or a high word that the kernel drops.
const SET_ID_MODES: [u64; 7] =
    [0o4000, 0o2000, 0o6755, 0o4755, 0o107_755, 0o2755 | 1 << 32, 0xffff_ffff_ffff_ffff];

/// Modes without set-id bits: ordinary, sticky, with a file type, and with set-id bits where the kernel does not look.
const ORDINARY_MODES: [u64; 7] = [0, 0o644, 0o755, 0o777, 0o1777, 0o100_755, 0o644 | 0o6000 << 32];

/// The calls that take a mode, and which argument it is.
const MODE_CALLS: [(&str, usize); 9] = [
    ("chmod", 1),
    ("fchmod", 1),
    ("fchmodat", 2),
    ("fchmodat2", 2),
    ("creat", 1),
    ("mkdir", 1),
    ("mkdirat", 2),
    ("open", 2),
    ("openat", 3),
];

/// Gives the arguments of a call with a mode; before it stand the flags of the two calls that open.
fn with_mode(at: usize, flags: u64, mode: u64) -> Vec<u64> {
    let mut args = vec![u64::MAX; at.saturating_sub(1)];
    args.extend([flags, mode]);
    args
}

#[test]
fn no_set_id_file_is_made_by_any_call() {
    // O_CREAT; and with other flags; __O_TMPFILE alone, in O_TMPFILE, and with a high word.
    let making = [0x40, 0x40 | 0o1 | 0o1000 | 0o2_000_000, 0x0040_0000, 0x0041_0002, 0x40 | 1 << 32];
    for (call, at) in MODE_CALLS {
        for flags in making {
            for mode in SET_ID_MODES {
                refused(call, &with_mode(at, flags, mode), "EPERM");
            }
            for mode in ORDINARY_MODES {
                admitted(call, &with_mode(at, flags, mode));
            }
        }
    }
    for mode in SET_ID_MODES {
        refused("mknod", &[0, 0x1000 | mode], "EPERM");
        refused("mknodat", &[0, 0, 0x1000 | mode], "EPERM");
    }
    for mode in [0o10_000, 0o10_600, 0o11_777, 0o10_644 | 0o6000 << 32] {
        admitted("mknod", &[0, mode]);
        admitted("mknodat", &[0, 0, mode]);
    }
    // The mode stands in memory.
    refused("openat2", &[], "ENOSYS");
    refused("openat2", &[u64::MAX; 6], "ENOSYS");
}

#[test]
fn opening_what_is_there_does_not_look_at_the_mode() {
    // O_RDONLY; O_RDWR, O_TRUNC, O_APPEND, O_CLOEXEC; O_DIRECTORY of both architectures; all but the two that make.
    for flags in [0, 0o2_003_002, 0x0001_0000, 0x4000, 0xffbf_ffbf, 0xffff_ffff_ffbf_ffbf] {
        for mode in SET_ID_MODES.into_iter().chain(ORDINARY_MODES) {
            admitted("open", &[0, flags, mode]);
            admitted("openat", &[0xffff_ff9c, 0, flags, mode]);
        }
    }
}

#[test]
fn nothing_is_typed_into_the_terminal_outside() {
    // TIOCSTI, TIOCLINUX, TIOCCONS, TIOCSETD; and with high bits that the kernel drops (CVE-2019-10063).
    for command in [0x5412, 0x541c, 0x541d, 0x5423] {
        for high in [0, 1 << 32, 0xffff_ffff << 32] {
            refused("ioctl", &[0, command | high], "EPERM");
        }
    }
    // TUNSETIFF, SIOCSIFFLAGS, KVM_CREATE_VM, FS_IOC_SETFLAGS, NS_GET_PARENT, BLKGETSIZE64.
    for command in [0x4004_54ca, 0x8914, 0xae01, 0x4008_6602, 0xb702, 0x8008_1272] {
        refused("ioctl", &[0, command], "EPERM");
    }
    admitted("ioctl", &[0, 0x5401]);
    admitted("ioctl", &[0, 0x5413 | 1 << 32]);
}

#[test]
fn another_abi_kills() {
    for name in SeccompProfile::builtin_names() {
        let profile = SeccompProfile::builtin(name).unwrap();
        for arch in Arch::ALL {
            let program = compile(profile, arch).unwrap();
            let kills = |number, audit_arch| {
                let attempt = SyscallAttempt { number, audit_arch, args: [0; 6] };
                assert_eq!(
                    interpret(program.instructions(), &attempt),
                    Ok(0x8000_0000),
                    "{number:#x} {audit_arch:#x}"
                );
            };
            // `int 0x80` getpid, 32-bit ARM, and the other 64-bit one.
            kills(20, 0x4000_0003);
            kills(20, 0x4000_0028);
            kills(20, if arch == Arch::X86_64 { 0xc000_00b7 } else { 0xc000_003e });
        }
        // x32 getpid and x32 execve, which have the audit value of x86_64.
        let program = compile(profile, Arch::X86_64).unwrap();
        for number in [0x4000_0027, 0x4000_0208] {
            let attempt = SyscallAttempt { number, audit_arch: 0xc000_003e, args: [0; 6] };
            assert_eq!(interpret(program.instructions(), &attempt), Ok(0x8000_0000));
        }
    }
}

#[test]
fn forbidden_calls_answer_eperm() {
    let calls = "mount umount2 pivot_root chroot fsopen fsconfig fsmount fspick open_tree open_tree_attr move_mount \
        mount_setattr keyctl add_key request_key bpf perf_event_open userfaultfd io_uring_setup io_uring_enter \
        io_uring_register ptrace process_vm_readv process_vm_writev kcmp pidfd_getfd process_madvise \
        process_mrelease kexec_load kexec_file_load init_module finit_module delete_module open_by_handle_at \
        name_to_handle_at quotactl quotactl_fd swapon swapoff reboot settimeofday clock_settime clock_adjtime \
        adjtimex vmsplice acct syslog vhangup sethostname setdomainname iopl ioperm modify_ldt fanotify_init \
        fanotify_mark setpriority ioprio_set sched_setattr sched_setparam lookup_dcookie uselib";
    for call in calls.split_whitespace() {
        refused(call, &[], "EPERM");
        refused(call, &[u64::MAX; 6], "EPERM");
    }
}

#[test]
fn unknown_and_too_new_calls_answer_enosys() {
    let calls = "clone3 openat2 memfd_secret statmount listmount set_mempolicy cachestat setxattrat io_setup \
        io_destroy io_submit io_getevents io_pgetevents io_cancel";
    for call in calls.split_whitespace() {
        refused(call, &[], "ENOSYS");
        refused(call, &[u64::MAX; 6], "ENOSYS");
    }
    for name in SeccompProfile::builtin_names() {
        let profile = SeccompProfile::builtin(name).unwrap();
        for arch in Arch::ALL {
            let program = compile(profile, arch).unwrap();
            for number in [334 + 1000, 600, 4242, u32::MAX] {
                let attempt = SyscallAttempt { number, audit_arch: arch.audit_value(), args: [0; 6] };
                assert_eq!(interpret(program.instructions(), &attempt), Ok(0x0005_0026), "{number}");
            }
        }
    }
}

#[test]
fn no_socket_beyond_local_and_internet_ones() {
    // NETLINK, PACKET, KEY, X25, RDS, CAN, TIPC, BLUETOOTH, ALG, NFC, VSOCK, KCM, QIPCRTR, SMC, XDP, MCTP.
    for family in [16, 17, 15, 9, 21, 29, 30, 31, 38, 39, 40, 41, 42, 43, 44, 45] {
        for kind in [1, 2, 3, 5] {
            refused("socket", &[family, kind, 0], "EAFNOSUPPORT");
            refused("socket", &[family | 1 << 32, kind, 0], "EAFNOSUPPORT");
            refused("socketpair", &[family, kind, 0], "EAFNOSUPPORT");
        }
    }
    // Raw, ICMP, SCTP, MPTCP and DCCP on internet families.
    for (kind, protocol) in [(3, 1), (3, 255), (2, 1), (1, 132), (1, 262), (6, 33), (5, 132), (2, 136)] {
        refused("socket", &[2, kind, protocol], "EAFNOSUPPORT");
        refused("socket", &[10, kind, protocol], "EAFNOSUPPORT");
    }
    refused("socket", &[1, 3, 0], "EAFNOSUPPORT");
    for kind in [1, 2, 5, 1 | 0x80000, 1 | 0x800, 5 | 0x80800] {
        admitted("socket", &[1, kind, 0]);
        admitted("socketpair", &[1, kind, 0]);
    }
}

fn under(name: &str, call: &str, args: &[u64]) -> u32 {
    let place = format!("under {name} on x86_64");
    verdicts(call, args).into_iter().find(|(what, _)| what.ends_with(&place)).unwrap().1
}

#[test]
fn only_default_has_internet_sockets() {
    for family in [2, 10] {
        for (kind, protocol) in [(1, 0), (1, 6), (2, 0), (2, 17), (1 | 0x80800, 6)] {
            assert_eq!(under("perry-default", "socket", &[family, kind, protocol]), 0x7fff_0000);
            assert_eq!(under("perry-minimal", "socket", &[family, kind, protocol]), 0x0005_0061);
        }
    }
    assert_eq!(under("perry-default", "setsockopt", &[3, 6, 1]), 0x7fff_0000);
    // SOL_NETLINK, SOL_PACKET, SOL_ALG, SOL_XDP.
    for level in [270, 263, 279, 283] {
        refused("setsockopt", &[3, level, 1], "EPERM");
    }
}

#[test]
fn minimal_refuses_urgent_bytes_between_local_processes() {
    for (call, args) in
        [("sendto", &[0, 0, 0, 1][..]), ("recvfrom", &[0, 0, 0, 0x41]), ("sendmsg", &[0, 0, 1])]
    {
        assert_eq!(under("perry-minimal", call, args), 0x0005_005f, "{call}");
        assert_eq!(under("perry-default", call, args), 0x7fff_0000, "{call}");
    }
    admitted("sendto", &[3, 0, 0, 0x4000]);
    admitted("recvmsg", &[3, 0, 0x40]);
}

#[test]
fn address_randomisation_stays_on() {
    // ADDR_NO_RANDOMIZE, READ_IMPLIES_EXEC, PER_LINUX32, PER_SVR4.
    for persona in [0x0004_0000, 0x0040_0000, 0x0008, 0x0410_0001] {
        refused("personality", &[persona], "EPERM");
    }
    admitted("personality", &[0]);
    admitted("personality", &[0xffff_ffff]);
    // Glibc passes the query as a sign-extended long.
    admitted("personality", &[u64::MAX]);
}

#[test]
fn prctl_cannot_touch_what_is_not_the_programs() {
    // SET_PDEATHSIG, SET_MM, SET_PTRACER, SET_TSC, SET_IO_FLUSHER, SCHED_CORE, SET_SYSCALL_USER_DISPATCH, SET_MEMORY_MERGE.
    for option in [1, 35, 0x5961_6d61, 26, 57, 62, 59, 67] {
        refused("prctl", &[option], "EPERM");
        refused("prctl", &[option | 1 << 32], "EPERM");
    }
    for option in [2, 3, 4, 15, 16, 38, 39, 0x5356_4d41] {
        admitted("prctl", &[option]);
    }
    assert_eq!(under("perry-minimal", "prctl", &[22]), 0x0005_0001);
    assert_eq!(under("perry-default", "prctl", &[22]), 0x7fff_0000);
}

#[test]
fn no_device_nodes_and_no_real_time() {
    // Character and block devices, and with a high word that the kernel drops.
    for mode in [0x2000, 0x6000, 0x2000 | 0o666, 0x6000 | 1 << 32] {
        refused("mknod", &[0, mode, 0x103], "EPERM");
        refused("mknodat", &[0, 0, mode, 0x103], "EPERM");
    }
    admitted("mknodat", &[0, 0, 0x1000 | 0o600, 0]);
    for policy in [1, 2, 6, 7, 0x4000_0001] {
        refused("sched_setscheduler", &[0, policy], "EPERM");
    }
}

#[test]
fn what_ordinary_programs_need_is_admitted() {
    let calls = "read write openat close fstat newfstatat statx lseek mmap mprotect munmap brk rt_sigaction \
        rt_sigprocmask rt_sigreturn pread64 access faccessat faccessat2 pipe2 pipe dup dup2 dup3 fcntl getdents64 \
        getcwd chdir mkdirat unlinkat renameat2 readlinkat fchmodat utimensat execve execveat exit exit_group wait4 \
        waitid kill tgkill futex set_robust_list set_tid_address rseq sched_yield sched_getaffinity nanosleep \
        clock_nanosleep clock_gettime getrandom getpid getppid gettid getuid geteuid getgid getegid setsid setpgid \
        prlimit64 getrusage sysinfo uname poll ppoll select pselect6 epoll_create1 epoll_ctl epoll_pwait eventfd2 \
        sigaltstack madvise mremap membarrier fsync fdatasync ftruncate fallocate flock copy_file_range sendfile \
        bind connect listen accept4 getsockopt shutdown pidfd_open pidfd_send_signal close_range fork vfork alarm \
        setitimer umask statfs fstatfs mseal";
    for call in calls.split_whitespace() {
        admitted(call, &[]);
    }
    // A thread and a child, as C libraries make them.
    admitted("clone", &[0x003d_0f00]);
    admitted("clone", &[0x0120_0011]);
    admitted("clone", &[0x4111]);
    admitted("arch_prctl", &[0x1002]);
    admitted("setsockopt", &[3, 1, 7]);
}

#[test]
fn every_call_that_is_named_has_a_reason_and_every_dangerous_one_is_named() {
    for name in SeccompProfile::builtin_names() {
        let profile = SeccompProfile::builtin(name).unwrap();
        for entry in profile.entries() {
            assert!(entry.reason().split_whitespace().count() >= 2, "{name}: {:?}", entry.calls());
        }
        for call in "mount bpf ptrace clone3 io_uring_setup socket ioctl read".split_whitespace() {
            assert!(profile.reason(call.parse().unwrap()).is_some(), "{name}: {call}");
        }
    }
}
