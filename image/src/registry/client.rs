//! Requests: one at a time, followed where that is safe, tried again where that helps, bounded in time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ureq::http::{HeaderMap, Response, StatusCode};
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::unversioned::resolver::DefaultResolver;
use ureq::unversioned::transport::DefaultConnector;
use ureq::{Agent, Body, Proxy};

use super::access::{Access, Roots};
use super::addresses::Addresses;
use super::place::Place;
use crate::source::ReadError;

const MAX_REDIRECTS: usize = 5;
const MAX_HEADERS: usize = 64 * 1024;
/// First pause before another attempt; each one after is twice as long.
const PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// Slowest rate at which content may come on the whole, in bytes a second.
const SLOWEST: u64 = 32 * 1024;

/// What to ask for.
#[derive(Debug, Clone)]
pub(super) struct Question<'a> {
    /// Where.
    pub(super) place: Place,
    /// The media types that are understood.
    pub(super) accept: Option<&'a str>,
    /// The `Authorization` header; sent to this place's server only.
    pub(super) authorization: Option<&'a str>,
    /// What the answer will be called in messages.
    pub(super) what: &'a str,
    /// How many bytes are expected at most: bounds the time.
    pub(super) size: u64,
    /// When the answer must have come, whatever else is allowed.
    pub(super) deadline: Option<Instant>,
}

impl Question<'_> {
    /// The time that is left; `None` where it is not bounded.
    fn left(&self) -> Option<Duration> {
        Some(self.deadline?.saturating_duration_since(Instant::now()))
    }
}

/// An HTTP client for one server.
#[derive(Debug)]
pub(super) struct Client {
    agent: Agent,
    attempts: u32,
    patience: Duration,
    registry: String,
}

impl Client {
    /// `here`: the server is on this machine, and asked without a proxy. `plain`: it is asked without encryption.
    pub(super) fn new(access: &Access, registry: &str, here: bool, plain: bool) -> Result<Self, ReadError> {
        let unusable = |reason: String| ReadError::Transport {
            registry: registry.to_owned(),
            what: "a connection".to_owned(),
            reason,
        };
        let proxy = proxy(access).map_err(|_| unusable("the proxy's address is not usable".to_owned()))?;
        let mut builder = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_response_header_size(MAX_HEADERS)
            .user_agent(concat!("perry-sandbox/", env!("CARGO_PKG_VERSION")))
            .accept_encoding("identity")
            .proxy(proxy.filter(|_| !here))
            .timeout_resolve(Some(access.patience))
            .timeout_connect(Some(access.patience))
            .timeout_send_request(Some(access.patience))
            .timeout_recv_response(Some(access.patience))
            .timeout_per_read(Some(access.patience));
        if !plain || access.proxy.is_some() {
            builder = builder.tls_config(tls(&access.roots).map_err(unusable)?);
        }
        let addresses = Addresses::new(DefaultResolver::default());
        Ok(Self {
            agent: Agent::with_parts(builder.build(), DefaultConnector::default(), addresses),
            attempts: access.attempts.max(1),
            patience: access.patience,
            registry: registry.to_owned(),
        })
    }

    /// Asks, follows redirects, and tries again while the registry is busy or unreachable.
    pub(super) fn ask(&self, question: &Question<'_>) -> Result<Response<Body>, ReadError> {
        let mut pause = PAUSE;
        let mut attempt = 1_u32;
        loop {
            let last = attempt >= self.attempts;
            let outcome = self.ask_once(question);
            let wait = match &outcome {
                Ok(answer) if !last && is_busy(answer.status()) => {
                    retry_after(answer.headers()).unwrap_or(pause).min(LONGEST_PAUSE)
                }
                Err(ReadError::Transport { .. }) if !last => pause,
                _ => return outcome,
            };
            // Nothing is waited for that cannot come in time.
            if question.left().is_some_and(|left| left <= wait) {
                return outcome;
            }
            drop(outcome);
            std::thread::sleep(wait);
            pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
            attempt = attempt.saturating_add(1);
        }
    }

