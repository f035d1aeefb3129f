//! What was let out and what was not, for the outcome: a program's own message rarely says why it got no connection.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

/// How many refusals are told apart; all are counted.
const NAMED: usize = 16;

/// What a sandbox with an egress grant did with it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct EgressUse {
    /// Connections that were made.
    pub allowed: u64,
    /// Connections and questions for a name that were refused.
    pub refused: u64,
    /// The first different refusals.
    pub refusals: Vec<EgressRefusal>,
}

/// One refusal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct EgressRefusal {
    /// Where the program wanted to go, as `host:port`, or `host` where it only asked for a name; nothing where that could
    /// not be read. The program's own choice of words, within the bounds of a host name.
    pub to: Option<String>,
    /// Why it did not.
    pub reason: EgressReason,
}

/// Why somebody was not let out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EgressReason {
    /// No grant of the plan covers host and port.
    NotGranted,
    /// The request is not one that the proxy understands: not CONNECT, `http://` or SOCKS5, or malformed.
    BadRequest,
    /// The request did not come in time, or was too long.
    TooSlowOrLong,
    /// The name has no address.
    NoAddress,
    /// Every address of it is link-local, a metadata service, or of the host or a private network and not granted as such.
    AddressBarred,
    /// Nobody answers there.
    Unreachable,
    /// Port 443 is for TLS.
    NotTls,
    /// The TLS greeting names no server, or another one.
    OtherServerName,
}

impl EgressReason {
    /// Why, for people.
    pub const fn why(self) -> &'static str {
        match self {
            Self::NotGranted => "no egress grant covers it",
            Self::BadRequest => {
                "the request was not CONNECT, http:// or SOCKS5, or its host was not plainly written"
            }
            Self::TooSlowOrLong => "the request was too slow or too long",
            Self::NoAddress => "the host's resolver has no address for it",
            Self::AddressBarred => {
                "it leads to a link-local, metadata, private or loopback address that no grant names"
            }
            Self::Unreachable => "nobody answers there",
            Self::NotTls => "port 443 is for TLS",
            Self::OtherServerName => "the TLS greeting names no server or another one",
        }
    }
}

impl fmt::Display for EgressRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.to.as_deref().unwrap_or("a request"), self.reason.why())
    }
}

/// Counts.
#[derive(Debug, Default)]
pub(super) struct Tally(Mutex<EgressUse>);

impl Tally {
    pub(super) fn allow(&self) {
        let mut sum = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sum.allowed = sum.allowed.saturating_add(1);
    }

    pub(super) fn refuse(&self, to: Option<String>, reason: EgressReason) {
        let mut sum = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sum.refused = sum.refused.saturating_add(1);
        let refusal = EgressRefusal { to, reason };
        if sum.refusals.len() < NAMED && !sum.refusals.contains(&refusal) {
            sum.refusals.push(refusal);
        }
    }

    pub(super) fn sum(&self) -> EgressUse {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_refusals_are_counted_and_the_first_are_named_once() {
        let tally = Tally::default();
        for number in 0..40 {
            let to = Some(format!("h{}.example:1", number / 2));
            tally.refuse(to, EgressReason::NotGranted);
        }
        tally.allow();
        let sum = tally.sum();
        assert_eq!((sum.allowed, sum.refused, sum.refusals.len()), (1, 40, NAMED));
        assert_eq!(sum.refusals[1].to.as_deref(), Some("h1.example:1"));
    }
}
