//! Whether a program can be executed without the host's own programs coming in.
//!
//! SECURITY: until exec a process of ours is a copy of a program of the host, and `/proc/self/exe` leads there. An image,
//! or a program with a writable root, can name it as the program, as the interpreter of a script, or as the loader of a
//! binary, and would hold the host's file then (CVE-2019-5736). Runs between clone and exec: nothing here allocates.

use core::ffi::CStr;
use std::os::fd::RawFd;

use super::call::{self, Errno, Result};
use super::mount;
use crate::native::text::Text;

/// How many scripts may stand behind each other; the kernel stops at five.
const DEPTH: usize = 6;
/// How much of a file is looked at: what the kernel looks at.
const HEAD: usize = 256;

/// Refuses candidates that would bring in a file of /proc. One that is not there is left to exec.
pub(super) fn check(candidates: &[Text]) -> Result<()> {
    let root = mount::open_host(c"/")?;
    let answer = candidates.iter().try_for_each(|path| check_one(root, path.as_c()));
    call::close(root);
    answer
}

fn check_one(root: RawFd, path: &CStr) -> Result<()> {
    let mut name;
    let mut next = Some(path);
    for _ in 0..DEPTH {
        let Some(path) = next else { return Ok(()) };
        let mut head = [0; HEAD];
        let loader = match look(root, path, &mut head) {
            Err(Errno(libc::ENOENT | libc::ENOTDIR)) => return Ok(()),
            other => other?,
        };
        name = loader;
        next = CStr::from_bytes_until_nul(&name).ok().filter(|name| !name.is_empty());
    }
    // Too many: exec refuses it as well.
    Err(Errno(libc::ELOOP))
}

/// Looks at one file. Answers the path of its interpreter or loader, ended by a zero; nothing but zeros without one.
fn look(root: RawFd, path: &CStr, head: &mut [u8; HEAD]) -> Result<[u8; HEAD]> {
    if path.to_bytes().first() != Some(&b'/') {
        // Relative to a folder that the sandbox may choose.
        return Err(Errno(libc::EACCES));
    }
    // Follows links inside, and refuses those of /proc that lead anywhere.
    let file = match mount::open_following(root, path, libc::O_RDONLY | libc::O_NONBLOCK | libc::O_NOCTTY) {
        Err(Errno(libc::ELOOP)) => return Err(Errno(libc::EACCES)),
        other => other?,
    };
    let answer = if mount::is_procfs(file)? { Err(Errno(libc::EACCES)) } else { loader_of(file, head) };
    call::close(file);
    answer
}

fn loader_of(file: RawFd, head: &mut [u8; HEAD]) -> Result<[u8; HEAD]> {
    let length = match call::read_at(file, head, 0) {
        // A folder, a pipe: nothing that can be executed.
        Err(Errno(libc::EISDIR | libc::ESPIPE | libc::EAGAIN)) => 0,
        other => other?,
    };
    let head = head.get(..length).unwrap_or_default();
    let mut name = [0; HEAD];
    if let Some(line) = head.strip_prefix(b"#!") {
        let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
        let begin = line.iter().position(|byte| !blank(byte)).unwrap_or(line.len());
        let line = line.get(begin..).unwrap_or_default();
        let end = line.iter().position(|byte| blank(byte) || matches!(byte, b'\n' | 0)).unwrap_or(line.len());
        put(&mut name, line.get(..end).unwrap_or_default());
    } else if head.starts_with(b"\x7fELF") {
        elf_loader(file, head, &mut name)?;
    }
    Ok(name)
}

/// Copies a path, and leaves a zero behind it.
fn put(name: &mut [u8; HEAD], path: &[u8]) {
    for (place, byte) in name.iter_mut().take(HEAD - 1).zip(path) {
        *place = *byte;
    }
}

/// A number of the file, in the machine's order: a file of the other order is not executed.
fn number<const BYTES: usize>(bytes: &[u8], place: usize) -> Option<u64> {
    let field: &[u8; BYTES] = bytes.get(place..)?.first_chunk()?;
    let mut wide = [0; 8];
    for (to, from) in wide.iter_mut().zip(field) {
        *to = *from;
    }
    Some(u64::from_le_bytes(wide))
}

/// The loader of a 64-bit binary, from its program headers. A 32-bit one cannot run under the filter.
fn elf_loader(file: RawFd, head: &[u8], name: &mut [u8; HEAD]) -> Result<()> {
    const LOADER: u64 = 3;
    const ENTRY: usize = 56;
    let (Some(start), Some(count)) = (number::<8>(head, 32), number::<2>(head, 56)) else { return Ok(()) };
    let mut place = start;
    for _ in 0..count {
        let mut entry = [0; ENTRY];
        if call::read_at(file, &mut entry, place)? < ENTRY {
            return Ok(());
        }
        place = place.wrapping_add(56);
        if number::<4>(&entry, 0) == Some(LOADER) {
            let (at, length) = (number::<8>(&entry, 8).unwrap_or(0), number::<8>(&entry, 32).unwrap_or(0));
            let mut path = [0; HEAD];
            let room = usize::try_from(length).unwrap_or(HEAD).min(HEAD - 1);
            let read = call::read_at(file, path.get_mut(..room).unwrap_or_default(), at)?;
            let path = path.get(..read).unwrap_or_default();
            put(name, path.split(|byte| *byte == 0).next().unwrap_or_default());
            return Ok(());
        }
    }
    Ok(())
}
