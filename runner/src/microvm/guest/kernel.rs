//! System calls of the guest's program, each as a safe function. It is one static file with no crate but std.
#![expect(unsafe_code, reason = "std has none of these calls, and a crate cannot be had by a single rustc")]

use std::ffi::{CStr, CString, c_long};
use std::os::fd::{AsRawFd, FromRawFd as _, OwnedFd, RawFd};

unsafe extern "C" {
    fn syscall(number: c_long, ...) -> c_long;
}

/// Numbers of `x86_64`, the one processor that this backend knows.
mod number {
    pub(super) const IOCTL: i64 = 16;
    pub(super) const SOCKET: i64 = 41;
    pub(super) const CLONE: i64 = 56;
    pub(super) const EXECVE: i64 = 59;
    pub(super) const WAIT4: i64 = 61;
    pub(super) const KILL: i64 = 62;
    pub(super) const UMASK: i64 = 95;
    pub(super) const SETSID: i64 = 112;
    pub(super) const SETGROUPS: i64 = 116;
    pub(super) const SETRESUID: i64 = 117;
    pub(super) const SETRESGID: i64 = 119;
    pub(super) const CAPSET: i64 = 126;
    pub(super) const RT_SIGACTION: i64 = 13;
    pub(super) const STATFS: i64 = 137;
    pub(super) const PRCTL: i64 = 157;
    pub(super) const CHROOT: i64 = 161;
    pub(super) const MOUNT: i64 = 165;
    pub(super) const REBOOT: i64 = 169;
    pub(super) const SETHOSTNAME: i64 = 170;
    pub(super) const EXIT_GROUP: i64 = 231;
    pub(super) const KEYCTL: i64 = 250;
    pub(super) const MKNODAT: i64 = 259;
    pub(super) const PPOLL: i64 = 271;
    pub(super) const UNSHARE: i64 = 272;
    pub(super) const DUP3: i64 = 292;
    pub(super) const PIPE2: i64 = 293;
    pub(super) const PRLIMIT64: i64 = 302;
    pub(super) const SECCOMP: i64 = 317;
    pub(super) const PIDFD_OPEN: i64 = 434;
    pub(super) const CLOSE_RANGE: i64 = 436;
}

/// An error number.
pub(crate) type Errno = i32;
pub(crate) type Result<T> = std::result::Result<T, Errno>;

pub(crate) const ENOENT: Errno = 2;
pub(crate) const EACCES: Errno = 13;
pub(crate) const ENOTDIR: Errno = 20;
pub(crate) const EINVAL: Errno = 22;
pub(crate) const EINTR: Errno = 4;

/// # Safety
/// The call must touch memory only through pointers among `args`, each valid for what the call does with it.
unsafe fn call(number: i64, args: [i64; 5]) -> Result<i64> {
    let [a, b, c, d, e] = args;
    // SAFETY: by the contract of this function.
    let answer = unsafe { syscall(number, a, b, c, d, e) };
    if answer < 0 {
        Err(std::io::Error::last_os_error().raw_os_error().unwrap_or(EINVAL))
    } else {
        Ok(answer)
    }
}

fn address<T: ?Sized>(of: *const T) -> i64 {
    of.cast::<u8>() as usize as i64
}

fn text(bytes: &[u8]) -> Result<CString> {
    CString::new(bytes).map_err(|_| EINVAL)
}

pub(crate) const MS_RDONLY: i64 = 1;
pub(crate) const MS_NOSUID: i64 = 2;
pub(crate) const MS_NODEV: i64 = 4;
pub(crate) const MS_NOEXEC: i64 = 8;
pub(crate) const MS_REMOUNT: i64 = 32;
pub(crate) const MS_BIND: i64 = 4096;
pub(crate) const MS_MOVE: i64 = 8192;
pub(crate) const MS_REC: i64 = 16_384;
pub(crate) const MS_PRIVATE: i64 = 1 << 18;

pub(crate) fn mount(from: &str, to: &str, kind: &str, flags: i64, options: &str) -> Result<()> {
    let texts =
        [text(from.as_bytes())?, text(to.as_bytes())?, text(kind.as_bytes())?, text(options.as_bytes())?];
    let [from, to, kind, options] = texts.each_ref().map(|text| address(text.as_ptr()));
    // SAFETY: four C strings that live until the call returns.
    unsafe { call(number::MOUNT, [from, to, kind, flags, options]) }.map(drop)
}

pub(crate) fn chroot(path: &CStr) -> Result<()> {
    // SAFETY: a C string.
    unsafe { call(number::CHROOT, [address(path.as_ptr()), 0, 0, 0, 0]) }.map(drop)
}

