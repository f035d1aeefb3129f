//! The verified image on its way into an engine: from our own store, under the name of its content, and never from anywhere else.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read as _, Write};
use std::path::Path;
use std::time::Duration;

use perry_sandbox_image::Store;
use perry_sandbox_policy::LaunchPlan;
use perry_sandbox_reference::Digest;
use perry_sandbox_verifier::VerifiedImage;
use serde::Deserialize;
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
/// Docker compares the layers with it whenever an image comes in, by whatever way. podman does so for archives only: see [`kept`].
pub(super) fn engine_id(plan: &LaunchPlan) -> Result<String, PlanError> {
    let id = plan.config.to_string();
    if id.starts_with("sha256:") {
        return Ok(id);
    }
    Err(PlanError::Digest { what: "configuration", found: id })
}

/// What containerd finds the image by: the digest of its manifest, as bare digits.
///
/// INVARIANT: an archive of an image layout has the manifest byte for byte, and containerd names an image by its SHA-256.
pub(super) fn manifest_hex(plan: &LaunchPlan) -> Result<String, PlanError> {
    let id = plan.manifest.to_string();
    if let Some(hex) = id.strip_prefix("sha256:") {
        return Ok(hex.to_owned());
    }
    Err(PlanError::Digest { what: "manifest", found: id })
}

/// The name that Apple's `container` finds it by, which it has from us.
pub(super) fn manifest_name(hex: &str) -> String {
    tag(&format!("sha256:{hex}"))
}

/// The name of every image that we load, up to its tag.
pub(super) const REPOSITORY: &str = "localhost/perry-sandbox/verified";

/// A name that keeps an image from being pruned as nobody's. Nothing is ever run by it.
pub(super) fn tag(id: &str) -> String {
    format!("{REPOSITORY}:{}", id.replace(':', "-"))
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
    podman.furnish(runtime).map_err(RunError::Live)?;
    let config = content.1.image().config(&content.0.contents());
    let diff_ids = config.map_err(|error| RunError::Store(error.into()))?.diff_ids;
    let call = podman.call(runtime, &["load", "--quiet"]);
    let (images, layers) = podman.records();
    match kept(images, layers, id) {
        Some(found) if found == diff_ids => return Ok(()),
        Some(_) => return Err(call.unusable(OTHER_LAYERS).into()),
        None => {}
    }
    let said = load(content, Form::DockerSave, id, |feed| call.run(LOADING, Some(feed)))?;
    if said.code != Some(0) {
        return Err(call.failed(&said).into());
    }
    match kept(images, layers, id) {
        Some(found) if found == diff_ids => Ok(()),
        Some(_) => Err(call.unusable(OTHER_LAYERS).into()),
        None => Err(call.unusable(format!("it has loaded something else than {id}")).into()),
    }
}

/// What is said of an image that somebody else has put there.
const OTHER_LAYERS: &str = "podman has an image of this digest with other layers, which is not what was verified: remove it with `podman image rm`";
/// The longest record of podman's that is read.
const LONGEST: u64 = 64 << 20;

/// The layers that podman has under this id, lowest first, as it hashed them when it unpacked them.
///
/// SECURITY: podman's id of an image is the digest of its configuration, and only when an archive is loaded are the layers
/// compared with it: a registry may give other layers under the id of what was verified. So what is there is looked at before
/// every run.
fn kept(images: &Path, layers: &Path, id: &str) -> Option<Vec<Digest>> {
    let images: Vec<KeptImage> = read(images)?;
    let image = images.into_iter().find(|image| id.strip_prefix("sha256:") == Some(image.id.as_str()))?;
    let layers: BTreeMap<String, KeptLayer> =
        read::<Vec<KeptLayer>>(layers)?.into_iter().map(|layer| (layer.id.clone(), layer)).collect();
    let (mut next, mut found) = (image.layer, Vec::new());
    while let Some(layer) = next.take().filter(|id| !id.is_empty()).and_then(|id| layers.get(&id)) {
        // One whose digest nobody wrote down is none that was verified.
        found.push(layer.diff.as_deref()?.parse().ok()?);
        if found.len() > layers.len() {
            return None;
        }
        next.clone_from(&layer.parent);
    }
    found.reverse();
    Some(found)
}

fn read<T: serde::de::DeserializeOwned>(file: &Path) -> Option<T> {
    let mut text = Vec::new();
    fs::File::open(file).ok()?.take(LONGEST).read_to_end(&mut text).ok()?;
    serde_json::from_slice(&text).ok()
}

/// A row of `images.json` of containers/storage.
#[derive(Debug, Deserialize)]
struct KeptImage {
    id: String,
    #[serde(default)]
    layer: Option<String>,
}

/// A row of its `layers.json`.
#[derive(Debug, Deserialize)]
struct KeptLayer {
    id: String,
    #[serde(default)]
    parent: Option<String>,
    #[serde(default, rename = "diff-digest")]
    diff: Option<String>,
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

#[cfg(test)]
mod tests {
    use super::*;

    fn record(name: &str, text: &str) -> tempfile::NamedTempFile {
        let file = tempfile::Builder::new().prefix(name).tempfile().unwrap();
        fs::write(file.path(), text).unwrap();
        file
    }

    #[test]
    fn the_layers_that_podman_has_under_a_digest_are_what_counts() {
        let (low, high) = (Digest::of(b"low"), Digest::of(b"high"));
        let images = record("images", r#"[{"id":"aa","layer":"2"},{"id":"bb","layer":"1"},{"id":"cc"}]"#);
        let layers = format!(
            r#"[{{"id":"1","diff-digest":"{low}"}},{{"id":"2","parent":"1","diff-digest":"{high}"}}]"#
        );
        let layers = record("layers", &layers);
        let kept = |id| kept(images.path(), layers.path(), id);
        assert_eq!(kept("sha256:aa"), Some(vec![low.clone(), high]));
        assert_eq!(kept("sha256:bb"), Some(vec![low]));
        assert_eq!(kept("sha256:cc"), Some(Vec::new()), "no layers are none that were verified");
        assert_eq!(kept("sha256:dd"), None);
    }

    #[test]
    fn records_that_go_round_or_say_nothing_are_no_image() {
        let images = record("images", r#"[{"id":"aa","layer":"1"}]"#);
        let digest = Digest::of(b"x");
        for layers in [
            format!(r#"[{{"id":"1","parent":"1","diff-digest":"{digest}"}}]"#),
            r#"[{"id":"1"}]"#.to_owned(),
            "nothing".to_owned(),
        ] {
            let layers = record("layers", &layers);
            assert_eq!(kept(images.path(), layers.path(), "sha256:aa"), None);
        }
    }
}
