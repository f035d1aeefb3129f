//! The verified image on its way into an engine: from our own store, under the name of its content, and never from anywhere else.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use perry_sandbox_image::{FileStamp, Store};
use perry_sandbox_policy::{Control, LaunchPlan};
use perry_sandbox_verifier::VerifiedImage;

use super::docker::Socket;
use super::podman::Podman;
use super::tool::{Feed, ToolError};
use crate::demands::PlanError;
use crate::native::RunError;

/// How long an engine may take to answer about an image.
const LOOKING: Duration = Duration::from_secs(10);
/// How long it may take to load one.
const LOADING: Duration = Duration::from_secs(900);

/// What an engine calls the image: the digest of its configuration, which names its layers.
///
/// INVARIANT: engines compute this from what they loaded, with SHA-256, so what runs under it is what was verified.
pub(super) fn engine_id(plan: &LaunchPlan) -> Result<String, PlanError> {
    let id = plan.config.to_string();
    if id.starts_with("sha256:") {
        return Ok(id);
    }
    Err(PlanError::NotEnforceable {
        backend: "engine",
        control: Control::ReadOnlyRoot,
        why: format!("engines name images by SHA-256, and the image's configuration is {id}"),
        remedy: Some("use the backend `native`".to_owned()),
    })
}

/// A name that keeps an image from being pruned as nobody's. Nothing is ever run by it.
fn tag(id: &str) -> String {
    format!("localhost/perry-sandbox/verified:{}", id.replace(':', "-"))
}

/// Writes the archive, and remembers why it could not: the engine only sees that it ends early.
fn load<T>(
    store: &Store,
    image: &VerifiedImage,
    id: &str,
    give: impl FnOnce(Feed<'_>) -> Result<T, ToolError>,
) -> Result<T, RunError> {
    let mut failed = None;
    let answer = give(&mut |out: &mut dyn Write| {
        store.export(image.image(), &tag(id), out).map_err(|error| {
            let told = std::io::Error::other(error.to_string());
            failed = Some(error);
            told
        })
    });
    match (failed, answer) {
        // An engine that refused an archive early breaks the pipe: then its own words are the reason.
        (Some(error), Ok(_)) => Err(error.into()),
        (Some(error), Err(_)) if !matches!(error, perry_sandbox_image::StoreError::Export { .. }) => {
            Err(error.into())
        }
        (_, answer) => Ok(answer?),
    }
}

/// Gives podman the image, unless it has it.
pub(super) fn into_podman(
    podman: &Podman,
    (store, image): (&Store, &VerifiedImage),
    id: &str,
    runtime: &Path,
) -> Result<(), RunError> {
    Podman::furnish(runtime).map_err(RunError::Live)?;
    let known = runtime.join(format!("podman-{}.loaded", id.trim_start_matches("sha256:")));
    let stamp = FileStamp::of(podman.images());
    let remembered = fs::read(&known).ok().and_then(|text| serde_json::from_slice::<FileStamp>(&text).ok());
    if stamp.is_some() && stamp == remembered {
        return Ok(());
    }
    let there = podman.call(runtime, &["image", "exists", id]).run(LOOKING, None)?;
    if there.code != Some(0) {
        let call = podman.call(runtime, &["load", "--quiet"]);
        let said = load(store, image, id, |feed| call.run(LOADING, Some(feed)))?;
        if said.code != Some(0) {
            return Err(call.failed(&said).into());
        }
        let there = podman.call(runtime, &["image", "exists", id]);
        there
            .answer(LOOKING)
            .map_err(|_| call.unusable(format!("it has loaded something else than {id}")))?;
    }
    // Read again: it changes with every image. Best effort, since whoever does not find it asks.
    if let Some(stamp) = FileStamp::of(podman.images()) {
        drop(serde_json::to_vec(&stamp).map(|text| fs::write(&known, text)));
    }
    Ok(())
}

/// Gives a Docker engine the image, unless it has it.
pub(super) fn into_docker(
    socket: &Socket,
    (store, image): (&Store, &VerifiedImage),
    id: &str,
) -> Result<(), RunError> {
    let look = socket.exchange("GET", &format!("/images/{id}/json"));
    let found = look.ask(LOOKING)?;
    if found.status == 200 {
        return Ok(());
    }
    if found.status != 404 {
        return Err(look.failed(&found).into());
    }
    let upload = socket.exchange("POST", "/images/load?quiet=1");
    let said = load(store, image, id, |feed| upload.upload(LOADING, feed))?;
    // It answers 200 where it failed as well: what counts is whether it has the image now.
    if look.ask(LOOKING)?.status == 200 { Ok(()) } else { Err(upload.failed(&said).into()) }
}
