//! A Landlock domain: rules that the kernel asks about every file, whatever mounts and links lead to it.
//!
//! Runs between clone and exec: nothing here allocates or decides.
#![expect(unsafe_code, reason = "the kernel is reached by raw system calls")]
#![expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    reason = "registers: numbers and descriptors travel as machine words, as the kernel's ABI says"
)]

use core::ffi::CStr;
use core::mem::size_of;
use std::os::fd::{FromRawFd as _, OwnedFd, RawFd};

use super::call::{self, NONE, Result, fd, int, shared, sys};
use super::mount;
use crate::native::landlock::{Rule, WRITE_FILE};

/// `LANDLOCK_CREATE_RULESET_VERSION`.
const VERSION: i64 = 1;
/// `LANDLOCK_RULE_PATH_BENEATH`.
const BENEATH: i64 = 1;

/// The rights that a single file can have: to execute, write, read and truncate it.
const OF_FILES: u64 = 0x1 | WRITE_FILE | 0x4 | 0x4000;

/// `struct landlock_path_beneath_attr`, which is packed: the rights in two halves, and the folder or file.
#[repr(C)]
struct Beneath {
    rights: [u32; 2],
    place: RawFd,
}

/// Which version of the interface the kernel has; 0: it has no Landlock, or does not use it.
pub(crate) fn landlock_abi() -> u32 {
    // JUSTIFICATION: neither std nor nix has Landlock.
    // SAFETY: with this flag the kernel reads nothing.
    let answer = unsafe { sys(libc::SYS_landlock_create_ruleset, [NONE, int(0), int(VERSION), NONE, NONE]) };
    answer.ok().and_then(|version| u32::try_from(version).ok()).unwrap_or(0)
}

/// Denies from here on what is `handled`, but where a rule allows it, and to reach out of the domain by what is `scoped`. The
/// terminal, an open file, may be opened again and written. Needs `no_new_privs`.
pub(super) fn confine((handled, scoped): (u64, u64), rules: &[Rule], terminal: Option<RawFd>) -> Result<()> {
    let domain = make(handled, scoped, rules)?;
    let answer = terminal.map_or(Ok(()), |terminal| add(domain, terminal, WRITE_FILE));
    let answer = answer.and_then(|()| enter(domain));
    call::close(domain);
    answer
}

/// Makes a domain for another process, which may not be able to reach what the rules name.
pub(super) fn domain(handled: u64, scoped: u64, rules: &[Rule]) -> Result<OwnedFd> {
    // JUSTIFICATION: the kernel has just made this descriptor; somebody must own it.
    // SAFETY: it is new, so nobody else closes it.
    make(handled, scoped, rules).map(|domain| unsafe { OwnedFd::from_raw_fd(domain) })
}

/// Is held by a domain from here on. Needs `no_new_privs`.
pub(super) fn enter(domain: RawFd) -> Result<()> {
    // JUSTIFICATION: neither std nor nix has Landlock, and nothing here may allocate.
    // SAFETY: takes numbers only.
    unsafe { sys(libc::SYS_landlock_restrict_self, [fd(domain), int(0), NONE, NONE, NONE]) }.map(drop)
}

fn make(handled: u64, scoped: u64, rules: &[Rule]) -> Result<RawFd> {
    // A kernel that knows fewer fields takes the longer structure as long as the rest is zero.
    let attributes: [u64; 3] = [handled, 0, scoped];
    let size = int(size_of::<[u64; 3]>() as i64);
    // JUSTIFICATION: neither std nor nix has Landlock, and nothing here may allocate.
    // SAFETY: `attributes` has the layout of `struct landlock_ruleset_attr` (three 64-bit words), as the size says.
    let made =
        unsafe { sys(libc::SYS_landlock_create_ruleset, [shared(&attributes), size, int(0), NONE, NONE]) };
    let domain = made? as RawFd;
    let allowed = rules.iter().try_for_each(|rule| allow(domain, rule.path.as_c(), rule.rights));
    if allowed.is_err() {
        call::close(domain);
    }
    allowed.map(|()| domain)
}

fn allow(domain: RawFd, path: &CStr, rights: u64) -> Result<()> {
    let folder = mount::open_host(path)?;
    let rights = match mount::kind_of(folder) {
        Ok(kind) => {
            if kind.folder {
                rights
            } else {
                rights & OF_FILES
            }
        }
        Err(errno) => {
            call::close(folder);
            return Err(errno);
        }
    };
    let answer = add(domain, folder, rights);
    call::close(folder);
    answer
}

fn add(domain: RawFd, place: RawFd, rights: u64) -> Result<()> {
    let halves = [(rights & u64::from(u32::MAX)) as u32, (rights >> 32) as u32];
    let rights = if cfg!(target_endian = "little") { halves } else { [halves[1], halves[0]] };
    let beneath = Beneath { rights, place };
    // JUSTIFICATION: neither std nor nix has Landlock, and nothing here may allocate.
    // SAFETY: `beneath` has the layout of the packed structure that this kind of rule is given by.
    let answer = unsafe {
        sys(libc::SYS_landlock_add_rule, [fd(domain), int(BENEATH), shared(&beneath), int(0), NONE])
    };
    answer.map(drop)
}
