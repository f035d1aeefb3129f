//! The parts of the example image, in a home's copy of it.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::Home;
use crate::layout::Content;
use crate::registry::{Options, TestRegistry};

/// A policy that knows the example's signer and image, and neither tier nor service.
pub const BARE_POLICY: &str = r#"schema = "perry-sandbox/policy/v1"
name = "bare"

[signer.example]
public-key = "examples/hello/cosign.pub"

[image.hello]
repository = "registry.example/perry-sandbox/hello"
signed-by = { at-least = 1, of = ["example"] }
"#;

/// Where a home's copy of the example image has this blob.
///
/// # Panics
/// The digest is none.
pub fn blob(home: &Home, digest: &str) -> PathBuf {
    let hex = digest.strip_prefix("sha256:").expect("a sha256 digest");
    home.path().join("examples/hello/image/blobs/sha256").join(hex)
}

/// Reads a manifest.
///
/// # Panics
/// There is none.
pub fn json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).expect("a blob can be read")).expect("a manifest is JSON")
}

/// Digests of the example image.
#[derive(Debug)]
pub struct Parts {
    /// The index of all platforms.
    pub index: String,
    /// The manifest for this machine.
    pub manifest: String,
    /// Its layer.
    pub layer: String,
    /// The manifest of the signature.
    pub signature_manifest: String,
    /// What is signed.
    pub signature_payload: String,
}

/// Finds them in a home's copy.
///
/// # Panics
/// The example is not what it was.
pub fn parts(home: &Home) -> Parts {
    let text = |value: &Value| value.as_str().expect("a digest").to_owned();
    let layout = json(&home.path().join("examples/hello/image/index.json"));
    let index = text(&layout["manifests"][0]["digest"]);
    let signature_manifest = text(&layout["manifests"][1]["digest"]);
    let arch = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
    let children = json(&blob(home, &index));
    let child = children["manifests"].as_array().expect("an index lists manifests").iter();
    let mine = child.into_iter().find(|child| child["platform"]["architecture"] == arch);
    let manifest = text(&mine.expect("the example has this platform")["digest"]);
    let layer = text(&json(&blob(home, &manifest))["layers"][0]["digest"]);
    let signature_payload = text(&json(&blob(home, &signature_manifest))["layers"][0]["digest"]);
    Parts { index, manifest, layer, signature_manifest, signature_payload }
}

/// The example in a registry, under the tag `v1`, and its digest; with its signature where cosign would push it.
///
/// # Panics
/// The example is not what it was.
pub fn registry_with_example(home: &Home, path: &str, signed: bool) -> (TestRegistry, String) {
    let layout = home.path().join("examples/hello/image");
    let index = json(&layout.join("index.json"));
    let mut content = Content::new();
    for entry in std::fs::read_dir(layout.join("blobs/sha256")).expect("the layout has blobs") {
        let bytes = std::fs::read(entry.expect("an entry").path()).expect("a blob can be read");
        let media_type = serde_json::from_slice::<Value>(&bytes)
            .ok()
            .and_then(|blob| Some(blob["mediaType"].as_str()?.to_owned()));
        let digest = content.blob(bytes);
        if let Some(media_type) = media_type {
            content.manifests.insert(digest, media_type);
        }
    }
    let digest_of = |at: usize| index["manifests"][at]["digest"].as_str().expect("a digest").to_owned();
    let (image, signature) = (digest_of(0), digest_of(1));
    content.tags.insert("v1".to_owned(), image.parse().expect("a digest"));
    if signed {
        content.tags.insert(format!("{}.sig", image.replace(':', "-")), signature.parse().expect("a digest"));
    }
    (TestRegistry::serving(path, &content, Options::default()), image)
}
