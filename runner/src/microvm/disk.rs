//! The guest's memory disk: our program, its task, and the image, in memory that nobody else can open by a name.

use std::fs::File;
use std::io::BufWriter;
use std::os::fd::BorrowedFd;

use nix::fcntl::{FcntlArg, SealFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};

use super::cpio::{About, Bounds, CpioError, Kind, Totals, Writer};
use super::guest_program::guest_program;
use super::order::VmOrder;
use super::tree::{Owners, TreeError, append};
use crate::native::Ids;

/// The largest image: all of it is copied into memory, twice for a moment.
pub(crate) const BOUNDS: Bounds = Bounds { bytes: 2 << 30, entries: 400_000 };

/// Devices that our program needs before it has mounted anything: name, major, minor.
const DEVICES: [(&[u8], u32, u32); 3] = [(b"dev/null", 1, 3), (b"dev/console", 5, 1), (b"dev/ttyS0", 4, 64)];

/// Makes the memory disk. Nobody can change it any more, the monitor included.
pub(crate) fn memory_disk(order: &VmOrder, root: BorrowedFd<'_>) -> Result<(File, Totals), TreeError> {
    let io = |errno: nix::Error| TreeError::Ours(CpioError::Io(errno.into()));
    let file = memfd_create(c"microvm", MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING).map_err(io)?;
    let to = BufWriter::with_capacity(1 << 18, File::from(file));
    let (to, totals) = write(order, root, owners(order), to)?;
    let file = to.into_inner().map_err(|error| CpioError::Io(error.into_error()))?;
    let seals =
        SealFlag::F_SEAL_SEAL | SealFlag::F_SEAL_WRITE | SealFlag::F_SEAL_GROW | SealFlag::F_SEAL_SHRINK;
    fcntl(&file, FcntlArg::F_ADD_SEALS(seals)).map_err(io)?;
    Ok((file, totals))
}

/// As an ordinary user everything that was unpacked is that user's, and inside it is the sandbox's user's.
fn owners(order: &VmOrder) -> Owners {
    if nix::unistd::geteuid().is_root() || Ids::of_this_process() == Ids::Range {
        Owners::AsHere
    } else {
        Owners::One(order.settings.uid, order.settings.gid)
    }
}

fn write<W: std::io::Write>(
    order: &VmOrder,
    root: BorrowedFd<'_>,
    owners: Owners,
    to: W,
) -> Result<(W, Totals), TreeError> {
    let mut archive = Writer::new(to, BOUNDS);
    let mut put = |name: &[u8], mode: u32, mut bytes: &[u8]| {
        let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        archive.file(name, About::ours(mode), &mut bytes, (size, false))
    };
    put(b"init", 0o700, guest_program().unwrap_or_default())?;
    put(b"task", 0o600, &order.task().to_bytes())?;
    archive.add(b"dev", About::ours(0o755), Kind::Folder)?;
    for (name, major, minor) in DEVICES {
        archive.add(name, About::ours(0o600), Kind::Device(major, minor))?;
    }
    append(root, owners, BOUNDS.entries, &mut archive)?;
    Ok(archive.finish()?)
}
