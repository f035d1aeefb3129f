//! Steps that take something away from this very process.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "steps are dispatched in one full match; the inner ones answer ENOSYS for those of others"
)]

use super::call::{self, Errno, Plain, Prctl, Result, plain, prctl};
use super::landlock;
use crate::native::steps::Step;

/// Linux caps that exist, highest number; unknown ones answer EINVAL and need nothing.
const LAST_CAP: i64 = 63;

/// Steps that need no descriptor: each takes something away from this process.
pub(crate) fn restrict_self(step: &Step) -> Result<()> {
    match step {
        Step::HostName { name } => call::set_hostname(name.as_c()),
        Step::DomainName { name } => call::set_domainname(name.as_c()),
        Step::Groups { groups } => call::set_groups(groups),
        Step::LoopbackUp => call::loopback_up(),
        Step::Limit { resource, soft, hard } => call::set_limit(*resource, *soft, *hard),
        Step::NewKeyring => call::new_session_keyring(),
        Step::Become { uid, gid, drop_groups } => become_user(i64::from(*uid), i64::from(*gid), *drop_groups),
        Step::DropBounding { keep } => drop_bounding(*keep),
        Step::LockSecureBits => prctl(Prctl::SecureBits, SECURE_BITS),
        Step::Caps { keep } => keep_caps(*keep),
        Step::Umask { mask } => plain(Plain::Umask, [i64::from(*mask), 0, 0]).map(drop),
        Step::NotDumpable => prctl(Prctl::Dumpable, 0),
        Step::NoNewPrivileges => prctl(Prctl::NoNewPrivileges, 1),
        Step::Confine { handled, scoped, rules, terminal } => {
            landlock::confine((*handled, *scoped), rules, terminal.then_some(libc::STDIN_FILENO))
        }
        Step::CloseOnExec => {
            plain(Plain::CloseRange, [3, i64::from(u32::MAX), i64::from(libc::CLOSE_RANGE_CLOEXEC)]).map(drop)
        }
        Step::Filter { program } => call::set_filter(program, 0).map(drop),
        _ => Err(Errno(libc::ENOSYS)),
    }
}

/// `NOROOT`, `NO_SETUID_FIXUP` and the locks of these and of `KEEP_CAPS`; raising ambient caps is locked by exec's
/// `NO_NEW_PRIVS` and the empty permitted set.
const SECURE_BITS: i64 = 0x01 | 0x02 | 0x04 | 0x08 | 0x20;

fn become_user(uid: i64, gid: i64, drop_groups: bool) -> Result<()> {
    if drop_groups {
        call::set_groups(&[])?;
    }
    plain(Plain::Setgid, [gid, gid, gid])?;
    plain(Plain::Setuid, [uid, uid, uid]).map(drop)
}

fn drop_bounding(keep: u64) -> Result<()> {
    for cap in 0..=LAST_CAP {
        if keep.checked_shr(u32::try_from(cap).unwrap_or(0)).unwrap_or(0) & 1 == 1 {
            continue;
        }
        match prctl(Prctl::DropBounding, cap) {
            // Past the last Linux cap that this kernel knows.
            Err(Errno(libc::EINVAL)) => break,
            other => other?,
        }
    }
    Ok(())
}

fn keep_caps(keep: u64) -> Result<()> {
    prctl(Prctl::ClearAmbient, 0)?;
    call::set_caps(keep)?;
    for cap in 0..=LAST_CAP {
        if keep.checked_shr(u32::try_from(cap).unwrap_or(0)).unwrap_or(0) & 1 == 1 {
            prctl(Prctl::RaiseAmbient, cap)?;
        }
    }
    Ok(())
}
