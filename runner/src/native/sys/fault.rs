//! Makes one chosen system call of a launch fail, in the process that clones or in the one that is cloned. Only in tests.
//!
//! What is armed belongs to one thread; a clone has a copy of it. The count lies in memory that both share, so that the
//! parent learns what was hit in a child that is gone. Nothing here allocates or locks once it is armed.
#![expect(unsafe_code, reason = "the count is shared with a cloned process")]

use core::cell::Cell;
use core::ffi::c_long;
use core::sync::atomic::{AtomicI64, AtomicU32, Ordering};

use super::call::Errno;

/// Whose calls are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// The thread that is armed.
    Parent,
    /// What it clones to execute a program, up to exec.
    Child,
    /// What it clones to hold a namespace: it does nothing that could go wrong.
    Holder,
}

/// What both sides see.
#[derive(Debug)]
struct Count {
    calls: AtomicU32,
    /// The number of the call that was made to fail; -1 until then.
    hit: AtomicI64,
}

#[derive(Clone, Copy)]
struct Aim {
    side: Side,
    nth: u32,
    errno: i32,
    count: &'static Count,
}

thread_local! {
    static AIM: Cell<Option<Aim>> = const { Cell::new(None) };
    static SIDE: Cell<Side> = const { Cell::new(Side::Parent) };
}

/// While it lives, the n-th call of one side fails.
#[derive(Debug)]
pub(crate) struct Armed(&'static Count);

impl Armed {
    /// Calls are counted from 1.
    pub(crate) fn new(side: Side, nth: u32, errno: i32) -> Self {
        let count = shared_count();
        AIM.set(Some(Aim { side, nth, errno, count }));
        Self(count)
    }

    /// The call that was hit.
    pub(crate) fn hit(&self) -> Option<c_long> {
        Some(self.0.hit.load(Ordering::SeqCst)).filter(|number| *number >= 0)
    }
}

impl Drop for Armed {
    fn drop(&mut self) {
        AIM.set(None);
        // JUSTIFICATION: neither std nor nix gives memory that is shared with a clone.
        // SAFETY: the mapping was made by `shared_count`, and nothing of this process refers to it any more.
        let gone = unsafe { libc::munmap(core::ptr::from_ref(self.0).cast_mut().cast(), size_of::<Count>()) };
        assert_eq!(gone, 0);
    }
}

fn shared_count() -> &'static Count {
    let (reach, kind) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED | libc::MAP_ANONYMOUS);
    // JUSTIFICATION: neither std nor nix gives memory that is shared with a clone.
    // SAFETY: a new mapping wherever the kernel likes, of no file.
    let place = unsafe { libc::mmap(core::ptr::null_mut(), size_of::<Count>(), reach, kind, -1, 0) };
    assert_ne!(place, libc::MAP_FAILED);
    let place = place.cast::<Count>();
    // JUSTIFICATION: as above.
    // SAFETY: the mapping is large enough, aligned to a page, and nobody else knows it.
    unsafe { place.write(Count { calls: AtomicU32::new(0), hit: AtomicI64::new(-1) }) };
    // JUSTIFICATION: as above.
    // SAFETY: it has just been written, and lives until `Armed` is dropped.
    unsafe { &*place }
}

/// The clone says that it is one.
pub(super) fn enter_child(executes: bool) {
    SIDE.set(if executes { Side::Child } else { Side::Holder });
}

/// What this call is to answer instead of being made.
pub(super) fn strike(number: c_long) -> Option<Errno> {
    let aim = AIM.get().filter(|aim| aim.side == SIDE.get() && can_fail(number, aim.errno))?;
    let nth = aim.count.calls.fetch_add(1, Ordering::SeqCst).wrapping_add(1);
    if nth != aim.nth {
        return None;
    }
    aim.count.hit.store(number, Ordering::SeqCst);
    Some(Errno(aim.errno))
}

/// Whether the kernel could answer so at all: nothing is gained from what never happens.
fn can_fail(number: c_long, errno: i32) -> bool {
    match number {
        // Take what they are given, or are only asked about what is there.
        libc::SYS_exit_group | libc::SYS_rt_sigprocmask | libc::SYS_umask | libc::SYS_close => false,
        libc::SYS_waitid => errno == libc::EINTR,
        // Of a child of ours, by its descriptor: it can only be gone.
        libc::SYS_pidfd_send_signal => errno == libc::ESRCH,
        _ => true,
    }
}
