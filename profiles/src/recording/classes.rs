//! Which arguments a recording looks at: the few that decide what a call is.

use crate::seccomp::{ArgTest, Clause};

/// The bits of an argument that the kernel reads as 32 bits.
const WORD: u64 = 0xffff_ffff;
/// The type of a socket, without `SOCK_NONBLOCK` and `SOCK_CLOEXEC`.
const SOCKET_TYPE: u64 = WORD & !0x8_0800;
/// `PROT_EXEC`.
const EXECUTE: u64 = 4;

/// Argument and bits that tell classes of a call apart; nothing for a call that has one class.
const fn of(call: &str) -> &'static [(u8, u64)] {
    match call.as_bytes() {
        b"socket" | b"socketpair" => &[(0, WORD), (1, SOCKET_TYPE)],
        b"clone" | b"prctl" | b"personality" => &[(0, WORD)],
        b"ioctl" | b"fcntl" => &[(1, WORD)],
        b"mmap" | b"mprotect" | b"pkey_mprotect" => &[(2, EXECUTE)],
        _ => &[],
    }
}

/// The class of an attempt: one test for each argument that is looked at.
pub(super) fn class(call: &str, args: &[u64; 6]) -> Option<Clause> {
    let test = |(arg, mask): &(u8, u64)| {
        let value = args.get(usize::from(*arg)).copied().unwrap_or(0) & mask;
        ArgTest { arg: *arg, mask: *mask, value }
    };
    Clause::of(of(call).iter().map(test))
}

/// What values are called where the profile in force has no name for them (`linux/fcntl.h`, `linux/socket.h`,
/// `linux/prctl.h`, `asm-generic/mman-common.h`).
const NAMES: &[(&str, u8, u64, &str)] = &[
    ("fcntl", 1, 0, "F_DUPFD"),
    ("fcntl", 1, 1, "F_GETFD"),
    ("fcntl", 1, 2, "F_SETFD"),
    ("fcntl", 1, 3, "F_GETFL"),
    ("fcntl", 1, 4, "F_SETFL"),
    ("fcntl", 1, 5, "F_GETLK"),
    ("fcntl", 1, 6, "F_SETLK"),
    ("fcntl", 1, 7, "F_SETLKW"),
    ("fcntl", 1, 8, "F_SETOWN"),
    ("fcntl", 1, 1030, "F_DUPFD_CLOEXEC"),
    ("fcntl", 1, 1031, "F_SETPIPE_SZ"),
    ("fcntl", 1, 1032, "F_GETPIPE_SZ"),
    ("fcntl", 1, 1033, "F_ADD_SEALS"),
    ("mmap", 2, 0, "NOT_EXECUTABLE"),
    ("mmap", 2, EXECUTE, "PROT_EXEC"),
    ("mprotect", 2, 0, "NOT_EXECUTABLE"),
    ("mprotect", 2, EXECUTE, "PROT_EXEC"),
    ("pkey_mprotect", 2, 0, "NOT_EXECUTABLE"),
    ("pkey_mprotect", 2, EXECUTE, "PROT_EXEC"),
    ("socket", 0, 1, "AF_UNIX"),
    ("socket", 0, 2, "AF_INET"),
    ("socket", 0, 10, "AF_INET6"),
    ("socket", 0, 16, "AF_NETLINK"),
    ("socket", 1, 1, "SOCK_STREAM"),
    ("socket", 1, 2, "SOCK_DGRAM"),
    ("socket", 1, 5, "SOCK_SEQPACKET"),
    ("socketpair", 0, 1, "AF_UNIX"),
    ("socketpair", 1, 1, "SOCK_STREAM"),
    ("socketpair", 1, 2, "SOCK_DGRAM"),
    ("socketpair", 1, 5, "SOCK_SEQPACKET"),
];

/// What a value is called.
pub(super) fn name(call: &str, arg: u8, value: u64) -> Option<&'static str> {
    let row = NAMES.iter().find(|(known, at, number, _)| (*known, *at, *number) == (call, arg, value));
    row.map(|(_, _, _, name)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_that_change_nothing_do_not_make_another_class() {
        let plain = class("socket", &[1, 1, 0, 0, 0, 0]);
        assert_eq!(plain, class("socket", &[1, 0x8_0801, 7, 0, 0, 0]));
        assert_ne!(plain, class("socket", &[2, 1, 0, 0, 0, 0]));
        assert_eq!(class("read", &[1, 2, 3, 4, 5, 6]), Some(Clause::ANY));
    }

    #[test]
    fn the_upper_half_of_a_request_does_not_count() {
        assert_eq!(class("ioctl", &[0, 0x5413, 0, 0, 0, 0]), class("ioctl", &[9, 0x1_0000_5413, 1, 0, 0, 0]));
    }

    #[test]
    fn a_mapping_is_executable_or_not() {
        assert_eq!(class("mmap", &[0, 0, 3, 0, 0, 0]), class("mmap", &[0, 0, 1, 0, 0, 0]));
        assert_ne!(class("mmap", &[0, 0, 3, 0, 0, 0]), class("mmap", &[0, 0, 5, 0, 0, 0]));
    }
}
