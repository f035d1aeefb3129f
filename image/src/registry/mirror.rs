//! Files below one address of a web server, read without credentials: for what proves itself by its own signatures.

use std::time::Instant;

use super::access::Access;
use super::client::{Client, Question};
use super::place::Place;
use super::source::read_bounded;
use crate::source::ReadError;

/// A folder on a web server.
#[derive(Debug)]
pub struct Mirror {
    base: Place,
    client: Client,
}

impl Mirror {
    /// Prepares to read below `address`, such as `https://mirror.example/keys`; nothing is sent yet. Plain http is for
    /// this machine only, and only where `access` allows it there. The credentials of `access` are not used.
    ///
    /// # Errors
    /// [`ReadError`] when the address, the proxy or the trusted certificates are not usable.
    pub fn new(address: &str, access: &Access) -> Result<Self, ReadError> {
        let base =
            Place::folder(address, access.is_plain_allowed_here()).map_err(|reason| ReadError::Unsafe {
                registry: address.chars().take(200).collect(),
                what: "a connection".to_owned(),
                reason: format!("to use {reason}"),
            })?;
        let client = Client::new(access, base.host(), base.is_here(), base.is_plain())?;
        Ok(Self { base, client })
    }

    /// A file of at most `limit` bytes, complete before `deadline`; `None` if it is not there.
    ///
    /// # Errors
    /// [`ReadError`] when the name is not one of plain components, the file is larger, or the server does not answer
    /// as it should.
    pub fn fetch(
        &self,
        name: &str,
        limit: u64,
        deadline: Option<Instant>,
    ) -> Result<Option<Vec<u8>>, ReadError> {
        let what = format!("the file {}", name.chars().take(200).collect::<String>());
        let server = || self.base.host().to_owned();
        // SECURITY: names come from signed lists, which may be signed by the wrong people.
        if !is_plain_name(name) {
            let reason = "its name is not made of plain components".to_owned();
            return Err(ReadError::Unsafe { registry: server(), what, reason });
        }
        let path = format!("{}/{name}", self.base.path().trim_end_matches('/'));
        let place = self.base.follow(&path).map_err(|reason| ReadError::Unsafe {
            registry: server(),
            what: what.clone(),
            reason: reason.to_owned(),
        })?;
        let question =
            Question { place, accept: None, authorization: None, what: &what, size: limit, deadline };
        let answer = self.client.ask(&question)?;
        match answer.status().as_u16() {
            200 => read_bounded(answer, &what, limit).map(Some),
            // Object stores say 403 for what is not there.
            403 | 404 => Ok(None),
            status => Err(ReadError::Status { registry: server(), what, status }),
        }
    }
}

fn is_plain_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    let component = |part: &str| !part.is_empty() && !part.starts_with('.') && part.bytes().all(plain);
    name.len() <= 300 && name.split('/').all(component)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_below_the_address() {
        for name in ["timestamp.json", "16.root.json", "targets/0a1b.trusted_root.json"] {
            assert!(is_plain_name(name), "{name}");
        }
        for name in
            ["", "/x", "../x", "a/../x", "a//b", "a/", ".x", "a?b", "a#b", "a%2fb", "a b", "a\\b", "a:b", "ä"]
        {
            assert!(!is_plain_name(name), "{name}");
        }
    }
}
