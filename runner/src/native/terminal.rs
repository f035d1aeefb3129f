//! A terminal before the client of an engine, which makes the sandbox's own.

use std::io;
use std::os::fd::OwnedFd;

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::pty::{OpenptyResult, Winsize, openpty};
use nix::sys::termios::{SetArg, cfmakeraw, tcgetattr, tcsetattr};

use super::pump::{Pump, never_block};
use super::report::Report;
use super::run::{bytes_and_source, pipe};
use super::supervise::{Running, Screen};
use crate::io::{Output, Streams};

impl Running {
    /// Makes a terminal for a client that passes on to the sandbox's own what goes through it: each byte as it is. What the
    /// client itself says comes apart from it.
    pub(crate) fn plug_terminal(&mut self, streams: Streams, window: (u16, u16)) -> io::Result<[OwnedFd; 3]> {
        let (rows, columns) = window;
        let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        let OpenptyResult { master, slave } = openpty(Some(&size), None)?;
        let mut mode = tcgetattr(&slave)?;
        cfmakeraw(&mut mode);
        tcsetattr(&slave, SetArg::TCSANOW, &mode)?;
        for side in [&master, &slave] {
            fcntl(side, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC))?;
        }
        let (words, stderr) = pipe()?;
        never_block(&words)?;
        let (bytes, source) = bytes_and_source(streams.stdin);
        self.screen = Some(Screen { bytes, source, sink: streams.stdout, size: window });
        self.outward = [None, Some(Pump::outward(words, Output::Capture))];
        self.heard.push(Report::Terminal(master));
        Ok([slave.try_clone()?, slave, stderr])
    }
}
