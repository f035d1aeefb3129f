//! A Landlock domain in which nothing is executed but what lies below the root.
//!
//! SECURITY: looking at a program before it is executed is not enough where the sandbox can write its root: it puts
//! another in its place in between, and one that leads to `/proc/self/exe` brings the host's file in (CVE-2019-5736).
//! The kernel itself asks Landlock about every file that it executes, also about interpreters and loaders. Runs between
//! clone and exec: nothing here allocates.
#![expect(unsafe_code, reason = "the kernel is reached by raw system calls")]
#![expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    reason = "registers: numbers and descriptors travel as machine words, as the kernel's ABI says"
)]

use core::mem::size_of;
use std::os::fd::RawFd;

use super::call::{self, NONE, Result, fd, int, shared, sys};
use super::mount;

/// `LANDLOCK_ACCESS_FS_EXECUTE`.
const EXECUTE: u64 = 1;
/// `LANDLOCK_ACCESS_FS_REFER`: without it no file could be moved to another folder. Linux 5.19.
const REFER: u64 = 1 << 13;
/// `LANDLOCK_RULE_PATH_BENEATH`.
const BENEATH: i64 = 1;

/// `struct landlock_path_beneath_attr`, which is packed: the rights in two halves, and the folder.
#[repr(C)]
struct Beneath {
    rights: [u32; 2],
    folder: RawFd,
}

/// Refuses from here on to execute what does not lie below `/`. Needs `no_new_privs`.
pub(super) fn execute_only_below_root() -> Result<()> {
    let handled: u64 = EXECUTE | REFER;
    let size = int(size_of::<u64>() as i64);
    // JUSTIFICATION: neither std nor nix has Landlock, and nothing here may allocate.
    // SAFETY: the kernel reads the first field of `struct landlock_ruleset_attr`, as the size says.
    let rules =
        unsafe { sys(libc::SYS_landlock_create_ruleset, [shared(&handled), size, int(0), NONE, NONE]) }?
            as RawFd;
    let answer = allow_root(rules, handled).and_then(|()| {
        // JUSTIFICATION: as above.
        // SAFETY: takes numbers only.
        unsafe { sys(libc::SYS_landlock_restrict_self, [fd(rules), int(0), NONE, NONE, NONE]) }.map(drop)
    });
    call::close(rules);
    answer
}

fn allow_root(rules: RawFd, rights: u64) -> Result<()> {
    let folder = mount::open_host(c"/")?;
    let halves = [(rights & u64::from(u32::MAX)) as u32, (rights >> 32) as u32];
    let rights = if cfg!(target_endian = "little") { halves } else { [halves[1], halves[0]] };
    let beneath = Beneath { rights, folder };
    // JUSTIFICATION: neither std nor nix has Landlock, and nothing here may allocate.
    // SAFETY: `beneath` has the layout of the packed structure that this kind of rule is given by.
    let answer = unsafe {
        sys(libc::SYS_landlock_add_rule, [fd(rules), int(BENEATH), shared(&beneath), int(0), NONE])
    };
    call::close(folder);
    answer.map(drop)
}
