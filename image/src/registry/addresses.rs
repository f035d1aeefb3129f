//! The addresses of a server, looked up once and not for each request: the client below would ask in a thread of its own
//! every time, even where a connection is open.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

/// How long an answer is used: the time of some requests, and shorter than most answers last.
const FRESH: Duration = Duration::from_secs(10);
/// More servers than one registry sends its clients to.
const MOST: usize = 8;

/// Remembers for a moment what another resolver says.
#[derive(Debug)]
pub(super) struct Addresses<R> {
    inner: R,
    known: Mutex<Vec<Known>>,
}

#[derive(Debug)]
struct Known {
    host: String,
    port: u16,
    until: Instant,
    addresses: ResolvedSocketAddrs,
}

impl<R> Addresses<R> {
    pub(super) fn new(inner: R) -> Self {
        Self { inner, known: Mutex::default() }
    }
}

impl<R: Resolver> Resolver for Addresses<R> {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let Some((host, port)) = uri.host().zip(port(uri)) else {
            return self.inner.resolve(uri, config, timeout);
        };
        if let Ok(address) = host.trim_matches(['[', ']']).parse::<IpAddr>() {
            let mut addresses = self.empty();
            addresses.push(SocketAddr::new(address, port));
            return Ok(addresses);
        }
        let now = Instant::now();
        let known = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let is_same = |it: &Known| it.host == host && it.port == port;
        if let Some(found) = known().iter().find(|it| is_same(it) && now < it.until) {
            return Ok(found.addresses.clone());
        }
        let addresses = self.inner.resolve(uri, config, timeout)?;
        let mut known = known();
        known.retain(|it| !is_same(it));
        if known.len() >= MOST {
            known.remove(0);
        }
        if let Some(until) = now.checked_add(FRESH) {
            known.push(Known { host: host.to_owned(), port, until, addresses: addresses.clone() });
        }
        Ok(addresses)
    }
}

fn port(uri: &Uri) -> Option<u16> {
    uri.port_u16().or(match uri.scheme_str() {
        Some("https") => Some(443),
        Some("http") => Some(80),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU8, Ordering};

    use ureq::Timeout;
    use ureq::unversioned::transport::time;

    use super::*;

    /// Gives another address each time.
    #[derive(Debug, Default)]
    struct Counting(AtomicU8);

    impl Resolver for Counting {
        fn resolve(&self, _: &Uri, _: &Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, ureq::Error> {
            let mut addresses = self.empty();
            let last = self.0.fetch_add(1, Ordering::Relaxed);
            addresses.push(SocketAddr::new([10, 0, 0, last].into(), 1));
            Ok(addresses)
        }
    }

    #[test]
    fn a_name_is_looked_up_once_and_an_address_never() {
        let addresses = Addresses::new(Counting::default());
        let find = |uri: &str| {
            let timeout = NextTimeout {
                after: time::Duration::NotHappening,
                reason: Timeout::Resolve,
                per_read: None,
                per_write: None,
            };
            let found = addresses.resolve(&uri.parse().unwrap(), &Config::default(), timeout).unwrap();
            found.first().unwrap().to_string()
        };
        assert_eq!(find("https://a.example/v2/"), "10.0.0.0:1");
        assert_eq!(find("https://a.example:443/v2/x"), "10.0.0.0:1");
        assert_eq!(find("https://b.example/"), "10.0.0.1:1");
        assert_eq!(find("http://a.example/"), "10.0.0.2:1");
        assert_eq!(find("http://127.0.0.1:5000/"), "127.0.0.1:5000");
        assert_eq!(find("https://[::1]/"), "[::1]:443");
        let names = (0..100).map(|at| find(&format!("https://{at}.example/"))).count();
        assert!(addresses.known.lock().unwrap().len() <= MOST && names == 100);
    }

    #[test]
    fn an_old_answer_is_looked_up_again() {
        let addresses = Addresses::new(Counting::default());
        let timeout = || NextTimeout {
            after: time::Duration::NotHappening,
            reason: Timeout::Resolve,
            per_read: None,
            per_write: None,
        };
        let find = || {
            addresses.resolve(&"https://a.example/".parse().unwrap(), &Config::default(), timeout()).unwrap()
        };
        let first = find().first().copied();
        addresses.known.lock().unwrap().iter_mut().for_each(|it| it.until = Instant::now());
        assert_ne!(first, find().first().copied());
    }
}
