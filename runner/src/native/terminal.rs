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

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;
    use std::process::Command;
    use std::time::{Duration, Instant};

    use super::super::signals::{Delivery, Hands};
    use super::super::supervise::{Company, Counting, supervise};
    use super::super::sys::open_pidfd;
    use super::super::tests::bounds;
    use super::*;

    /// A client whose program has some time to go.
    struct Client {
        since: Instant,
        lasts: Duration,
    }

    impl Hands for Client {
        fn signal(&self, _: i32) -> Delivery {
            Delivery::Sent
        }

        fn kill(&self) {}

        fn has_ended(&self) -> bool {
            self.since.elapsed() >= self.lasts
        }
    }

    /// What a client hears that is given no input, in so many seconds.
    fn heard(lasts: Duration, seconds: &str) -> Vec<u8> {
        let (report, silence) = UnixStream::pair().unwrap();
        let mut running = Running::new(report.into(), 0);
        let [stdin, stdout, stderr] = running.plug_terminal(Streams::captured(), (24, 80)).unwrap();
        let mut client = Command::new("timeout");
        client.args([seconds, "head", "-c", "1"]).stdin(stdin).stdout(stdout).stderr(stderr);
        let mut child = client.spawn().unwrap();
        drop(client);
        running.process = Some((i32::try_from(child.id()).unwrap(), open_pidfd(child.id()).unwrap()));
        // The program runs.
        drop(silence);
        let hands = Client { since: Instant::now(), lasts };
        let company = Company { hands: Some(&hands), ..Company::of(Counting::Others) };
        let ended = supervise(running, &bounds(), None, company).unwrap();
        assert!(child.wait().is_err(), "it is collected by its descriptor");
        ended.stdout
    }

    #[test]
    fn an_engines_client_hears_the_end_of_the_input_unless_its_program_has_ended() {
        assert_eq!(heard(Duration::MAX, "60"), b"\x04", "a program that goes on");
        assert_eq!(heard(Duration::from_millis(30), "1"), b"", "a program that ends by itself in a moment");
    }
}
