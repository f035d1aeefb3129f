//! Values become files: the kernel copies them, and no byte of a secret is in the memory of this process.
#![expect(unsafe_code, reason = "the kernel is reached by raw system calls")]

use core::ffi::CStr;
use std::os::fd::RawFd;

use super::call::{self, NONE, Result, exclusive, fd, int, sys, text};
use super::mount::{self, Beneath};

/// Writes a value into a new file of `user` (user and group).
pub(super) fn write(room: RawFd, name: &CStr, value: RawFd, user: (u32, u32), mode: u32) -> Result<()> {
    let flags = libc::O_CREAT | libc::O_EXCL | libc::O_WRONLY | libc::O_NOFOLLOW;
    let file = mount::open_in(room, name, flags, mode, Beneath::SameMount)?;
    let answer = copy(value, file).and_then(|()| give(file, user));
    call::close(file);
    answer
}

/// From the beginning, whatever the descriptor's own position is: the same one may be given to several starts.
fn copy(from: RawFd, into: RawFd) -> Result<()> {
    const MOST: i64 = 1 << 20;
    let mut at: i64 = 0;
    loop {
        // JUSTIFICATION: std copies through memory of the process, or not between clone and exec.
        // SAFETY: the third argument is an offset to read and update; everything else is a number.
        let copied =
            unsafe { sys(libc::SYS_sendfile, [fd(into), fd(from), exclusive(&mut at), int(MOST), NONE]) }?;
        if copied == 0 {
            return Ok(());
        }
    }
}

fn give(file: RawFd, (uid, gid): (u32, u32)) -> Result<()> {
    let ids = [int(i64::from(uid)), int(i64::from(gid))];
    let empty = int(i64::from(libc::AT_EMPTY_PATH));
    // JUSTIFICATION: raw, to stay clear of the C library between clone and exec.
    // SAFETY: the path is a C string.
    unsafe { sys(libc::SYS_fchownat, [fd(file), text(c""), ids[0], ids[1], empty]) }.map(drop)
}
