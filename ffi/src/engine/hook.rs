//! The launcher process is this very program, executed again; this is what makes it one before `main` begins.

use std::path::Path;
use std::sync::atomic::Ordering;

use perry_sandbox_runner::{Launcher, helper_hook};

use crate::c::HOOKED;
use crate::code::Code;
use crate::fault::Fault;

/// This program, also when its file was replaced meanwhile.
const OURSELVES: &str = "/proc/self/exe";

/// Becomes the launcher or a supervisor process if this process was started as one, and never comes back then; else
/// returns at once.
///
/// The archive calls it before `main` by itself. A program that is not linked with the archive's constructors calls it
/// first thing in `main`; without it nothing can run, and every run answers `NOT_AVAILABLE`.
pub fn launcher_hook() {
    helper_hook();
    HOOKED.store(true, Ordering::Release);
}

/// Refuses a process that would not become a launcher when it is executed again.
pub(super) fn check() -> Result<(), Fault> {
    let unavailable = |why: &str| Fault::new(Code::NotAvailable, format!("no sandbox can be started: {why}"));
    if !HOOKED.load(Ordering::Acquire) {
        return Err(unavailable(
            "the program does not call the launcher hook before `main`: link the whole archive, or call `psb_launcher_hook` first thing in `main`",
        ));
    }
    // SECURITY: a program that does not hold this code would begin its own `main` again.
    if !is_in_the_program() {
        return Err(unavailable(
            "the library is not linked into the program itself: link the archive (`.a`), not a shared library",
        ));
    }
    Ok(())
}

/// Starts a launcher process.
pub(super) fn start() -> Result<Launcher, Fault> {
    check()?;
    Launcher::start(Path::new(OURSELVES)).map_err(|error| {
        Fault::new(Code::Io, format!("the launcher process cannot be started from {OURSELVES}: {error}"))
    })
}

/// Whether this very function is part of the executable, and not of a library that was loaded into it.
fn is_in_the_program() -> bool {
    use std::os::unix::fs::MetadataExt as _;
    #[expect(clippy::as_conversions, reason = "the address of a function has no other form")]
    let here = is_in_the_program as fn() -> bool as usize;
    let (Ok(maps), Ok(program)) = (std::fs::read_to_string("/proc/self/maps"), std::fs::metadata(OURSELVES))
    else {
        return false;
    };
    maps.lines().any(|line| holds(line, here) == Some(program.ino()))
}

/// The inode that is mapped at the address, if this line of /proc/self/maps is about it.
fn holds(line: &str, address: usize) -> Option<u64> {
    let mut words = line.split_ascii_whitespace();
    let (start, end) = words.next()?.split_once('-')?;
    let (start, end) = (usize::from_str_radix(start, 16).ok()?, usize::from_str_radix(end, 16).ok()?);
    let inode = words.nth(3)?.parse().ok()?;
    (start..end).contains(&address).then_some(inode)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_test_is_a_program_of_its_own() {
        assert!(is_in_the_program());
    }

    #[test]
    fn a_line_of_the_map_is_read() {
        let line = "00400000-00452000 r-xp 00000000 08:02 173521      /usr/bin/dbus-daemon";
        assert_eq!(holds(line, 0x0040_0000), Some(173_521));
        assert_eq!(holds(line, 0x0045_2000), None);
        assert_eq!(holds("x", 0), None);
    }
}
