//! Requests and what is answered to them.

use std::time::Duration;

use perry_sandbox_reference::Digest;
use serde_json::{Value, json};

use crate::http::{Answer, Body, Pieces, Request};
use crate::sigstore::b64;

use super::options::{Hostile, LogIn};
use super::push;
use super::state::State;

const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// How many of very many referrers stand on one page.
const USUAL_PAGE: usize = 100;
const TOKEN: &str = "the-test-token";

/// Answers one request.
pub(crate) fn answer(state: &mut State, request: &Request) -> Answer {
    for hostile in &mut state.options.hostile {
        if let Hostile::Busy { times, status } = hostile
            && *times > 0
        {
            *times -= 1;
            return Answer::new(*status);
        }
    }
    let plain = honest(state, request);
    match state.options.hostile.iter().find(|hostile| concerns(hostile, &request.path)) {
        None => plain,
        Some(Hostile::Answer { body, .. }) => typed(request, Answer::new(200)).bytes(body.to_vec()),
        Some(Hostile::Endless { start, .. }) => {
            Answer { body: Body::Endless(start.clone()), ..typed(request, Answer::new(200)) }
        }
        Some(Hostile::Redirect { to, .. }) => Answer::new(307).header("Location", to),
        Some(Hostile::Slow { pause, .. }) => slowly(plain, *pause),
        Some(_) => plain,
    }
}

/// Whether something hostile is about this path.
fn concerns(hostile: &Hostile, path: &str) -> bool {
    match hostile {
        Hostile::Answer { part, .. }
        | Hostile::Endless { part, .. }
        | Hostile::Redirect { part, .. }
        | Hostile::Slow { part, .. } => path.contains(part.as_str()),
        _ => false,
    }
}

/// The media type that is expected at a path.
fn typed(request: &Request, answer: Answer) -> Answer {
    let kind = if request.path.contains("/referrers/") { OCI_INDEX } else { OCI_MANIFEST };
    answer.header("Content-Type", kind)
}

fn slowly(answer: Answer, pause: Duration) -> Answer {
    match answer.body {
        Body::Bytes(bytes) => Answer { body: Body::Slow(bytes, pause), ..answer },
        _ => answer,
    }
}

fn honest(state: &mut State, request: &Request) -> Answer {
    if request.path == "/token" {
        return token(state, request);
    }
    if let Some(refusal) = refuse(state, request) {
        return refusal;
    }
    let Some(rest) = request.path.strip_prefix("/v2/") else { return Answer::new(404) };
    if rest.is_empty() {
        return Answer::new(200).bytes(b"{}".as_slice());
    }
    for kind in ["blobs/uploads", "blobs", "manifests", "referrers", "tags"] {
        let Some((path, name)) = rest.rsplit_once(&format!("/{kind}/")) else { continue };
        let (path, name) = (path.to_owned(), name.to_owned());
        return match (kind, request.method.as_str()) {
            ("blobs/uploads", _) => push::upload(state, request, &path, &name),
            ("blobs", "GET" | "HEAD") => blob(state, &path, &name),
            ("manifests", "GET" | "HEAD") => manifest(state, &path, &name),
            ("manifests", "PUT") => push::manifest(state, request, &path, &name),
            ("manifests", "DELETE") => push::delete(state, &path, &name),
            ("referrers", "GET") => referrers(state, request, &path, &name),
            ("tags", "GET") => tags(state, &path),
            _ => Answer::new(405),
        };
    }
    Answer::new(404)
}

pub(crate) fn error(status: u16, code: &str) -> Answer {
    let body = json!({"errors": [{"code": code, "message": code}]});
    Answer::new(status).header("Content-Type", "application/json").bytes(body.to_string())
}

fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", b64(format!("{user}:{password}")))
}

