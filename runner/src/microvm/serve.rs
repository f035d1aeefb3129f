//! The body of the helper process that stays with one machine: this very program, executed again.

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::Instant;

use super::disk::memory_disk;
use super::monitor::Monitor;
use super::order::VmOrder;
use super::report::{FailureKind, VmReport};
use super::session::{Given, Session};
use crate::native::{receive, send};

/// Takes one order with four descriptors (the three streams and the image's folder), stays until the machine is gone, and
/// answers with a [`VmReport`]. Meanwhile it takes `{"signal": n}`. When the other end closes, everything ends.
pub(crate) fn serve(control: &UnixStream) -> io::Result<()> {
    let Some((bytes, descriptors)) = receive(control)? else { return Ok(()) };
    match run(control, &bytes, descriptors) {
        Some(report) => send(control, &serde_json::to_vec(&report)?, &[]),
        None => Ok(()),
    }
}

/// Nothing when nobody waits for an answer any more.
fn run(control: &UnixStream, bytes: &[u8], descriptors: Vec<OwnedFd>) -> Option<VmReport> {
    let begun = Instant::now();
    let order: VmOrder = match serde_json::from_slice(bytes) {
        Ok(order) => order,
        Err(error) => return Some(VmReport::failed(FailureKind::Order, &error)),
    };
    let Ok([stdin, stdout, stderr, root]) = <[OwnedFd; 4]>::try_from(descriptors) else {
        return Some(VmReport::failed(FailureKind::Order, &"an order has four descriptors"));
    };
    let (disk, totals) = match memory_disk(&order, root.as_fd()) {
        Ok(made) => made,
        Err(error) => return Some(VmReport::failed(FailureKind::Image, &error)),
    };
    drop(root);
    let monitor = match Monitor::start(&order, &disk, order.size(totals)) {
        Ok(monitor) => monitor,
        Err(error) => {
            let why = format!("cannot start {}: {error}", order.machine.program.display());
            return Some(VmReport::failed(FailureKind::Monitor, &why));
        }
    };
    drop(disk);
    let given = Given { stdin, stdout, stderr };
    Session::new(control, monitor, &order, given, begun).stay()
}
