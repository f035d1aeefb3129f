//! Getting a token, and deciding who may see the password.

use std::io::Read as _;
use std::time::Instant;

use base64::Engine as _;

use super::access::Access;
use super::challenge::Challenge;
use super::client::{Client, Question};
use super::credentials::{Credentials, Secret};
use super::place::Place;
use crate::json::{MAX_DEPTH, Object, parse_strict};
use crate::limits::MAX_ANSWER;
use crate::source::ReadError;

/// Who is asked, and on whose behalf.
#[derive(Debug)]
pub(super) struct Asker<'a> {
    pub(super) client: &'a Client,
    pub(super) access: &'a Access,
    /// The registry's own address.
    pub(super) registry: &'a Place,
    /// The repository's path: the only thing a token is asked for.
    pub(super) path: &'a str,
    /// When everything must have come.
    pub(super) deadline: Option<Instant>,
}

/// What to send from now on, and why not more.
#[derive(Debug, Clone)]
pub(super) struct Granted {
    pub(super) authorization: Option<Secret>,
    /// What to tell a person if that was not enough.
    pub(super) note: String,
}

impl Asker<'_> {
    /// Meets a registry's demand.
    pub(super) fn meet(&self, challenge: &Challenge, what: &str) -> Result<Granted, ReadError> {
        match challenge {
            Challenge::Basic => Ok(Granted { authorization: self.basic(), note: self.note() }),
            Challenge::Bearer { realm, service } => self.token(realm, service.as_deref(), what),
        }
    }

    fn basic(&self) -> Option<Secret> {
        let Credentials::Basic { user, password } = &self.access.credentials else { return None };
        let pair = format!("{user}:{}", password.reveal());
        let encoded = base64::engine::general_purpose::STANDARD.encode(pair);
        Some(Secret::new(format!("Basic {encoded}")))
    }

    fn note(&self) -> String {
        match &self.access.credentials {
            Credentials::None => "it wants credentials: put them in docker's credential file".to_owned(),
            Credentials::Basic { .. } => "the credentials given are not accepted".to_owned(),
            Credentials::Helper { name } => format!(
                "its credentials are kept by the program `docker-credential-{name}`, which is not started: \
                 put them in docker's credential file"
            ),
        }
    }

    /// Whether the password may go to the place that hands out tokens.
    // SECURITY: a registry names that place itself, so a hostile one could name a listener of its own for a
    // password that is meant for another (CVE-2019-10214, CVE-2025-27403). Only the registry's own host, docker
    // hub's well-known one, and those that the caller lists may see it, and only encrypted or on this machine.
    fn trusts(&self, realm: &Place) -> bool {
        let host = realm.host();
        host == self.registry.host()
            || (self.registry.host() == "registry-1.docker.io" && host == "auth.docker.io")
            || self.access.token_hosts.contains(host)
    }

    fn token(&self, realm: &str, service: Option<&str>, what: &str) -> Result<Granted, ReadError> {
        // Only a registry that is itself allowed to be plain may have a plain realm beside it.
        let place = self.registry.follow(realm);
        let scope = format!("repository:{}:pull", self.path);
        let mut question = Question {
            place: self.registry.clone(),
            accept: None,
            authorization: None,
            what,
            size: MAX_ANSWER,
            deadline: self.deadline,
        };
        let place = place.map_err(|what| self.client.refuse(&question, "a token from", what))?;
        let mut pairs = Vec::new();
        pairs.extend(service.map(|service| ("service", service)));
        pairs.push(("scope", scope.as_str()));
        let address = place.with_query(&pairs);
        question.place = self
            .registry
            .follow(&address)
            .map_err(|what| self.client.refuse(&question, "a token from", what))?;
        let basic = self.basic();
        let trusted = self.trusts(&place);
        question.authorization = basic.as_ref().filter(|_| trusted).map(Secret::reveal);
        let answer = self.client.ask(&question)?;
        let note = if basic.is_some() && !trusted {
            let host: String = place.host().chars().take(100).collect();
            format!("the credentials were not sent to {host}, which is another host than the registry's")
        } else {
            self.note()
        };
        let status = answer.status().as_u16();
        if matches!(status, 401 | 403) {
            return Ok(Granted { authorization: None, note });
        }
        if status != 200 {
            let registry = place.host().to_owned();
            return Err(ReadError::Status { registry, what: format!("a token for {what}"), status });
        }
        let mut bytes = Vec::new();
        let mut body = answer.into_body().into_reader().take(MAX_ANSWER.saturating_add(1));
        body.read_to_end(&mut bytes).map_err(|error| ReadError::from_io("a token", error))?;
        let token = read_token(&bytes)?;
        Ok(Granted { authorization: Some(Secret::new(format!("Bearer {token}"))), note })
    }
}

/// Whether an answer holds a token that can be used.
pub(crate) fn grants(bytes: &[u8]) -> bool {
    read_token(bytes).is_ok()
}

/// The token in the answer: printable, so that it cannot add a header of its own.
fn read_token(bytes: &[u8]) -> Result<String, ReadError> {
    let bad = |reason: &str| ReadError::Malformed { what: "the token".to_owned(), reason: reason.to_owned() };
    if u64::try_from(bytes.len()).map_or(true, |len| len > MAX_ANSWER) {
        return Err(bad("it is longer than is read"));
    }
    // The parser's own words could quote the token.
    let value = parse_strict(bytes, MAX_DEPTH).map_err(|_| bad("the answer is not JSON"))?;
    let object = Object::new("token", &value).map_err(|_| bad("the answer is not an object"))?;
    let either = object.optional_string("token").or_else(|_| object.optional_string("access_token"));
    let found = either.ok().flatten().or(object.optional_string("access_token").ok().flatten());
    let token = found.ok_or_else(|| bad("the answer has none"))?;
    if token.len() > 64 * 1024 || !token.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(bad("it has characters that tokens do not have"));
    }
    Ok(token.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_under_either_name_and_cannot_add_a_header() {
        assert_eq!(read_token(br#"{"token":"abc"}"#).unwrap(), "abc");
        assert_eq!(read_token(br#"{"access_token":"abc"}"#).unwrap(), "abc");
        for bytes in [
            br#"{"token":"a\r\nx: y"}"#.as_slice(),
            br#"{"token":""}"#,
            br#"{"token":"a","token":"b"}"#,
            b"{}",
            b"[]",
            b"nonsense",
        ] {
            assert!(read_token(bytes).is_err());
        }
    }
}
