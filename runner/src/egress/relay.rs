//! Bytes in both directions, once the first of the client have been looked at.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::os::fd::AsFd as _;
use std::time::Instant;

use nix::poll::PollFlags;

use super::connection::Shared;
use super::hello::{self, Hello, LONGEST_HELLO};
use super::host::{Destination, Host};
use super::judge::Grants;
use super::tally::EgressReason;
use super::wait::{self, Over};

/// How much of each direction is held here.
const ROOM: usize = LONGEST_HELLO;

/// The port where nothing but TLS is spoken.
const TLS_PORT: u16 = 443;

/// Whether these first bytes may go on to that destination; nothing while that cannot be said.
///
/// SECURITY: without this a granted name that shares its addresses with others (a CDN) would open all of them.
pub(super) fn look(first: &[u8], to: &Destination, grants: &Grants) -> Option<Result<(), EgressReason>> {
    let named = match (hello::read(first), to.port) {
        (Hello::Partial, _) => return None,
        (Hello::Other | Hello::Malformed, TLS_PORT) => return Some(Err(EgressReason::NotTls)),
        (Hello::Other, _) => return Some(Ok(())),
        (Hello::Malformed, _) => return Some(Err(EgressReason::OtherServerName)),
        (Hello::Greets(named), _) => named,
    };
    let fits = match (&to.host, named) {
        (Host::Name(asked), Some(named)) => *asked == named,
        (Host::Name(_), None) => false,
        (Host::Address(_), None) => true,
        // Whoever goes to an address by its number names a server that could have been asked for.
        (Host::Address(_), Some(named)) => {
            Host::parse(&named).is_some_and(|host| grants.covers(&Destination { host, port: to.port }))
        }
    };
    Some(if fits { Ok(()) } else { Err(EgressReason::OtherServerName) })
}

/// One direction.
#[derive(Default)]
struct Flow {
    held: Vec<u8>,
    /// Its source says nothing more.
    ended: bool,
    /// Its target has been told so.
    told: bool,
}

impl Flow {
    const fn has_room(&self) -> bool {
        !self.ended && self.held.len() < ROOM
    }

