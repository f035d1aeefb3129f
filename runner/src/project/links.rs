//! Network namespaces with a bridge, and the cables from it into sandboxes.

use std::fs::{self, File};
use std::io;
use std::net::Ipv4Addr;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::path::Path;
use std::thread;

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::net::if_::if_nametoindex;
use nix::sched::{CloneFlags, setns, unshare};
use serde::{Deserialize, Serialize};

use super::netlink::Route;
use crate::native::Slot;

/// The bridge of a network, in a namespace of its own.
const BRIDGE: &str = "bridge";

/// One cable: from a network's bridge into a sandbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Link {
    /// Which of the given networks.
    pub(crate) network: u8,
    /// The name of its end inside.
    pub(crate) inner: String,
    /// What the sandbox is called there.
    pub(crate) address: Ipv4Addr,
    /// How many bits of that are the network's.
    pub(crate) prefix: u32,
}

/// The end at the bridge. Two sandboxes never have the same address, so they never have the same name either.
fn outer(address: Ipv4Addr) -> String {
    format!("to{:08x}", address.to_bits())
}

/// Does something in another network namespace. In a thread of its own: what happens to that concerns nobody else.
fn inside<T: Send>(
    enter: impl FnOnce() -> nix::Result<()> + Send,
    work: impl FnOnce() -> io::Result<T> + Send,
) -> io::Result<T> {
    thread::scope(|scope| {
        let entered = move || {
            enter()?;
            work()
        };
        let thread = thread::Builder::new().spawn_scoped(scope, entered)?;
        thread.join().unwrap_or_else(|_| Err(io::Error::other("the thread that works there failed")))
    })
}

fn inside_of<T: Send>(
    namespace: BorrowedFd<'_>,
    work: impl FnOnce() -> io::Result<T> + Send,
) -> io::Result<T> {
    inside(|| setns(namespace, CloneFlags::CLONE_NEWNET), work)
}

/// SECURITY: a namespace may begin with the host's settings, and a host that routes would make routers of sandboxes.
fn never_route() -> io::Result<()> {
    // The kernel shows the settings of the network namespace of whoever opens the file.
    fs::write("/proc/sys/net/ipv4/ip_forward", "0")
}

/// Makes a namespace with a bridge, kept by `place`, a file of the host.
pub(super) fn make(place: &Path) -> io::Result<()> {
    File::create_new(place)?;
    inside(
        || unshare(CloneFlags::CLONE_NEWNET),
        || {
            furnish()?;
            let none = None::<&str>;
            Ok(mount(Some("/proc/thread-self/ns/net"), place, none, MsFlags::MS_BIND, none)?)
        },
    )
}

/// Makes the bridge in a new network namespace, which the thread is in.
pub(super) fn furnish() -> io::Result<()> {
    never_route()?;
    let route = Route::open()?;
    route.make_bridge(BRIDGE)?;
    let bridge = if_nametoindex(BRIDGE)?;
    route.quiet(bridge)?;
    route.up(bridge)
}

/// Lets go of it: with nobody in it, it is gone.
pub(super) fn unmake(place: &Path) -> io::Result<()> {
    match umount2(place, MntFlags::MNT_DETACH | MntFlags::UMOUNT_NOFOLLOW) {
        // Not there, or not mounted: a process that was killed has not come so far.
        Ok(()) | Err(nix::errno::Errno::ENOENT | nix::errno::Errno::EINVAL) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

/// Cuts the cable with that address, if there is one.
pub(super) fn cut(network: BorrowedFd<'_>, address: Ipv4Addr) -> io::Result<()> {
    inside_of(network, || Route::open()?.remove(&outer(address)))
}

/// Connects a sandbox, by a process in its network namespace, to all its networks.
pub(crate) fn connect(links: &[Link], given: &[(Slot, OwnedFd)], pid: i32) -> io::Result<()> {
    if links.is_empty() {
        return Ok(());
    }
    let sandbox = File::open(format!("/proc/{pid}/ns/net"))?;
    for link in links {
        let network = given.iter().find(|(slot, _)| *slot == Slot::Network(link.network));
        let (_, network) = network.ok_or(io::ErrorKind::NotFound)?;
        inside_of(network.as_fd(), || lay(link, sandbox.as_fd()))?;
    }
    inside_of(sandbox.as_fd(), || {
        never_route()?;
        links.iter().try_for_each(settle)
    })
}

/// In the network's namespace.
fn lay(link: &Link, sandbox: BorrowedFd<'_>) -> io::Result<()> {
    let (route, outer) = (Route::open()?, outer(link.address));
    // Of one that was killed a moment ago, whose namespace the kernel has not taken down yet.
    route.remove(&outer)?;
    route.make_pair((&outer, if_nametoindex(BRIDGE)?), (&link.inner, sandbox, link.address))?;
    let index = if_nametoindex(outer.as_str())?;
    route.quiet(index)?;
    route.up(index)
}

/// In the sandbox's.
fn settle(link: &Link) -> io::Result<()> {
    let (route, index) = (Route::open()?, if_nametoindex(link.inner.as_str())?);
    route.quiet(index)?;
    route.give(index, link.address, link.prefix)?;
    route.up(index)
}