fn refuse(state: &State, request: &Request) -> Option<Answer> {
    let sent = request.header("authorization");
    let (wanted, challenge) = match &state.options.log_in {
        LogIn::Nobody => return None,
        LogIn::Basic { user, password } => (basic(user, password), "Basic realm=\"test\"".to_owned()),
        LogIn::Bearer { realm, .. } => {
            let own = format!("http://{}/token", state.address);
            let realm = realm.clone().unwrap_or(own);
            let challenge = format!("Bearer realm=\"{realm}\",service=\"test\",scope=\"repository:x:pull\"");
            (format!("Bearer {TOKEN}"), challenge)
        }
    };
    let refused = sent != Some(wanted.as_str());
    refused.then(|| error(401, "UNAUTHORIZED").header("WWW-Authenticate", &challenge))
}

fn token(state: &State, request: &Request) -> Answer {
    let LogIn::Bearer { account, .. } = &state.options.log_in else { return Answer::new(404) };
    let wanted = account.as_ref().map(|(user, password)| basic(user, password));
    if wanted.is_some() && request.header("authorization") != wanted.as_deref() {
        return error(401, "UNAUTHORIZED");
    }
    let body = json!({"token": TOKEN, "access_token": TOKEN, "expires_in": 300});
    Answer::new(200).header("Content-Type", "application/json").bytes(body.to_string())
}

fn blob(state: &State, path: &str, name: &str) -> Answer {
    let found = name.parse::<Digest>().ok().and_then(|digest| {
        let shelf = state.shelves.get(path)?;
        let manifest = || shelf.manifests.get(&digest).map(|(_, bytes)| bytes);
        shelf.blobs.get(&digest).or_else(manifest).cloned()
    });
    let Some(mut bytes) = found else { return error(404, "BLOB_UNKNOWN") };
    let answer = Answer::new(200)
        .header("Content-Type", "application/octet-stream")
        .header("Docker-Content-Digest", name);
    for hostile in &state.options.hostile {
        match hostile {
            Hostile::EndlessBlobs => return Answer { body: Body::Endless(Vec::new()), ..answer },
            Hostile::RedirectBlobs(to) => return Answer::new(307).header("Location", &format!("{to}{name}")),
            Hostile::RedirectLoop => {
                return Answer::new(302).header("Location", &format!("/v2/{path}/blobs/{name}"));
            }
            Hostile::FlippedBlobs => {
                if let Some(last) = bytes.last_mut() {
                    *last ^= 1;
                }
            }
            Hostile::CutBlobs => {
                let half = bytes.len() / 2;
                let body = Body::Announced(bytes.len() as u64, bytes[..half].to_vec());
                return Answer { body, ..answer };
            }
            _ => {}
        }
    }
    answer.bytes(bytes)
}

fn manifest(state: &mut State, path: &str, name: &str) -> Answer {
    let by_digest = name.parse::<Digest>().ok();
    let asked = state.tag_requests.entry(name.to_owned()).or_default();
    *asked += 1;
    let moved = state.options.hostile.iter().find_map(|hostile| match hostile {
        Hostile::MovedTag { tag, to } if tag == name && *asked > 1 => to.parse::<Digest>().ok(),
        _ => None,
    });
    let found = state.shelves.get(path).and_then(|shelf| {
        let digest = moved.or_else(|| by_digest.clone()).or_else(|| shelf.tags.get(name).cloned())?;
        shelf.manifests.get(&digest).map(|(kind, bytes)| (digest, kind.clone(), bytes.clone()))
    });
    let Some((digest, mut kind, mut bytes)) = found else { return error(404, "MANIFEST_UNKNOWN") };
    let mut body = None;
    for hostile in &state.options.hostile {
        match hostile {
            Hostile::EndlessManifests => body = Some(Body::Endless(Vec::new())),
            Hostile::HugeLength(length) => body = Some(Body::Announced(*length, bytes.clone())),
            Hostile::MediaType(other) => kind.clone_from(other),
            Hostile::FlippedManifests if by_digest.is_some() => {
                if let Some(byte) = bytes.iter_mut().rev().find(|byte| byte.is_ascii_alphanumeric()) {
                    *byte ^= 1;
                }
            }
            _ => {}
        }
    }
    let body = body.unwrap_or(Body::Bytes(bytes));
    let answer = Answer { body, ..Answer::new(200) };
    answer.header("Content-Type", &kind).header("Docker-Content-Digest", digest.as_str())
}

