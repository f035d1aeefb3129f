//! The thread that carries datagrams between published ports and a sandbox.

use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::PollFlags;
use nix::sys::socket::{MsgFlags, SockaddrIn, connect, recv, send};

use super::bind::DatagramPort;
use super::envelope::{Caller, receive, reply};
use crate::native::disconnect;
use crate::relay::{Over, any};

/// SECURITY: after so much silence of a caller nothing is sent to it any more: somebody else may have spoken in its name.
const SILENCE: Duration = Duration::from_secs(120);
/// The longest datagram.
const LONGEST: usize = 65_535;
/// How many are taken from one socket before it is the next one's turn.
const BURST: usize = 32;

/// Everything that one sandbox hears by datagrams, and what it answers.
#[derive(Debug)]
pub(super) struct Exchange {
    ports: Vec<DatagramPort>,
    /// Sockets inside by which nobody is heard.
    free: Vec<OwnedFd>,
    flows: Vec<Flow>,
    /// Closed at its other end when the sandbox has ended.
    stopped: OwnedFd,
}

/// One caller of one port.
#[derive(Debug)]
struct Flow {
    port: usize,
    caller: Caller,
    /// Connected to the port inside: it hears that, and nobody else there.
    inside: OwnedFd,
    /// When the caller was heard last.
    heard: Instant,
}

impl Exchange {
    pub(super) const fn new(ports: Vec<DatagramPort>, free: Vec<OwnedFd>, stopped: OwnedFd) -> Self {
        Self { ports, free, flows: Vec::new(), stopped }
    }

    /// Goes on until the sandbox has ended.
    pub(super) fn attend(mut self) {
        let mut bytes = vec![0; LONGEST];
        loop {
            let ready = match self.wait() {
                Ok(ready) => ready,
                Err(Over::Late) => Vec::new(),
                Err(Over::Ended | Over::Failed) => return,
            };
            let is_ready = |at: usize| ready.get(at).is_some_and(|flags| !flags.is_empty());
            let ports = self.ports.len();
            for (flow, _) in self.flows.iter().zip(ports..).filter(|(_, at)| is_ready(*at)) {
                self.answer(flow, &mut bytes);
            }
            for port in (0..ports).filter(|at| is_ready(*at)) {
                self.hear(port, &mut bytes);
            }
            self.forget();
        }
    }

    /// What is ready of the ports, and then of the flows.
    fn wait(&self) -> Result<Vec<PollFlags>, Over> {
        let ports = self.ports.iter().map(|port| port.socket.as_fd());
        let sockets = ports.chain(self.flows.iter().map(|flow| flow.inside.as_fd()));
        let wanted: Vec<_> = sockets.map(|socket| (socket, PollFlags::POLLIN)).collect();
        let oldest = self.flows.iter().map(|flow| flow.heard).min();
        any(&wanted, self.stopped.as_fd(), oldest.and_then(|heard| heard.checked_add(SILENCE)))
    }

    /// What comes from inside goes to the caller. What cannot be sent is lost, as datagrams are.
    fn answer(&self, flow: &Flow, bytes: &mut [u8]) {
        let Some(port) = self.ports.get(flow.port) else { return };
        for _ in 0..BURST {
            match recv(flow.inside.as_raw_fd(), bytes, MsgFlags::MSG_DONTWAIT) {
                Ok(length) => {
                    let _ = reply(&port.socket, &flow.caller, bytes.get(..length).unwrap_or_default());
                }
                Err(Errno::EAGAIN) => return,
                // Nobody listens there: that is said once for each datagram.
                Err(_) => {}
            }
        }
    }

    /// What comes from outside goes to the port inside.
    fn hear(&mut self, port: usize, bytes: &mut [u8]) {
        for _ in 0..BURST {
            let heard = self.ports.get(port).map(|port| receive(&port.socket, bytes));
            match heard {
                Some(Ok((length, caller))) => {
                    if let Some(flow) = self.flow(port, caller) {
                        flow.heard = Instant::now();
                        let text = bytes.get(..length).unwrap_or_default();
                        // What cannot be sent is lost, as datagrams are.
                        let _ = send(flow.inside.as_raw_fd(), text, MsgFlags::MSG_DONTWAIT);
                    }
                }
                None | Some(Err(Errno::EAGAIN)) => return,
                Some(Err(_)) => {}
            }
        }
    }

    /// The flow of a caller, which may be new. Where there is no room, who has been silent the longest has none any more.
    fn flow(&mut self, port: usize, caller: Caller) -> Option<&mut Flow> {
        let known = self.flows.iter().position(|flow| flow.port == port && flow.caller == caller);
        if let Some(known) = known {
            return self.flows.get_mut(known);
        }
        if self.free.is_empty() {
            let silent = self.flows.iter().zip(0_usize..).min_by_key(|(flow, _)| flow.heard);
            let (_, at) = silent?;
            self.end(at);
        }
        let inside = self.free.pop()?;
        let to = SockaddrIn::new(127, 0, 0, 1, self.ports.get(port)?.inside.get());
        connect(inside.as_raw_fd(), &to).ok()?;
        self.flows.push(Flow { port, caller, inside, heard: Instant::now() });
        self.flows.last_mut()
    }

    fn forget(&mut self) {
        let is_over = |flow: &Flow| flow.heard.elapsed() >= SILENCE;
        while let Some(at) = self.flows.iter().position(is_over) {
            self.end(at);
        }
    }

    fn end(&mut self, at: usize) {
        let flow = self.flows.swap_remove(at);
        // One that cannot be used again is closed.
        if hush(flow.inside.as_fd()).is_ok() {
            self.free.push(flow.inside);
        }
    }
}

/// SECURITY: whatever was meant for the last caller is not sent to the next. With its connection the socket loses its port
/// too, so nothing comes after this.
fn hush(socket: BorrowedFd<'_>) -> io::Result<()> {
    disconnect(socket)?;
    loop {
        match recv(socket.as_raw_fd(), &mut [0], MsgFlags::MSG_DONTWAIT) {
            Ok(_) | Err(Errno::ECONNREFUSED) => {}
            Err(Errno::EAGAIN) => return Ok(()),
            Err(errno) => return Err(errno.into()),
        }
    }
}
