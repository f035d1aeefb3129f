//! Raw system calls as safe functions: no allocation, no locks, no glibc wrapper.
//!
//! glibc's `setresuid`, `setresgid` and `setgroups` signal all threads of the process and wait for them; in a child
//! cloned from a threaded process those threads do not exist and the call never returns. So nothing here goes through
//! a wrapper: every function is one `syscall(2)`.
#![expect(
    unsafe_code,
    reason = "the kernel is reached by raw system calls: nothing else is safe between clone and exec"
)]
#![expect(
    clippy::as_conversions,
    clippy::cast_sign_loss,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    reason = "registers: numbers, descriptors and pointers travel as machine words, as the kernel's ABI says"
)]

use core::cell::Cell;
use core::ffi::{CStr, c_char, c_int, c_long};
use core::marker::PhantomData;
use core::mem::{size_of, size_of_val};
use std::os::fd::RawFd;

/// An error number of the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Errno(pub(crate) i32);

impl core::fmt::Display for Errno {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let known = nix::errno::Errno::from_raw(self.0);
        write!(f, "{} ({known:?})", known.desc())
    }
}

impl From<Errno> for std::io::Error {
    fn from(errno: Errno) -> Self {
        Self::from_raw_os_error(errno.0)
    }
}

pub(super) type Result<T> = core::result::Result<T, Errno>;

/// One argument of a call; a pointer keeps what it points to borrowed.
#[derive(Clone, Copy)]
pub(super) struct Arg<'a>(usize, PhantomData<&'a ()>);

pub(super) const NONE: Arg<'static> = Arg(0, PhantomData);

pub(super) fn int(value: i64) -> Arg<'static> {
    Arg(value as usize, PhantomData)
}

pub(super) fn fd(value: RawFd) -> Arg<'static> {
    Arg(value as usize, PhantomData)
}

pub(super) fn text(value: &CStr) -> Arg<'_> {
    Arg(value.as_ptr() as usize, PhantomData)
}

pub(super) fn shared<T>(value: &T) -> Arg<'_> {
    Arg(core::ptr::from_ref(value) as usize, PhantomData)
}

pub(super) fn exclusive<T>(value: &mut T) -> Arg<'_> {
    Arg(core::ptr::from_mut(value) as usize, PhantomData)
}

fn pointer<T>(value: *const T) -> Arg<'static> {
    Arg(value as usize, PhantomData)
}

