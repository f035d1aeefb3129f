//! Sockets that are made inside and used outside: a connection that begins with one begins inside, whoever has it.
#![expect(unsafe_code, reason = "addresses and counts are passed to the kernel as it lays them out")]
#![expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    reason = "registers: numbers and descriptors travel as machine words, as the kernel's ABI says"
)]

use core::ffi::c_int;
use core::mem::size_of;
use std::os::fd::{AsRawFd as _, BorrowedFd, RawFd};

use perry_sandbox_policy::Protocol;

use super::call::{self, NONE, Result, exclusive, fd, inet_socket, int, shared, sys};

/// First byte of a report: a socket for what comes to a published port, as a descriptor beside it.
pub(crate) const REPORT_SOCKET: u8 = b'C';

/// Makes so many in this network namespace and sends them to the report.
///
/// SECURITY: each is closed here whatever comes of it: the sandbox must not have what its publisher speaks through.
pub(super) fn make(report: RawFd, protocol: Protocol, count: u16) -> Result<()> {
    let kind = match protocol {
        Protocol::Tcp => libc::SOCK_STREAM,
        Protocol::Udp => libc::SOCK_DGRAM,
    };
    for _ in 0..count {
        let socket = inet_socket(kind)?;
        let answer = call::send(report, &[REPORT_SOCKET], Some(socket));
        call::close(socket);
        answer?;
    }
    Ok(())
}

/// Ends the connection of a socket, which can begin another then.
pub(crate) fn disconnect(socket: BorrowedFd<'_>) -> Result<()> {
    let nowhere = libc::sockaddr { sa_family: libc::AF_UNSPEC as libc::sa_family_t, sa_data: [0; 14] };
    let size = int(size_of::<libc::sockaddr>() as i64);
    // JUSTIFICATION: nix has no address of this family.
    // SAFETY: the address is a `struct sockaddr` of the stated size, and only read.
    unsafe { sys(libc::SYS_connect, [fd(socket.as_raw_fd()), shared(&nowhere), size, NONE, NONE]) }.map(drop)
}

/// How many bytes the other side has not taken yet.
pub(crate) fn unsent(socket: BorrowedFd<'_>) -> Result<c_int> {
    let mut count: c_int = 0;
    let request = int(libc::TIOCOUTQ as i64);
    // JUSTIFICATION: nix has no safe wrapper for this request.
    // SAFETY: TIOCOUTQ, of a socket SIOCOUTQ, writes one int.
    unsafe { sys(libc::SYS_ioctl, [fd(socket.as_raw_fd()), request, exclusive(&mut count), NONE, NONE]) }?;
    Ok(count)
}