/// Makes a character device.
pub(crate) fn make_device(path: &str, mode: u32, (major, minor): (u32, u32)) -> Result<()> {
    let path = text(path.as_bytes())?;
    let (mode, device) = (i64::from(0o020_000 | mode), i64::from((major << 8) | minor));
    // SAFETY: a C string, and numbers.
    unsafe { call(number::MKNODAT, [-100, address(path.as_ptr()), mode, device, 0]) }.map(drop)
}

/// `CLONE_NEWNS`, `CLONE_NEWIPC` and `CLONE_NEWPID`, and SIGCHLD at the end.
const NEW_PROCESS: i64 = 0x0002_0000 | 0x0800_0000 | 0x2000_0000 | 17;
/// `CLONE_NEWCGROUP`.
const NEW_GROUPS: i64 = 0x0200_0000;

/// A copy of this process in new mount, ipc and pid namespaces: nothing in the new one, its number in the old one.
pub(crate) fn clone_inside() -> Result<Option<i32>> {
    // SAFETY: this process has one thread, and without CLONE_VM the new one has a copy of its memory.
    match unsafe { call(number::CLONE, [NEW_PROCESS, 0, 0, 0, 0]) }? {
        0 => Ok(None),
        pid => Ok(Some(pid as i32)),
    }
}

pub(crate) fn unshare_groups() -> Result<()> {
    // SAFETY: takes a number.
    unsafe { call(number::UNSHARE, [NEW_GROUPS, 0, 0, 0, 0]) }.map(drop)
}

/// Options of `prctl(2)`.
pub(crate) const DROP_BOUNDING: i64 = 24;
pub(crate) const SECURE_BITS: i64 = 28;
pub(crate) const NO_NEW_PRIVS: i64 = 38;
pub(crate) const AMBIENT: i64 = 47;

pub(crate) fn prctl(option: i64, first: i64, second: i64) -> Result<()> {
    // SAFETY: the options above take numbers.
    unsafe { call(number::PRCTL, [option, first, second, 0, 0]) }.map(drop)
}

pub(crate) fn become_user(uid: u64, gid: u64) -> Result<()> {
    let (uid, gid) = (uid as i64, gid as i64);
    // SAFETY: an empty list reads nothing.
    unsafe { call(number::SETGROUPS, [0; 5]) }?;
    // SAFETY: takes numbers.
    unsafe { call(number::SETRESGID, [gid, gid, gid, 0, 0]) }?;
    // SAFETY: takes numbers.
    unsafe { call(number::SETRESUID, [uid, uid, uid, 0, 0]) }.map(drop)
}

pub(crate) fn set_caps(caps: u64) -> Result<()> {
    /// `_LINUX_CAPABILITY_VERSION_3`.
    const VERSION: u32 = 0x2008_0522;
    let header: [u32; 2] = [VERSION, 0];
    let (low, high) = (caps as u32, (caps >> 32) as u32);
    let data: [u32; 6] = [low, low, low, high, high, high];
    // SAFETY: version 3 reads two words of header and two triples of data.
    unsafe { call(number::CAPSET, [address(&raw const header), address(&raw const data), 0, 0, 0]) }.map(drop)
}

pub(crate) fn set_limit(resource: i64, soft: u64, hard: u64) -> Result<()> {
    let limit: [u64; 2] = [soft, hard];
    // SAFETY: reads two words, and writes nothing through a null pointer.
    unsafe { call(number::PRLIMIT64, [0, resource, address(&raw const limit), 0, 0]) }.map(drop)
}

pub(crate) fn set_hostname(name: &str) -> Result<()> {
    // SAFETY: reads as many bytes as the slice has.
    unsafe { call(number::SETHOSTNAME, [address(name.as_ptr()), name.len() as i64, 0, 0, 0]) }.map(drop)
}

pub(crate) fn new_keyring() -> Result<()> {
    // SAFETY: `KEYCTL_JOIN_SESSION_KEYRING` with a null name reads nothing.
    unsafe { call(number::KEYCTL, [1, 0, 0, 0, 0]) }.map(drop)
}

pub(crate) fn set_filter(filter: &[u64]) -> Result<()> {
    #[repr(C)]
    struct Program {
        length: u16,
        filter: *const u64,
    }
    let program =
        Program { length: u16::try_from(filter.len()).map_err(|_| EINVAL)?, filter: filter.as_ptr() };
    // SAFETY: `struct sock_fprog`, and so many words of the size of `struct sock_filter`; both live.
    unsafe { call(number::SECCOMP, [1, 0, address(&raw const program), 0, 0]) }.map(drop)
}

