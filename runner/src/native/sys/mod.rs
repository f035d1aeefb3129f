//! The only unsafe code of the crate: raw system calls, and what runs between clone and exec.
//!
//! [`call`] and [`mount`] wrap one kernel call each in a safe function. [`child`] is the program that runs in the new
//! process, [`restrict`] what it takes away from itself; they may use nothing but these wrappers.

mod call;
mod call_room;
mod child;
mod door;
#[cfg(test)]
mod fault;
mod file;
mod landlock;
mod mount;
mod notify;
mod parent;
mod passage;
mod probe;
mod program;
mod restrict;
mod spawn;

pub(crate) use call::{Errno, close_from, exit_now, signal_by_pidfd};
pub(crate) use call_room::{LONGEST_CALL, MOST_WORDS};
pub(crate) use child::{
    JOINED_AS, Pointers, REPORT_FAILURE, REPORT_READY, REPORT_ROOM, REPORT_TERMINAL, TERMINAL_TAKEN,
};
pub(crate) use door::{REPORT_DOOR, REPORT_NAMES};
#[cfg(test)]
pub(crate) use fault::{Armed, Side};
pub(crate) use landlock::landlock_abi;
pub(crate) use mount::{
    MountAttributes, clone_host, clone_tree, device_at, make_device, map_tree, map_trees, new_tmpfs,
    open_beneath, open_inside, open_source, owner_of, set_attributes, tmpfs_knows,
};
pub(crate) use notify::{REPORT_LISTENER, next_notice, reply};
pub(crate) use parent::{
    CloneRequest, Cloned, Exit, NoBrokenPipeSignal, adopt, clone_into, is_privileged, open_pidfd,
    peek_exited, set_window, wait_exit,
};
pub(crate) use passage::{REPORT_SOCKET, disconnect, unsent};
pub(crate) use probe::try_namespaces;
pub(crate) use spawn::{Walls, spawn_walled};

#[cfg(feature = "wasm")]
pub(crate) use self::{
    call::filter_every_thread,
    mount::{leave_host, set_attributes_below},
    restrict::restrict_self,
};