    fn fill(&mut self, source: &mut TcpStream) -> io::Result<()> {
        let mut bytes = [0; 4096];
        match source.read(&mut bytes) {
            Ok(0) => self.ended = true,
            Ok(count) => self.held.extend_from_slice(bytes.get(..count).unwrap_or_default()),
            Err(error) if passes(&error) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn drain(&mut self, target: &mut TcpStream) -> io::Result<()> {
        if !self.held.is_empty() {
            match target.write(&self.held) {
                Ok(count) => drop(self.held.drain(..count.min(self.held.len()))),
                Err(error) if passes(&error) => {}
                Err(error) => return Err(error),
            }
        }
        if self.ended && self.held.is_empty() && !self.told {
            self.told = true;
            target.shutdown(Shutdown::Write)?;
        }
        Ok(())
    }
}

fn passes(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

/// Both directions of a connection.
pub(super) struct Relay<'a> {
    pub(super) client: TcpStream,
    pub(super) server: TcpStream,
    pub(super) to: &'a Destination,
    /// Whether the client's bytes are still to be looked at.
    pub(super) unseen: bool,
    pub(super) shared: &'a Shared,
}

impl Relay<'_> {
    /// Goes on until both sides are done, nothing moves for too long, or the sandbox has ended. `first` is what the client
    /// has said already.
    pub(super) fn run(mut self, first: Vec<u8>) -> Result<(), EgressReason> {
        let (mut up, mut down) = (Flow { held: first, ..Flow::default() }, Flow::default());
        let begun = Instant::now();
        let mut moved = begun;
        loop {
            if self.unseen {
                self.look(&up)?;
            }
            if !self.unseen && up.drain(&mut self.server).is_err() || down.drain(&mut self.client).is_err() {
                return Ok(());
            }
            if up.told && down.told {
                return Ok(());
            }
            // A greeting that has begun, or has to come, comes soon.
            let strict = self.unseen && (self.to.port == TLS_PORT || !up.held.is_empty());
            let patience = if strict { self.shared.times.head } else { self.shared.times.idle };
            let since = if strict { begun } else { moved };
            let deadline = since.checked_add(patience).unwrap_or(since);
            match self.turn(&mut up, &mut down, deadline) {
                Ok(true) => moved = Instant::now(),
                Err(Over::Late) if strict => return Err(EgressReason::TooSlowOrLong),
                Ok(false) | Err(_) => return Ok(()),
            }
        }
    }

    fn look(&mut self, up: &Flow) -> Result<(), EgressReason> {
        match look(&up.held, self.to, &self.shared.grants) {
            Some(answer) => {
                answer?;
                self.unseen = false;
            }
            None if up.ended && up.held.is_empty() => self.unseen = false,
            None if up.ended => return Err(EgressReason::OtherServerName),
            None => {}
        }
        Ok(())
    }

    /// Waits, and reads what is there. Whether the connection goes on.
    fn turn(&mut self, up: &mut Flow, down: &mut Flow, deadline: Instant) -> Result<bool, Over> {
        let flag = |wanted, flag| if wanted { flag } else { PollFlags::empty() };
        // Where TLS must be spoken, the server has nothing to say before the client's greeting has been seen.
        let silent = self.unseen && self.to.port == TLS_PORT;
        let client = flag(up.has_room(), PollFlags::POLLIN) | flag(!down.held.is_empty(), PollFlags::POLLOUT);
        let server = flag(down.has_room() && !silent, PollFlags::POLLIN)
            | flag(!up.held.is_empty() && !self.unseen, PollFlags::POLLOUT);
        let wanted = [(self.client.as_fd(), client), (self.server.as_fd(), server)];
        let ready = wait::any(&wanted, self.shared.stopped.as_fd(), Some(deadline))?;
        let broken = PollFlags::POLLERR | PollFlags::POLLHUP;
        for ((_, wanted), ready) in wanted.iter().zip(&ready) {
            // Nothing is wanted of it, and it is gone: waiting on would spin.
            if wanted.is_empty() && ready.intersects(broken) {
                return Ok(false);
            }
        }
        let has_news = |ready: Option<&PollFlags>| {
            ready.is_some_and(|ready| ready.intersects(broken | PollFlags::POLLIN))
        };
        let (from_client, from_server) = (has_news(ready.first()), has_news(ready.get(1)));
        let failed = from_client && up.has_room() && up.fill(&mut self.client).is_err()
            || from_server && down.has_room() && !silent && down.fill(&mut self.server).is_err();
        Ok(!failed)
    }
}

#[cfg(test)]
mod tests {
    use super::super::hello::tests::greeting;
    use super::*;

    #[test]
    fn port_443_is_for_tls_that_names_the_host() {
        let grants = Grants::try_from(vec!["*.b.example:443".to_owned(), "1.1.1.1:443".to_owned()]).unwrap();
        let look = |first: &[u8], to: &str| look(first, &Destination::parse(to).unwrap(), &grants);
        assert_eq!(look(&greeting(Some("a.b.example")), "a.b.example:443"), Some(Ok(())));
        let other = Some(Err(EgressReason::OtherServerName));
        assert_eq!(
            look(&greeting(Some("c.b.example")), "a.b.example:443"),
            other,
            "granted, and not asked for"
        );
        assert_eq!(look(&greeting(None), "a.b.example:443"), other);
        assert_eq!(look(&greeting(None), "1.1.1.1:443"), Some(Ok(())));
        assert_eq!(look(&greeting(Some("c.b.example")), "1.1.1.1:443"), Some(Ok(())));
        assert_eq!(look(&greeting(Some("b.other")), "1.1.1.1:443"), other);
        for first in [&b"GET / HTTP/1.1\r\n"[..], b"SSH-2.0-x", &[22, 9, 9, 0, 1]] {
            assert_eq!(look(first, "a.b.example:443"), Some(Err(EgressReason::NotTls)));
        }
        assert_eq!(look(b"SSH-2.0-x", "a.example:22"), Some(Ok(())));
        assert_eq!(look(b"", "a.example:22"), None);
    }
}