fn referrers(state: &State, request: &Request, path: &str, name: &str) -> Answer {
    if !state.options.referrers {
        return error(404, "NOT_FOUND");
    }
    let many = state.options.hostile.iter().find_map(|hostile| match hostile {
        Hostile::ManyReferrers(count) => Some(*count),
        _ => None,
    });
    if let Some(count) = many {
        return many_referrers(state, request, count);
    }
    let mut list: Vec<Value> = Vec::new();
    for (digest, (kind, bytes)) in state.shelves.get(path).iter().flat_map(|shelf| &shelf.manifests) {
        let Ok(body) = serde_json::from_slice::<Value>(bytes) else { continue };
        if body["subject"]["digest"] == name {
            let artifact = if body["artifactType"].is_string() {
                body["artifactType"].clone()
            } else {
                body["config"]["mediaType"].clone()
            };
            list.push(json!({
                "mediaType": kind, "digest": digest.as_str(), "size": bytes.len(),
                "artifactType": artifact, "annotations": body["annotations"],
            }));
        }
    }
    let start: usize = request.query("from").and_then(|it| it.parse().ok()).unwrap_or(0);
    let page = state.options.page.unwrap_or(usize::MAX);
    let endless = state.options.hostile.contains(&Hostile::EndlessPages);
    let shown: Vec<_> = if endless {
        list.iter().take(page).cloned().collect()
    } else {
        list.iter().skip(start).take(page).cloned().collect()
    };
    let mut answer = Answer::new(200).header("Content-Type", OCI_INDEX);
    if endless || start.saturating_add(page) < list.len() {
        let next = format!("/v2/{path}/referrers/{name}?from={}", start.saturating_add(page.min(1000)));
        answer = answer.header("Link", &format!("<{next}>; rel=\"next\""));
    }
    for hostile in &state.options.hostile {
        if let Hostile::NextPage(to) = hostile {
            answer = answer.header("Link", &format!("<{to}>; rel=\"next\""));
        }
    }
    let body = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": shown});
    answer.bytes(body.to_string())
}

/// Referrers that are not there: all on one page, or on pages.
fn many_referrers(state: &State, request: &Request, count: usize) -> Answer {
    let start: usize = request.query("from").and_then(|it| it.parse().ok()).unwrap_or(0);
    let page = state.options.page.map_or(count, |page| page.min(USUAL_PAGE));
    let end = count.min(start.saturating_add(page));
    let mut answer = Answer::new(200).header("Content-Type", OCI_INDEX);
    if end < count {
        answer = answer.header("Link", &format!("<{}?from={end}>; rel=\"next\"", request.path));
    }
    let entry = move |at: usize| {
        let comma = if at > start { "," } else { "" };
        let digest = Digest::of(&at.to_le_bytes());
        format!(r#"{comma}{{"mediaType":"{OCI_MANIFEST}","digest":"{digest}","size":700}}"#).into_bytes()
    };
    let open = format!(r#"{{"schemaVersion":2,"mediaType":"{OCI_INDEX}","manifests":["#).into_bytes();
    let pieces = [open].into_iter().chain((start..end).map(entry)).chain([b"]}".to_vec()]);
    Answer { body: Body::Made(Pieces(Box::new(pieces))), ..answer }
}

fn tags(state: &State, path: &str) -> Answer {
    let Some(shelf) = state.shelves.get(path) else { return error(404, "NAME_UNKNOWN") };
    let body = json!({"name": path, "tags": shelf.tags.keys().collect::<Vec<_>>()});
    Answer::new(200).header("Content-Type", "application/json").bytes(body.to_string())
}