    fn ask_once(&self, question: &Question<'_>) -> Result<Response<Body>, ReadError> {
        let mut place = question.place.clone();
        for _ in 0..=MAX_REDIRECTS {
            let seconds = question.size.checked_div(SLOWEST).unwrap_or(0);
            let longest = self.patience.saturating_mul(2).saturating_add(Duration::from_secs(seconds));
            let longest = question.left().map_or(longest, |left| left.min(longest));
            if longest.is_zero() {
                return Err(self.late(question));
            }
            let mut request = self.agent.get(place.uri()).config().timeout_global(Some(longest)).build();
            if let Some(accept) = question.accept {
                request = request.header("accept", accept);
            }
            // SECURITY: another server never sees the registry's credentials or token.
            if let Some(value) = question.authorization.filter(|_| place.is_same_server(&question.place)) {
                request = request.header("authorization", value);
            }
            let answer = request.call().map_err(|error| self.unreachable(question, &error))?;
            let Some(target) = redirect(&answer) else { return Ok(answer) };
            place = place.follow(target).map_err(|what| self.refuse(question, "a redirect to", what))?;
        }
        Err(self.refuse(question, "more redirects than", "are followed"))
    }

    fn late(&self, question: &Question<'_>) -> ReadError {
        ReadError::Transport {
            registry: self.registry.clone(),
            what: question.what.to_owned(),
            reason: "the time that is allowed is over".to_owned(),
        }
    }

    fn unreachable(&self, question: &Question<'_>, error: &ureq::Error) -> ReadError {
        ReadError::Transport {
            registry: self.registry.clone(),
            what: question.what.to_owned(),
            reason: error.to_string().chars().take(300).collect(),
        }
    }

    pub(super) fn refuse(&self, question: &Question<'_>, wants: &str, what: &str) -> ReadError {
        ReadError::Unsafe {
            registry: self.registry.clone(),
            what: question.what.to_owned(),
            reason: format!("{wants} {what}"),
        }
    }
}

fn is_busy(status: StatusCode) -> bool {
    matches!(status.as_u16(), 429 | 500 | 502 | 503 | 504)
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get("retry-after")?.to_str().ok()?;
    text.trim().parse().ok().map(Duration::from_secs)
}

fn redirect(answer: &Response<Body>) -> Option<&str> {
    let moved = matches!(answer.status().as_u16(), 301 | 302 | 303 | 307 | 308);
    answer.headers().get("location").filter(|_| moved)?.to_str().ok()
}

fn proxy(access: &Access) -> Result<Option<Proxy>, ureq::Error> {
    let Some(address) = &access.proxy else { return Ok(None) };
    let plain = Proxy::new(address)?;
    let mut builder = Proxy::builder(plain.protocol()).host(plain.host()).port(plain.port());
    if let Some(user) = plain.username() {
        builder = builder.username(user);
    }
    if let Some(password) = plain.password() {
        builder = builder.password(password);
    }
    for host in &access.no_proxy {
        builder = builder.no_proxy(host);
    }
    builder.build().map(Some)
}

fn tls(roots: &Roots) -> Result<TlsConfig, String> {
    let found = match roots {
        Roots::System => rustls_native_certs::load_native_certs(),
        Roots::File(path) => rustls_native_certs::load_certs_from_paths(Some(path), None),
    };
    // A store with one damaged certificate is still a store; an empty one trusts nobody.
    if found.certs.is_empty() {
        return Err("no trusted certificates were found: install the system's `ca-certificates`".to_owned());
    }
    let certificates = found.certs.iter().map(|cert| Certificate::from_der(cert.as_ref()).to_owned());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    Ok(TlsConfig::builder()
        .root_certs(RootCerts::from(certificates))
        .unversioned_rustls_crypto_provider(provider)
        .build())
}
