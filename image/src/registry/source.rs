//! The registry as a source of one repository's content.

use std::collections::VecDeque;
use std::fmt;
use std::io::Read;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use perry_sandbox_reference::{Digest, Repository, Tag};
use ureq::Body;
use ureq::http::Response;

use super::access::Access;
use super::auth::{Asker, Granted};
use super::challenge::{self, Challenge};
use super::client::{Client, Question};
use super::credentials::Secret;
use super::place::Place;
use crate::descriptor::Descriptor;
use crate::limits::MAX_MANIFEST;
use crate::manifest::{RawManifest, is_manifest_type};
use crate::source::{ReadError, Source, Verified};

const ACCEPT: &str = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, \
                      application/vnd.docker.distribution.manifest.list.v2+json, \
                      application/vnd.docker.distribution.manifest.v2+json";
/// How many manifests are kept in memory, so that what was read by tag is not fetched again by digest.
const KEPT: usize = 16;

/// One repository of a registry. Nothing that it says is taken on trust: bytes are hashed here, and the
/// digest that a registry names in a header is not even looked at.
pub struct Registry {
    pub(super) repository: Repository,
    pub(super) host: Place,
    access: Access,
    client: Client,
    state: Mutex<State>,
    /// Held by whoever gets a token: several requests that are refused at once need one, not one each.
    log_in: Mutex<()>,
}

#[derive(Default)]
struct State {
    /// What the registry's demand was met with last.
    granted: Option<Granted>,
    /// How often that was.
    logged_in: u64,
    manifests: VecDeque<(Digest, RawManifest)>,
    deadline: Option<Instant>,
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry").field("repository", &self.repository).finish_non_exhaustive()
    }
}

impl Registry {
    /// Prepares to ask a registry; nothing is sent yet.
    ///
    /// # Errors
    /// [`ReadError`] when the proxy or the trusted certificates are not usable.
    pub fn new(repository: Repository, access: Access) -> Result<Self, ReadError> {
        let plain = access.is_plain(&repository);
        let name = repository.registry();
        let host = if name == "docker.io" { "registry-1.docker.io" } else { name };
        let unusable = |reason: &str| ReadError::Unsafe {
            registry: name.to_owned(),
            what: "a connection".to_owned(),
            reason: reason.to_owned(),
        };
        let host = Place::registry(host, "/v2/", plain).map_err(unusable)?;
        let client = Client::new(&access, name, repository.is_loopback(), plain)?;
        Ok(Self { repository, host, access, client, state: Mutex::default(), log_in: Mutex::default() })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An address of this repository.
    pub(super) fn at(&self, rest: &str) -> Result<Place, ReadError> {
        let target = format!("/v2/{}/{rest}", self.repository.path());
        self.host.follow(&target).map_err(|reason| ReadError::Unsafe {
            registry: self.repository.registry().to_owned(),
            what: rest.to_owned(),
            reason: reason.to_owned(),
        })
    }

    /// Asks, meeting the registry's demand for a token or password once.
    pub(super) fn ask(
        &self,
        place: &Place,
        accept: Option<&str>,
        what: &str,
        size: u64,
    ) -> Result<Response<Body>, ReadError> {
        let ask = |authorization: Option<&Secret>| {
            let authorization = authorization.map(Secret::reveal);
            let deadline = self.state().deadline;
            self.client.ask(&Question { place: place.clone(), accept, authorization, what, size, deadline })
        };
        let (known, logged_in) = self.granted();
        let answer = ask(known.and_then(|it| it.authorization).as_ref())?;
        if answer.status().as_u16() != 401 {
            return self.permitted(answer, what, "it does not say why");
        }
        let headers = answer.headers().get_all("www-authenticate").iter();
        let Some(wanted) = challenge::parse(headers.filter_map(|it| it.to_str().ok())) else {
            return Err(self.denied(what, "it wants a kind of credentials that is not known here"));
        };
        drop(answer);
        let granted = self.log_in(&wanted, logged_in, what)?;
        let Some(authorization) = granted.authorization else {
            return Err(self.denied(what, &granted.note));
        };
        let answer = ask(Some(&authorization))?;
        self.permitted(answer, what, &granted.note)
    }

    fn granted(&self) -> (Option<Granted>, u64) {
        let state = self.state();
        (state.granted.clone(), state.logged_in)
    }

    /// Meets the demand, or takes what another request was granted since `logged_in`.
    fn log_in(&self, wanted: &Challenge, logged_in: u64, what: &str) -> Result<Granted, ReadError> {
        let _turn = self.log_in.lock().unwrap_or_else(PoisonError::into_inner);
        if let (Some(granted), times) = self.granted()
            && times != logged_in
        {
            return Ok(granted);
        }
        let deadline = self.state().deadline;
        let asker = Asker {
            client: &self.client,
            access: &self.access,
            registry: &self.host,
            path: self.repository.path(),
            deadline,
        };
        let granted = asker.meet(wanted, what)?;
        let mut state = self.state();
        if granted.authorization.is_some() {
            state.granted = Some(granted.clone());
            state.logged_in = state.logged_in.saturating_add(1);
        }
        Ok(granted)
    }

    fn permitted(&self, answer: Response<Body>, what: &str, note: &str) -> Result<Response<Body>, ReadError> {
        if matches!(answer.status().as_u16(), 401 | 403) {
            return Err(self.denied(what, note));
        }
        Ok(answer)
    }

    fn denied(&self, what: &str, reason: &str) -> ReadError {
        ReadError::Denied {
            registry: self.repository.registry().to_owned(),
            what: what.to_owned(),
            reason: reason.to_owned(),
        }
    }

    pub(super) fn unexpected(&self, what: &str, status: u16) -> ReadError {
        ReadError::Status { registry: self.repository.registry().to_owned(), what: what.to_owned(), status }
    }

    /// Fetches a manifest by tag or digest: its bytes and media type, or `None`.
    pub(super) fn fetch_manifest(&self, name: &str) -> Result<Option<RawManifest>, ReadError> {
        let what = format!("the manifest {}:{name}", self.repository.path());
        let place = self.at(&format!("manifests/{name}"))?;
        let answer = self.ask(&place, Some(ACCEPT), &what, MAX_MANIFEST)?;
        match answer.status().as_u16() {
            200 => {}
            404 => return Ok(None),
            status => return Err(self.unexpected(&what, status)),
        }
        let kind = answer.headers().get("content-type").and_then(|it| it.to_str().ok());
        let kind = kind.and_then(|it| it.split(';').next()).map(|it| it.trim().to_owned());
        let media_type = kind.filter(|it| is_manifest_type(it));
        let bytes = read_bounded(answer, &what, MAX_MANIFEST)?;
        Ok(Some(RawManifest { bytes, media_type }))
    }

    fn keep(&self, digest: Digest, manifest: RawManifest) {
        let mut state = self.state();
        if state.manifests.len() >= KEPT {
            state.manifests.pop_front();
        }
        state.manifests.push_back((digest, manifest));
    }

    fn kept(&self, digest: &Digest) -> Option<RawManifest> {
        let state = self.state();
        state.manifests.iter().find(|(known, _)| known == digest).map(|(_, manifest)| manifest.clone())
    }
}

/// Reads an answer of at most `limit` bytes.
pub(super) fn read_bounded(answer: Response<Body>, what: &str, limit: u64) -> Result<Vec<u8>, ReadError> {
    let too_large = |size| ReadError::TooLarge { what: what.to_owned(), size, limit };
    if let Some(size) = answer.body().content_length().filter(|size| *size > limit) {
        return Err(too_large(size));
    }
    let mut bytes = Vec::new();
    let mut body = answer.into_body().into_reader().take(limit.saturating_add(1));
    body.read_to_end(&mut bytes).map_err(|error| ReadError::from_io(what, error))?;
    let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    if size > limit { Err(too_large(size)) } else { Ok(bytes) }
}

impl Source for Registry {
    fn tag(&self, tag: &str) -> Result<Option<Digest>, ReadError> {
        // What is not a tag by the grammar can name nothing, and must not reach an address.
        let Ok(tag) = tag.parse::<Tag>() else { return Ok(None) };
        let Some(manifest) = self.fetch_manifest(tag.as_str())? else { return Ok(None) };
        let digest = Digest::of(&manifest.bytes);
        self.keep(digest.clone(), manifest);
        Ok(Some(digest))
    }

