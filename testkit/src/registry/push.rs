//! Pushing, so that the real `skopeo`, `crane`, and `cosign` can fill the registry.

use perry_sandbox_reference::Digest;
use serde_json::Value;

use super::answer::error;
use super::state::{Shelf, State};
use crate::http::{Answer, Request};

/// Uploads: begun with POST, filled with PATCH, ended with PUT; or all at once with POST.
pub(crate) fn upload(state: &mut State, request: &Request, path: &str, id: &str) -> Answer {
    let id = match request.method.as_str() {
        "POST" => {
            state.uploads += 1;
            format!("upload-{}", state.uploads)
        }
        _ => id.to_owned(),
    };
    let shelf = state.shelves.entry(path.to_owned()).or_default();
    let bytes = match request.method.as_str() {
        "POST" => shelf.uploads.entry(id.clone()).or_default(),
        "PATCH" | "PUT" | "GET" => match shelf.uploads.get_mut(&id) {
            Some(bytes) => bytes,
            None => return error(404, "BLOB_UPLOAD_UNKNOWN"),
        },
        "DELETE" => {
            shelf.uploads.remove(&id);
            return Answer::new(204);
        }
        _ => return Answer::new(405),
    };
    bytes.extend_from_slice(&request.body);
    let place = format!("/v2/{path}/blobs/uploads/{id}");
    let end = bytes.len().saturating_sub(1);
    match request.query("digest") {
        Some(digest) if request.method != "PATCH" => finish(shelf, &id, path, digest),
        _ => {
            let status = if request.method == "GET" { 204 } else { 202 };
            Answer::new(status)
                .header("Location", &place)
                .header("Range", &format!("0-{end}"))
                .header("Docker-Upload-UUID", &id)
        }
    }
}

fn finish(shelf: &mut Shelf, id: &str, path: &str, digest: &str) -> Answer {
    let bytes = shelf.uploads.remove(id).unwrap_or_default();
    match digest.parse::<Digest>() {
        Ok(digest) if digest.matches(&bytes) => {
            let place = format!("/v2/{path}/blobs/{digest}");
            let answer = Answer::new(201).header("Location", &place);
            let answer = answer.header("Docker-Content-Digest", digest.as_str());
            shelf.blobs.insert(digest, bytes);
            answer
        }
        _ => error(400, "DIGEST_INVALID"),
    }
}

/// Stores a manifest under its digest, and under a tag if it was put there.
pub(crate) fn manifest(state: &mut State, request: &Request, path: &str, name: &str) -> Answer {
    let listed = state.options.referrers;
    let shelf = state.shelves.entry(path.to_owned()).or_default();
    let digest = match name.parse::<Digest>() {
        Ok(digest) if digest.matches(&request.body) => digest,
        Ok(_) => return error(400, "DIGEST_INVALID"),
        Err(_) => {
            let digest = Digest::of(&request.body);
            shelf.tags.insert(name.to_owned(), digest.clone());
            digest
        }
    };
    let kind = request.header("content-type").unwrap_or("application/octet-stream").to_owned();
    let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    shelf.manifests.insert(digest.clone(), (kind, request.body.clone()));
    let mut answer = Answer::new(201)
        .header("Location", &format!("/v2/{path}/manifests/{digest}"))
        .header("Docker-Content-Digest", digest.as_str());
    if let Some(subject) = body["subject"]["digest"].as_str().filter(|_| listed) {
        answer = answer.header("OCI-Subject", subject);
    }
    answer
}

/// Removes a tag or a manifest.
pub(crate) fn delete(state: &mut State, path: &str, name: &str) -> Answer {
    let Some(shelf) = state.shelves.get_mut(path) else { return error(404, "NAME_UNKNOWN") };
    let removed = match name.parse::<Digest>() {
        Ok(digest) => shelf.manifests.remove(&digest).is_some(),
        Err(_) => shelf.tags.remove(name).is_some(),
    };
    if removed { Answer::new(202) } else { error(404, "MANIFEST_UNKNOWN") }
}