/// Makes one system call.
///
/// # Safety
/// The call must read and write memory only through pointers among `args`, each of the type and length that it expects.
pub(super) unsafe fn sys(number: c_long, args: [Arg<'_>; 5]) -> Result<usize> {
    let [first, second, third, fourth, fifth] = args.map(|arg| arg.0);
    #[cfg(test)]
    if let Some(errno) = super::fault::strike(number) {
        return Err(errno);
    }
    // JUSTIFICATION: std has no way to make an arbitrary system call.
    // SAFETY: by the contract of this function; unused arguments are zero and ignored by the kernel.
    let answer = unsafe { libc::syscall(number, first, second, third, fourth, fifth) };
    if answer < 0 { Err(Errno(nix::errno::Errno::last_raw())) } else { Ok(answer as usize) }
}

/// A call that takes no pointer at all.
#[derive(Clone, Copy)]
pub(super) enum Plain {
    Close,
    Dup3,
    Fchdir,
    Setsid,
    Setgid,
    Setuid,
    Umask,
    CloseRange,
    Unshare,
    Setns,
}

pub(super) fn plain(call: Plain, args: [i64; 3]) -> Result<usize> {
    let number = match call {
        Plain::Close => libc::SYS_close,
        Plain::Dup3 => libc::SYS_dup3,
        Plain::Fchdir => libc::SYS_fchdir,
        Plain::Setsid => libc::SYS_setsid,
        Plain::Setgid => libc::SYS_setresgid,
        Plain::Setuid => libc::SYS_setresuid,
        Plain::Umask => libc::SYS_umask,
        Plain::CloseRange => libc::SYS_close_range,
        Plain::Unshare => libc::SYS_unshare,
        Plain::Setns => libc::SYS_setns,
    };
    let [a, b, c] = args;
    // JUSTIFICATION: raw, so that glibc does not signal threads that a cloned child does not have.
    // SAFETY: none of these calls takes a pointer.
    unsafe { sys(number, [int(a), int(b), int(c), NONE, NONE]) }
}

pub(super) fn close(descriptor: RawFd) {
    // A failed close leaves nothing to do, and close-on-exec covers it.
    let _ = plain(Plain::Close, [i64::from(descriptor), 0, 0]);
}

/// Closes every descriptor from this number up. For a process that has just been started and owns none of them.
pub(crate) fn close_from(first: RawFd) {
    // Fails on kernels without the call only, and those are refused elsewhere.
    let _ = plain(Plain::CloseRange, [i64::from(first), i64::from(u32::MAX), 0]);
}

/// Options of `prctl(2)` that take numbers only.
#[derive(Clone, Copy)]
pub(super) enum Prctl {
    Dumpable,
    DieWithParent,
    DropBounding,
    SecureBits,
    ClearAmbient,
    RaiseAmbient,
    NoNewPrivileges,
}

pub(super) fn prctl(option: Prctl, value: i64) -> Result<()> {
    let (number, first, second) = match option {
        Prctl::Dumpable => (libc::PR_SET_DUMPABLE, value, 0),
        Prctl::DieWithParent => (libc::PR_SET_PDEATHSIG, value, 0),
        Prctl::DropBounding => (libc::PR_CAPBSET_DROP, value, 0),
        Prctl::SecureBits => (libc::PR_SET_SECUREBITS, value, 0),
        Prctl::ClearAmbient => (libc::PR_CAP_AMBIENT, i64::from(libc::PR_CAP_AMBIENT_CLEAR_ALL), 0),
        Prctl::RaiseAmbient => (libc::PR_CAP_AMBIENT, i64::from(libc::PR_CAP_AMBIENT_RAISE), value),
        Prctl::NoNewPrivileges => (libc::PR_SET_NO_NEW_PRIVS, value, 0),
    };
    // JUSTIFICATION: no safe wrapper covers these options without allocating.
    // SAFETY: all these options take numbers only.
    unsafe { sys(libc::SYS_prctl, [int(i64::from(number)), int(first), int(second), NONE, NONE]) }.map(drop)
}

pub(super) fn set_groups(groups: &[u32]) -> Result<()> {
    let (length, list) = (int(groups.len() as i64), groups.first().map_or(NONE, shared));
    // JUSTIFICATION: raw, so that glibc does not signal threads that a cloned child does not have.
    // SAFETY: the kernel reads `length` numbers, all inside `groups`, and none of an empty list.
    unsafe { sys(libc::SYS_setgroups, [length, list, NONE, NONE, NONE]) }.map(drop)
}

/// Sets effective, permitted and inheritable Linux caps of the calling thread to `caps`.
pub(super) fn set_caps(caps: u64) -> Result<()> {
    /// `_LINUX_CAPABILITY_VERSION_3`.
    const VERSION: u32 = 0x2008_0522;
    let header: [u32; 2] = [VERSION, 0];
    let (low, high) = (caps as u32, (caps >> 32) as u32);
    let data: [u32; 6] = [low, low, low, high, high, high];
    // JUSTIFICATION: the C library has no wrapper.
    // SAFETY: version 3 reads two words of header and two triples of data, which is what is passed.
    unsafe { sys(libc::SYS_capset, [shared(&header), shared(&data), NONE, NONE, NONE]) }.map(drop)
}

pub(super) fn set_limit(resource: u32, soft: u64, hard: u64) -> Result<()> {
    let limit: [u64; 2] = [soft, hard];
    // JUSTIFICATION: raw, to stay clear of the C library between clone and exec.
    // SAFETY: prlimit64 reads two words from the third argument and writes nothing through a null fourth.
    unsafe { sys(libc::SYS_prlimit64, [NONE, int(i64::from(resource)), shared(&limit), NONE, NONE]) }
        .map(drop)
}

pub(super) fn set_hostname(name: &CStr) -> Result<()> {
    let length = name.count_bytes() as i64;
    // JUSTIFICATION: raw, to stay clear of the C library between clone and exec.
    // SAFETY: the kernel reads `length` bytes, all inside `name`.
    unsafe { sys(libc::SYS_sethostname, [text(name), int(length), NONE, NONE, NONE]) }.map(drop)
}

pub(super) fn set_domainname(name: &CStr) -> Result<()> {
    let length = name.count_bytes() as i64;
    // JUSTIFICATION: raw, to stay clear of the C library between clone and exec.
    // SAFETY: the kernel reads `length` bytes, all inside `name`.
    unsafe { sys(libc::SYS_setdomainname, [text(name), int(length), NONE, NONE, NONE]) }.map(drop)
}

pub(super) fn new_session_keyring() -> Result<()> {
    /// `KEYCTL_JOIN_SESSION_KEYRING`.
    const JOIN: i64 = 1;
    // JUSTIFICATION: the C library has no wrapper.
    // SAFETY: a null name asks for an anonymous keyring; nothing is read.
    unsafe { sys(libc::SYS_keyctl, [int(JOIN), NONE, NONE, NONE, NONE]) }.map(drop)
}

/// Loads a filter; each word is one `struct sock_filter` in the machine's byte order. The answer is a descriptor where the
/// flags ask for one.
pub(super) fn set_filter(program: &[u64], flags: u64) -> Result<usize> {
    #[repr(C)]
    struct Program {
        length: u16,
        filter: *const u64,
    }
    let length = u16::try_from(program.len()).map_err(|_| Errno(libc::E2BIG))?;
    let program = Program { length, filter: program.as_ptr() };
    let mode = i64::from(libc::SECCOMP_SET_MODE_FILTER);
    // JUSTIFICATION: the C library has no wrapper.
    // SAFETY: `Program` has the layout of `struct sock_fprog`, and its pointer leads to `length` words of eight bytes,
    // the size of `struct sock_filter`; the slice lives until the call returns.
    unsafe { sys(libc::SYS_seccomp, [int(mode), int(flags as i64), shared(&program), NONE, NONE]) }
}

/// Loads a filter into every thread of this process, or into none.
#[cfg(feature = "wasm")]
pub(crate) fn filter_every_thread(program: &[u64]) -> Result<()> {
    match set_filter(program, libc::SECCOMP_FILTER_FLAG_TSYNC)? {
        0 => Ok(()),
        // The number of a thread that has filters of its own.
        _ => Err(Errno(libc::ESRCH)),
    }
}

/// Replaces the process image; returns only on failure.
///
/// # Safety
/// `argv` and `envp` must lead to arrays of pointers to C strings, each ended by a null pointer.
pub(super) unsafe fn execute(path: &CStr, argv: *const *const c_char, envp: *const *const c_char) -> Errno {
    // JUSTIFICATION: std's exec allocates and resets signal state through the C library.
    // SAFETY: `path` is a C string; the arrays are valid by the contract of this function.
    match unsafe { sys(libc::SYS_execve, [text(path), pointer(argv), pointer(envp), NONE, NONE]) } {
        Ok(_) => Errno(libc::EINVAL),
        Err(errno) => errno,
    }
}

/// Ends this process at once: no exit handler runs, and no other thread does anything any more.
pub(crate) fn exit_now(code: c_int) -> ! {
    loop {
        // JUSTIFICATION: std's exit runs handlers that belong to the parent.
        // SAFETY: takes a number and does not return.
        let _ = unsafe { sys(libc::SYS_exit_group, [int(i64::from(code)), NONE, NONE, NONE, NONE]) };
    }
}

pub(super) fn write(descriptor: RawFd, bytes: &[u8]) -> Result<usize> {
    let (start, length) = (pointer(bytes.as_ptr()), bytes.len() as i64);
    // JUSTIFICATION: raw, to stay clear of the C library between clone and exec.
    // SAFETY: the kernel reads `length` bytes from a slice of that length.
    unsafe { sys(libc::SYS_write, [fd(descriptor), start, int(length), NONE, NONE]) }
}

/// Reads into memory that may be shared within this thread; 0: the other end is closed.
pub(super) fn read(descriptor: RawFd, into: &[Cell<u8>]) -> Result<usize> {
    let (start, length) = (pointer(into.as_ptr()), into.len() as i64);
    // JUSTIFICATION: raw, to stay clear of the C library between clone and exec.
    // SAFETY: the kernel writes at most `length` bytes into a slice of that length, and cells may be written through a
    // shared reference; a cell is not shared with other threads.
    unsafe { sys(libc::SYS_read, [fd(descriptor), start, int(length), NONE, NONE]) }
}

/// Reads from a place in a file.
pub(super) fn read_at(descriptor: RawFd, into: &mut [u8], place: u64) -> Result<usize> {
    let (start, length) = (pointer(into.as_mut_ptr().cast_const()), into.len() as i64);
    let place = int(place as i64);
    // JUSTIFICATION: raw, to stay clear of the C library between clone and exec.
    // SAFETY: the kernel writes at most `length` bytes into a slice of that length, which is borrowed exclusively.
    unsafe { sys(libc::SYS_pread64, [fd(descriptor), start, int(length), place, NONE]) }
}

/// Clones this process, with its parent as the parent of both. `None` in the new one; its number and a descriptor in the
/// old one.
pub(super) fn clone_sibling() -> Result<Option<(i32, RawFd)>> {
    let mut pidfd: RawFd = -1;
    let flags = (libc::CLONE_PARENT | libc::CLONE_PIDFD) as u64;
    // struct clone_args, as in `parent`; the signal at exit is that of this process.
    let args: [u64; 11] = [flags, (&raw mut pidfd) as u64, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let size = int(size_of::<[u64; 11]>() as i64);
    // JUSTIFICATION: glibc's fork runs handlers and cannot give the new process another parent.
    // SAFETY: `args` has the layout of `struct clone_args`, as the size says, and leads to a live `pidfd`. Without
    // CLONE_VM the new process has a copy of this memory, and goes on with the steps, which neither allocate nor lock.
    match unsafe { sys(libc::SYS_clone3, [shared(&args), size, NONE, NONE, NONE]) }? {
        0 => Ok(None),
        pid => Ok(Some((pid as i32, pidfd))),
    }
}

/// Whether the descriptor has something to read right now (for a pidfd: the process is gone).
pub(super) fn is_readable(descriptor: RawFd) -> Result<bool> {
    let mut entry = libc::pollfd { fd: descriptor, events: libc::POLLIN, revents: 0 };
    let now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // JUSTIFICATION: raw, to stay clear of the C library between clone and exec.
    // SAFETY: one entry is passed with a count of one; the time is read only; no signal mask.
    let ready = unsafe { sys(libc::SYS_ppoll, [exclusive(&mut entry), int(1), shared(&now), NONE, int(8)]) }?;
    Ok(ready > 0)
}

/// Room for one descriptor beside a message, aligned as the kernel wants it.
#[repr(C, align(8))]
struct Rights {
    header: libc::cmsghdr,
    descriptor: c_int,
    padding: c_int,
}

fn rights(descriptor: RawFd) -> Rights {
    Rights {
        header: libc::cmsghdr {
            // The length counts the descriptor but not the padding behind it.
            cmsg_len: size_of::<libc::cmsghdr>().wrapping_add(size_of::<c_int>()) as _,
            cmsg_level: libc::SOL_SOCKET,
            cmsg_type: libc::SCM_RIGHTS,
        },
        descriptor,
        padding: 0,
    }
}

/// Reads one message of at most one byte and at most one descriptor. `None`: the other end is closed.
pub(super) fn receive(socket: RawFd) -> Result<Option<(u8, Option<RawFd>)>> {
    let mut byte: u8 = 0;
    let mut room = rights(-1);
    room.header.cmsg_len = 0;
    let mut part = libc::iovec { iov_base: (&raw mut byte).cast(), iov_len: 1 };
    let mut header = message(&mut part, &mut room);
    let flags = i64::from(libc::MSG_CMSG_CLOEXEC);
    // JUSTIFICATION: raw, to stay clear of the C library between clone and exec.
    // SAFETY: the header leads to one part of one byte and to a control buffer of the stated size, all alive.
    let length =
        unsafe { sys(libc::SYS_recvmsg, [fd(socket), exclusive(&mut header), int(flags), NONE, NONE]) }?;
    let carries = room.header.cmsg_len >= size_of::<libc::cmsghdr>().wrapping_add(size_of::<c_int>())
        && room.header.cmsg_type == libc::SCM_RIGHTS;
    Ok((length == 1).then_some((byte, carries.then_some(room.descriptor))))
}

/// Sends one message with at most one descriptor.
pub(super) fn send(socket: RawFd, bytes: &[u8], descriptor: Option<RawFd>) -> Result<()> {
    send_with_key(socket, bytes, descriptor, 0)
}

/// [`send`] with a number in an argument that the kernel does not read, and a filter of ours does.
pub(super) fn send_with_key(socket: RawFd, bytes: &[u8], descriptor: Option<RawFd>, key: u64) -> Result<()> {
    let mut room = rights(descriptor.unwrap_or(-1));
    let mut part = libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
    let mut header = message(&mut part, &mut room);
    if descriptor.is_none() {
        header.msg_control = core::ptr::null_mut();
        header.msg_controllen = 0;
    }
    let flags = i64::from(libc::MSG_NOSIGNAL);
    // JUSTIFICATION: raw, to stay clear of the C library between clone and exec.
    // SAFETY: the header leads to one part inside `bytes`, which is only read, and to a valid control message.
    unsafe { sys(libc::SYS_sendmsg, [fd(socket), shared(&header), int(flags), int(key as i64), NONE]) }
        .map(drop)
}

fn message(part: &mut libc::iovec, room: &mut Rights) -> libc::msghdr {
    // JUSTIFICATION: the type has private padding on some C libraries and no constructor.
    // SAFETY: every field of the type is valid when zero.
    let mut header: libc::msghdr = unsafe { core::mem::zeroed() };
    header.msg_iov = part;
    header.msg_iovlen = 1;
    header.msg_controllen = size_of_val(room) as _;
    header.msg_control = core::ptr::from_mut(room).cast();
    header
}

/// Sets every signal to its default action: an ignored one would stay ignored across exec.
pub(super) fn reset_signals() {
    /// The kernel's own `struct sigaction`: handler, flags, restorer, mask.
    const DEFAULT: [u64; 4] = [0; 4];
    for signal in 1..=64_i64 {
        // JUSTIFICATION: raw, as glibc refuses the two signals that it keeps for itself.
        // SAFETY: the kernel reads one action; the answers for KILL and STOP are errors that change nothing.
        let _ = unsafe { sys(libc::SYS_rt_sigaction, [int(signal), shared(&DEFAULT), NONE, int(8), NONE]) };
    }
}

/// Replaces the calling thread's signal mask and returns the old one; bit `n - 1` stands for signal `n`.
pub(super) fn swap_signal_mask(mask: u64) -> Result<u64> {
    let mut old: u64 = 0;
    let how = i64::from(libc::SIG_SETMASK);
    // JUSTIFICATION: raw, as glibc leaves out the two signals that it keeps for itself.
    // SAFETY: both masks are eight bytes, as the last argument says.
    unsafe { sys(libc::SYS_rt_sigprocmask, [int(how), shared(&mask), exclusive(&mut old), int(8), NONE]) }?;
    Ok(old)
}

/// Takes pending signals of the mask from this thread without acting on them.
pub(super) fn forget_pending(mask: u64) {
    let now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // JUSTIFICATION: nix has no sigtimedwait.
    // SAFETY: the mask is eight bytes, as the last argument says; a null second argument asks for no details.
    while unsafe { sys(libc::SYS_rt_sigtimedwait, [shared(&mask), NONE, shared(&now), int(8), NONE]) }.is_ok()
    {
    }
}

/// A request of `ioctl(2)` whose argument is a number.
pub(super) fn ioctl_number(descriptor: RawFd, request: u64, value: i64) -> Result<usize> {
    // JUSTIFICATION: raw, to stay clear of the C library between clone and exec.
    // SAFETY: callers pass only TIOCSCTTY and TIOCGPTPEER, which take a number.
    unsafe { sys(libc::SYS_ioctl, [fd(descriptor), int(request as i64), int(value), NONE, NONE]) }
}

pub(super) fn unlock_terminal(master: RawFd) -> Result<()> {
    let unlock: c_int = 0;
    // JUSTIFICATION: raw, to stay clear of the C library between clone and exec.
    // SAFETY: TIOCSPTLCK reads one int.
    unsafe { sys(libc::SYS_ioctl, [fd(master), int(libc::TIOCSPTLCK as i64), shared(&unlock), NONE, NONE]) }
        .map(drop)
}

pub(super) fn set_window_size(master: RawFd, rows: u16, columns: u16) -> Result<()> {
    let size = libc::winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    // JUSTIFICATION: nix has no safe wrapper for this request.
    // SAFETY: TIOCSWINSZ reads one `struct winsize`.
    unsafe { sys(libc::SYS_ioctl, [fd(master), int(libc::TIOCSWINSZ as i64), shared(&size), NONE, NONE]) }
        .map(drop)
}

/// A socket for IPv4 in the current network namespace.
pub(super) fn inet_socket(kind: c_int) -> Result<RawFd> {
    let kind = i64::from(kind | libc::SOCK_CLOEXEC);
    // JUSTIFICATION: raw, to stay clear of the C library between clone and exec.
    // SAFETY: takes numbers only.
    let socket =
        unsafe { sys(libc::SYS_socket, [int(i64::from(libc::AF_INET)), int(kind), NONE, NONE, NONE]) }?;
    Ok(socket as RawFd)
}

/// Brings the loopback of the current network namespace up.
pub(super) fn loopback_up() -> Result<()> {
    #[repr(C, align(8))]
    struct Request {
        name: [u8; 16],
        flags: i16,
        rest: [u8; 22],
    }
    let socket = inet_socket(libc::SOCK_DGRAM)?;
    let request =
        Request { name: *b"lo\0\0\0\0\0\0\0\0\0\0\0\0\0\0", flags: libc::IFF_UP as i16, rest: [0; 22] };
    let number = int(libc::SIOCSIFFLAGS as i64);
    // JUSTIFICATION: raw, to stay clear of the C library between clone and exec.
    // SAFETY: `Request` has the layout and the size (40 bytes) of `struct ifreq` for this request, which only reads it.
    let answer = unsafe { sys(libc::SYS_ioctl, [fd(socket), number, shared(&request), NONE, NONE]) };
    close(socket);
    answer.map(drop)
}

/// Sends a signal to the process of a pidfd; it can never hit another process.
pub(crate) fn signal_by_pidfd(pidfd: RawFd, signal: c_int) -> Result<()> {
    // JUSTIFICATION: std has no pidfd.
    // SAFETY: a null siginfo asks the kernel to fill it in as kill(2) does.
    unsafe { sys(libc::SYS_pidfd_send_signal, [fd(pidfd), int(i64::from(signal)), NONE, NONE, NONE]) }
        .map(drop)
}
