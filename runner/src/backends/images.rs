//! The verified image on its way into an engine: from our own store, under the name of its content, and never from anywhere else.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use perry_sandbox_image::{FileStamp, Store};
use perry_sandbox_policy::{Control, LaunchPlan};
use perry_sandbox_verifier::VerifiedImage;
use serde_json::Value;

use super::apple::Apple;
use super::docker::Socket;
use super::nerdctl::Nerdctl;
use super::podman::Podman;
use super::tool::{Call, Feed, Said, ToolError};
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

/// What containerd finds the image by: the digest of its manifest, as bare digits.
///
/// INVARIANT: an archive of an image layout has the manifest byte for byte, and containerd names an image by its SHA-256.
pub(super) fn manifest_hex(plan: &LaunchPlan) -> Result<String, PlanError> {
    let id = plan.manifest.to_string();
    if let Some(hex) = id.strip_prefix("sha256:") {
        return Ok(hex.to_owned());
    }
    Err(PlanError::NotEnforceable {
        backend: "engine",
        control: Control::ReadOnlyRoot,
        why: format!("engines name images by SHA-256, and the image's manifest is {id}"),
        remedy: Some("use the backend `native`".to_owned()),
    })
}

/// The name that Apple's `container` finds it by, which it has from us.
pub(super) fn manifest_name(hex: &str) -> String {
    tag(&format!("sha256:{hex}"))
}

/// A name that keeps an image from being pruned as nobody's. Nothing is ever run by it.
fn tag(id: &str) -> String {
    format!("localhost/perry-sandbox/verified:{}", id.replace(':', "-"))
}

/// The form of an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    DockerSave,
    Layout,
}

/// Writes the archive, and remembers why it could not: the engine only sees that it ends early.
fn load<T>(
    (store, image): (&Store, &VerifiedImage),
    form: Form,
    id: &str,
    give: impl FnOnce(Feed<'_>) -> Result<T, ToolError>,
) -> Result<T, RunError> {
    let mut failed = None;
    let answer = give(&mut |out: &mut dyn Write| {
        let written = match form {
            Form::DockerSave => store.export(image.image(), &tag(id), out),
            Form::Layout => store.export_layout(image.image(), &tag(id), out),
        };
        written.map_err(|error| {
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
    content: (&Store, &VerifiedImage),
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
        let said = load(content, Form::DockerSave, id, |feed| call.run(LOADING, Some(feed)))?;
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
    content: (&Store, &VerifiedImage),
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
    let said = load(content, Form::DockerSave, id, |feed| upload.upload(LOADING, feed))?;
    // It answers 200 where it failed as well: what counts is whether it has the image now.
    if look.ask(LOOKING)?.status == 200 { Ok(()) } else { Err(upload.failed(&said).into()) }
}

/// Gives containerd the image, unless it has it.
pub(super) fn into_nerdctl(
    nerdctl: &Nerdctl,
    content: (&Store, &VerifiedImage),
    hex: &str,
) -> Result<(), RunError> {
    // What it answers says which manifest is found by these digits.
    let look = nerdctl.call(&["image", "inspect", "--format={{json .RepoDigests}}", hex]);
    let wanted = format!("@sha256:{hex}");
    bring(content, hex, (&look, &nerdctl.call(&["load"])), &|found| {
        let mut digests = found.as_array().into_iter().flatten().filter_map(Value::as_str);
        digests.any(|digest| digest.ends_with(&wanted))
    })
}

/// Gives Apple's `container` the image, unless it has it.
pub(super) fn into_apple(
    apple: &Apple,
    content: (&Store, &VerifiedImage),
    hex: &str,
) -> Result<(), RunError> {
    let look = apple.call(&["image", "inspect", &manifest_name(hex)]);
    let wanted = format!("sha256:{hex}");
    bring(content, hex, (&look, &apple.call(&["image", "load"])), &|found| {
        // What the name stands for, or what that is an index of; never what the image says of itself.
        let named = ["/0/index/digest", "/0/configuration/descriptor/digest"].map(|path| found.pointer(path));
        let variants = found.pointer("/0/variants").and_then(Value::as_array);
        let variants = variants.into_iter().flatten().map(|variant| variant.get("digest"));
        named.into_iter().chain(variants).flatten().any(|digest| digest == wanted.as_str())
    })
}

/// Loads it where it is not there; what counts is what `look` says then.
fn bring(
    content: (&Store, &VerifiedImage),
    hex: &str,
    (look, call): (&Call, &Call),
    fits: &dyn Fn(&Value) -> bool,
) -> Result<(), RunError> {
    let is_there = |said: &Said| {
        said.code == Some(0) && serde_json::from_slice(&said.stdout).is_ok_and(|found: Value| fits(&found))
    };
    if is_there(&look.run(LOOKING, None)?) {
        return Ok(());
    }
    let said = load(content, Form::Layout, &format!("sha256:{hex}"), |feed| call.run(LOADING, Some(feed)))?;
    if said.code != Some(0) {
        return Err(call.failed(&said).into());
    }
    if is_there(&look.run(LOOKING, None)?) {
        return Ok(());
    }
    Err(call.unusable(format!("it has loaded something else than the manifest sha256:{hex}")).into())
}