/// Replaces this program; returns only when that fails.
pub(crate) fn execute(path: &CStr, argv: &[CString], env: &[CString]) -> Errno {
    let pointers = |list: &[CString]| -> Vec<*const std::ffi::c_char> {
        list.iter().map(|text| text.as_ptr()).chain([std::ptr::null()]).collect()
    };
    let (argv, env) = (pointers(argv), pointers(env));
    // SAFETY: a C string and two arrays of pointers to C strings, each ended by a null pointer; all live.
    match unsafe {
        call(number::EXECVE, [address(path.as_ptr()), address(argv.as_ptr()), address(env.as_ptr()), 0, 0])
    } {
        Ok(_) => EINVAL,
        Err(errno) => errno,
    }
}

/// A pipe: the end that is read, and the one that is written. Closed on exec.
pub(crate) fn pipe() -> Result<(OwnedFd, OwnedFd)> {
    let mut ends: [i32; 2] = [-1; 2];
    // SAFETY: writes two numbers of four bytes.
    unsafe { call(number::PIPE2, [address(&raw mut ends), 0o2_000_000, 0, 0, 0]) }?;
    let [read, write] = ends;
    // SAFETY: both are new, and nobody else's.
    Ok(unsafe { (OwnedFd::from_raw_fd(read), OwnedFd::from_raw_fd(write)) })
}

pub(crate) fn duplicate_onto(from: &impl AsRawFd, to: RawFd) -> Result<()> {
    // SAFETY: takes numbers.
    unsafe { call(number::DUP3, [i64::from(from.as_raw_fd()), i64::from(to), 0, 0, 0]) }.map(drop)
}

/// Everything but the three streams is closed on exec.
pub(crate) fn close_on_exec() -> Result<()> {
    // SAFETY: takes numbers; the last is `CLOSE_RANGE_CLOEXEC`.
    unsafe { call(number::CLOSE_RANGE, [3, i64::from(u32::MAX), 4, 0, 0]) }.map(drop)
}

#[repr(C)]
#[derive(Clone, Copy)]
struct Entry {
    descriptor: i32,
    events: i16,
    found: i16,
}

pub(crate) const READABLE: i16 = 1;
pub(crate) const WRITABLE: i16 = 4;

/// Waits until something can be done; answers for each whether it can. An error of a descriptor counts, as its next
/// use then says what it is.
pub(crate) fn wait(wanted: &[(RawFd, i16)]) -> Result<Vec<bool>> {
    let mut entries: Vec<Entry> = wanted
        .iter()
        .map(|(descriptor, events)| Entry { descriptor: *descriptor, events: *events, found: 0 })
        .collect();
    let count = entries.len() as i64;
    // SAFETY: reads and writes so many entries; no time limit and no signal mask.
    match unsafe { call(number::PPOLL, [address(entries.as_mut_ptr()), count, 0, 0, 8]) } {
        Ok(_) | Err(EINTR) => Ok(entries.iter().map(|entry| entry.found != 0).collect()),
        Err(errno) => Err(errno),
    }
}

pub(crate) fn open_pidfd(pid: i32) -> Result<OwnedFd> {
    // SAFETY: takes numbers.
    let descriptor = unsafe { call(number::PIDFD_OPEN, [i64::from(pid), 0, 0, 0, 0]) }?;
    // SAFETY: it is new, and nobody else's.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor as i32) })
}

/// How a process ended: the kernel's status, and microseconds in user mode and in the kernel, with all that it waited for.
pub(crate) fn collect(pid: i32) -> Result<(i32, u64, u64)> {
    let mut status: i32 = 0;
    let mut usage: [i64; 18] = [0; 18];
    // SAFETY: writes one number of four bytes, and `struct rusage`, which has eighteen words.
    unsafe {
        call(number::WAIT4, [i64::from(pid), address(&raw mut status), 0, address(&raw mut usage), 0])
    }?;
    let [user, user_part, system, system_part, ..] = usage.map(i64::cast_unsigned);
    let sum = |seconds: u64, part: u64| seconds.saturating_mul(1_000_000).saturating_add(part);
    Ok((status, sum(user, user_part), sum(system, system_part)))
}

pub(crate) fn kill(pid: i32, signal: u8) {
    // SAFETY: takes numbers. A process that is gone needs no signal.
    let _ = unsafe { call(number::KILL, [i64::from(pid), i64::from(signal), 0, 0, 0]) };
}

/// Sets every signal to its default action.
pub(crate) fn reset_signals() {
    let default: [u64; 4] = [0; 4];
    for signal in 1..=64 {
        // SAFETY: reads the kernel's own `struct sigaction`, four words, with a mask of eight bytes.
        let _ = unsafe { call(number::RT_SIGACTION, [signal, address(&raw const default), 0, 8, 0]) };
    }
}

