//! The two sockets of a sandbox with an egress grant: made inside, sent out, and closed here.
#![expect(unsafe_code, reason = "addresses are passed to the kernel as it lays them out")]
#![expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    reason = "registers: numbers and descriptors travel as machine words, as the kernel's ABI says"
)]

use core::mem::size_of;
use std::os::fd::RawFd;

use perry_sandbox_policy::EGRESS_PROXY_PORT;

use super::call::{self, NONE, Result, fd, inet_socket, int, shared, sys};
use crate::egress::NAMES_PORT;

/// First byte of a report: where the proxy listens, as a descriptor beside it.
pub(crate) const REPORT_DOOR: u8 = b'D';
/// First byte of a report: where names are asked for, as a descriptor beside it.
pub(crate) const REPORT_NAMES: u8 = b'N';

/// Connections that wait until the proxy takes them.
const QUEUE: i64 = 128;

/// Binds both to the loopback of this network namespace and sends them to the report.
pub(super) fn open(report: RawFd) -> Result<()> {
    hand_over(libc::SOCK_STREAM, EGRESS_PROXY_PORT, (report, REPORT_DOOR))?;
    hand_over(libc::SOCK_DGRAM, NAMES_PORT, (report, REPORT_NAMES))
}

/// SECURITY: closed here whatever comes of it: the sandbox must not accept on a socket of its proxy.
fn hand_over(kind: i32, port: u16, (report, word): (RawFd, u8)) -> Result<()> {
    let socket = inet_socket(kind)?;
    let answer = bind(socket, port)
        .and_then(|()| if word == REPORT_DOOR { listen(socket) } else { Ok(()) })
        .and_then(|()| call::send(report, &[word], Some(socket)));
    call::close(socket);
    answer
}

fn bind(socket: RawFd, port: u16) -> Result<()> {
    let address = libc::sockaddr_in {
        sin_family: libc::AF_INET as libc::sa_family_t,
        sin_port: port.to_be(),
        sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes([127, 0, 0, 1]) },
        sin_zero: [0; 8],
    };
    let size = int(size_of::<libc::sockaddr_in>() as i64);
    // JUSTIFICATION: raw, to stay clear of the C library between clone and exec.
    // SAFETY: the address is a `struct sockaddr_in` of the stated size, and only read.
    unsafe { sys(libc::SYS_bind, [fd(socket), shared(&address), size, NONE, NONE]) }.map(drop)
}

fn listen(socket: RawFd) -> Result<()> {
    // JUSTIFICATION: raw, to stay clear of the C library between clone and exec.
    // SAFETY: takes numbers only.
    unsafe { sys(libc::SYS_listen, [fd(socket), int(QUEUE), NONE, NONE, NONE]) }.map(drop)
}