    fn manifest(&self, digest: &Digest) -> Result<Option<RawManifest>, ReadError> {
        if let Some(known) = self.kept(digest) {
            return Ok(Some(known));
        }
        let Some(manifest) = self.fetch_manifest(digest.as_str())? else { return Ok(None) };
        let size = u64::try_from(manifest.bytes.len()).ok();
        let mut checked = Vec::new();
        Verified::new(manifest.bytes.as_slice(), digest, size, MAX_MANIFEST)?
            .read_to_end(&mut checked)
            .map_err(|error| ReadError::from_io(digest.to_string(), error))?;
        self.keep(digest.clone(), manifest.clone());
        Ok(Some(manifest))
    }

    fn blob(
        &self,
        digest: &Digest,
        size: Option<u64>,
        cap: u64,
    ) -> Result<Box<dyn Read + Send + '_>, ReadError> {
        if let Some(size) = size.filter(|size| *size > cap) {
            return Err(ReadError::TooLarge { what: digest.to_string(), size, limit: cap });
        }
        let what = format!("the blob {digest} of {}", self.repository.path());
        let place = self.at(&format!("blobs/{digest}"))?;
        let answer = self.ask(&place, None, &what, size.unwrap_or(cap))?;
        match answer.status().as_u16() {
            200 => {}
            404 => {
                return Err(ReadError::NotFound {
                    what: format!(
                        "{what} in {}: check the repository, and the tag or digest",
                        self.describe()
                    ),
                });
            }
            status => return Err(self.unexpected(&what, status)),
        }
        if let (Some(found), Some(declared)) = (answer.body().content_length(), size)
            && found != declared
        {
            let found = format!("the registry announces {found}");
            return Err(ReadError::Size { digest: digest.clone(), declared, found });
        }
        Ok(Box::new(Verified::new(answer.into_body().into_reader(), digest, size, cap)?))
    }

    fn referrers(&self, subject: &Digest) -> Result<Vec<Descriptor>, ReadError> {
        self.list_referrers(subject)
    }

    fn set_deadline(&self, deadline: Option<Instant>) {
        self.state().deadline = deadline;
    }

    fn repository(&self) -> Option<&Repository> {
        Some(&self.repository)
    }

    fn describe(&self) -> String {
        self.repository.to_string()
    }
}