pub(crate) fn umask(mask: i64) {
    // SAFETY: takes a number, and cannot fail.
    let _ = unsafe { call(number::UMASK, [mask, 0, 0, 0, 0]) };
}

pub(crate) fn new_session() -> Result<()> {
    // SAFETY: takes nothing.
    unsafe { call(number::SETSID, [0; 5]) }.map(drop)
}

/// Size of a block, blocks, free blocks, files and free files of a file system.
pub(crate) fn room(path: &CStr) -> Result<[u64; 5]> {
    let mut found: [u64; 15] = [0; 15];
    // SAFETY: writes `struct statfs`, fifteen words.
    unsafe { call(number::STATFS, [address(path.as_ptr()), address(&raw mut found), 0, 0, 0]) }?;
    let [_, size, blocks, free, _, files, free_files, ..] = found;
    Ok([size, blocks, free, files, free_files])
}

/// Takes all meaning from what goes through a terminal: bytes are bytes.
pub(crate) fn make_raw(terminal: &impl AsRawFd) -> Result<()> {
    const GET: i64 = 0x5401;
    const SET: i64 = 0x5402;
    let descriptor = i64::from(terminal.as_raw_fd());
    // The kernel's `struct termios`: four words of flags, the line discipline, nineteen characters.
    let mut state = [0_u32; 9];
    // SAFETY: writes 36 bytes.
    unsafe { call(number::IOCTL, [descriptor, GET, address(&raw mut state), 0, 0]) }?;
    let [input, output, control, local, characters @ ..] = &mut state;
    (*input, *output, *local) = (0, 0, 0);
    // Eight bits, no parity, no modem lines, and the reader is on.
    *control = (*control & !0o0400) | 0o0060 | 0o0200 | 0o4000;
    // One byte is enough for a read (`VMIN`), and no time is waited for more (`VTIME`): characters 6 and 5, behind one
    // byte of line discipline.
    let mut bytes: Vec<u8> = characters.iter().flat_map(|word| word.to_ne_bytes()).collect();
    for (place, value) in [(1 + 5, 0), (1 + 6, 1)] {
        if let Some(byte) = bytes.get_mut(place) {
            *byte = value;
        }
    }
    for (word, chunk) in characters.iter_mut().zip(bytes.as_chunks::<4>().0) {
        *word = u32::from_ne_bytes(*chunk);
    }
    // SAFETY: reads 36 bytes.
    unsafe { call(number::IOCTL, [descriptor, SET, address(&raw const state), 0, 0]) }.map(drop)
}

/// Brings the loopback up.
pub(crate) fn loopback_up() -> Result<()> {
    #[repr(C, align(8))]
    struct Request {
        name: [u8; 16],
        flags: i16,
        rest: [u8; 22],
    }
    let request = Request { name: *b"lo\0\0\0\0\0\0\0\0\0\0\0\0\0\0", flags: 1, rest: [0; 22] };
    // SAFETY: takes numbers: AF_INET, SOCK_DGRAM with SOCK_CLOEXEC.
    let socket = unsafe { call(number::SOCKET, [2, 2 | 0o2_000_000, 0, 0, 0]) }?;
    // SAFETY: it is new, and nobody else's.
    let socket = unsafe { OwnedFd::from_raw_fd(socket as i32) };
    let set_flags = 0x8914;
    // SAFETY: reads `struct ifreq`, forty bytes.
    unsafe {
        call(number::IOCTL, [i64::from(socket.as_raw_fd()), set_flags, address(&raw const request), 0, 0])
    }
    .map(drop)
}

/// Writing never waits.
pub(crate) fn never_block(descriptor: &impl AsRawFd) -> Result<()> {
    /// `FIONBIO`.
    const NEVER: i64 = 0x5421;
    let yes: i32 = 1;
    // SAFETY: reads one number of four bytes.
    unsafe { call(number::IOCTL, [i64::from(descriptor.as_raw_fd()), NEVER, address(&raw const yes), 0, 0]) }
        .map(drop)
}

/// Ends this process and nothing else.
pub(crate) fn leave(code: i64) -> ! {
    loop {
        // SAFETY: takes a number and does not return.
        let _ = unsafe { call(number::EXIT_GROUP, [code, 0, 0, 0, 0]) };
    }
}

/// Ends the machine. Its monitor is told to take a restart as the end.
pub(crate) fn restart() -> ! {
    loop {
        // SAFETY: takes numbers: the two that keep accidents away, and `LINUX_REBOOT_CMD_RESTART`.
        let _ = unsafe { call(number::REBOOT, [0xfee1_dead, 672_274_793, 0x0123_4567, 0, 0]) };
    }
}
