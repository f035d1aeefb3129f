//! One output of the program, on its way to the caller: bounded, and never waited for.

use std::os::fd::{BorrowedFd, OwnedFd};

use nix::errno::Errno;

use crate::native::Outlet;

/// As long as so much is on the way, nothing more is read from the guest.
const ENOUGH: usize = 65_536;

/// Where an output goes.
#[derive(Debug)]
pub(crate) struct Output {
    outlet: Option<Outlet>,
    pending: Vec<u8>,
}

impl Output {
    /// To a descriptor of the caller.
    pub(crate) fn new(to: OwnedFd) -> Self {
        Self { outlet: Some(Outlet::new(to)), pending: Vec::new() }
    }

    /// Takes what the program wrote. Nobody reads it: it is dropped.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        if self.outlet.is_some() {
            self.pending.extend_from_slice(bytes);
        }
    }

    /// Writes what fits now. Answers whether the reader has gone just now; an error is one of ours.
    pub(crate) fn turn(&mut self) -> Result<bool, Errno> {
        let Some(outlet) = &self.outlet else { return Ok(false) };
        match outlet.offer(&self.pending) {
            Ok(length) => {
                self.pending.drain(..length.min(self.pending.len()));
                Ok(false)
            }
            Err(Errno::EAGAIN | Errno::EINTR) => Ok(false),
            Err(errno) => {
                self.outlet = None;
                self.pending.clear();
                // A reader that is gone is no failure: the program will be told by its own next write.
                if matches!(errno, Errno::EPIPE | Errno::ECONNRESET) { Ok(true) } else { Err(errno) }
            }
        }
    }

    /// What to wait for.
    pub(crate) fn waiting(&self) -> Option<BorrowedFd<'_>> {
        self.outlet.as_ref().filter(|_| !self.pending.is_empty()).map(Outlet::descriptor)
    }

    /// Whether more may come.
    pub(crate) fn has_room(&self) -> bool {
        self.pending.len() < ENOUGH
    }
}
