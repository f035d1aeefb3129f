//! Bytes in both directions, once the first of the client have been looked at.

use std::net::TcpStream;
use std::os::fd::AsFd as _;
use std::time::Instant;

use super::connection::Shared;
use super::hello::{self, Hello, LONGEST_HELLO};
use super::host::{Destination, Host};
use super::judge::Grants;
use super::tally::EgressReason;
use crate::relay::{Held, Over, Pair};

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
    pub(super) fn run(self, first: Vec<u8>) -> Result<(), EgressReason> {
        let Self { client, server, to, unseen, shared } = self;
        let mut pair = Pair::new((client, server), LONGEST_HELLO, first);
        if !unseen || greet(&mut pair, to, shared)? {
            pair.run(shared.stopped.as_fd(), Some(shared.times.idle));
        }
        Ok(())
    }
}

/// Keeps what the client says until it has been looked at. Whether the connection goes on.
fn greet(pair: &mut Pair, to: &Destination, shared: &Shared) -> Result<bool, EgressReason> {
    // Where TLS must be spoken, the server has nothing to say before the client's greeting has been seen.
    let held = Held { client: true, server: to.port == TLS_PORT };
    let begun = Instant::now();
    loop {
        let (first, ended) = pair.said();
        let has_begun = !first.is_empty();
        match look(first, to, &shared.grants) {
            Some(answer) => return answer.map(|()| true),
            None if ended && !has_begun => return Ok(true),
            None if ended => return Err(EgressReason::OtherServerName),
            None => {}
        }
        if !pair.pass(held) {
            return Ok(false);
        }
        // A greeting that has begun, or has to come, comes soon.
        let strict = to.port == TLS_PORT || has_begun;
        let (since, patience) =
            if strict { (begun, shared.times.head) } else { (pair.moved(), shared.times.idle) };
        match pair.turn(held, shared.stopped.as_fd(), since.checked_add(patience)) {
            Ok(true) => {}
            Err(Over::Late) if strict => return Err(EgressReason::TooSlowOrLong),
            Ok(false) | Err(_) => return Ok(false),
        }
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
