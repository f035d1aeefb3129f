//! Images made for one test: the example's programs, whatever else the test puts there, and a signature by a new key.

use std::path::Path;

use perry_sandbox_reference::Digest;
use serde_json::{Value, json};

use crate::Home;
use crate::example::{blob, json, parts};
use crate::layout::{Content, digest_of};
use crate::sigstore::{Found, Key, SIMPLE_LAYER, attach_layers, b64, simple_payload};
use crate::tarball::Tarball;

/// The layout of the made image, as the program is told it.
pub const MADE: &str = "oci:made";
/// The key that signed it.
pub const MADE_KEY: &str = "made.pub";

/// The content of an image with the example's layer, another on top, and this `config` object; and its digest.
///
/// # Panics
/// Where a file cannot be read or written.
pub fn content(home: &Home, top: Tarball, run: &Value) -> (Content, Digest) {
    let read = |digest: &Value| std::fs::read(blob(home, digest.as_str().expect("a digest")));
    let manifest = json(&blob(home, &parts(home).manifest));
    let config = read(&manifest["config"]["digest"]).expect("the example has a configuration");
    let mut config: Value = serde_json::from_slice(&config).expect("a configuration is JSON");
    let mut content = Content::new();
    let base = manifest["layers"][0].clone();
    content.blob(read(&base["digest"]).expect("the example has a layer"));
    let top = top.build();
    let diff_ids = config["rootfs"]["diff_ids"].as_array_mut().expect("the example lists its layers");
    diff_ids.push(Digest::of(&top).as_str().into());
    config["config"] = run.clone();
    let top = content.described("application/vnd.oci.image.layer.v1.tar", top);
    let kind = |of: &Value| of["mediaType"].as_str().expect("the example names its types").to_owned();
    let config = content.described(&kind(&manifest["config"]), config.to_string());
    let body = json!({
        "schemaVersion": 2, "mediaType": kind(&manifest), "config": config, "layers": [base, top],
    });
    let descriptor = content.manifest(&kind(&manifest), &body);
    content.tag("v1", &descriptor);
    (content, digest_of(&descriptor))
}

/// What `docker save` would write of the example with this `config` object.
///
/// # Panics
/// Where a file cannot be read or written.
pub fn archive(home: &Home, run: &Value) -> Vec<u8> {
    let (content, digest) = content(home, Tarball::new(), run);
    let read =
        |digest: &Value| &content.blobs[&digest.as_str().expect("a digest").parse().expect("a digest")];
    let manifest: Value = serde_json::from_slice(&content.blobs[&digest]).expect("a manifest is JSON");
    let names = ["base/layer.tar", "top/layer.tar"];
    let listing = json!([{"Config": "config.json", "RepoTags": ["made:v1"], "Layers": names}]);
    let mut archive = Tarball::new().file("config.json", read(&manifest["config"]["digest"]));
    for (at, name) in names.into_iter().enumerate() {
        archive = archive.file(name, read(&manifest["layers"][at]["digest"]));
    }
    archive.file("manifest.json", listing.to_string().as_bytes()).build()
}

/// Signs that digest as cosign 2 does with a key, and writes layout and key into the home.
///
/// # Panics
/// Where a file cannot be read or written.
pub fn write_signed(home: &Home, mut content: Content, digest: &Digest) {
    let key = Key::p256();
    sign(&mut content, "registry.example/acme/made", digest, &key);
    write(&home.path().join(MADE_KEY), key.pem().as_bytes());
    content.write_layout(&home.path().join("made"));
}

/// Signs that digest as cosign 2 does with a key, as what this repository has.
pub fn sign(content: &mut Content, repository: &str, digest: &Digest, key: &Key) {
    let payload = simple_payload(repository, digest);
    let annotations = json!({"dev.cosignproject.cosign/signature": b64(key.sign(&payload))});
    attach_layers(content, &[(SIMPLE_LAYER, &payload, &annotations)], Found::ByTag(digest, "sig"));
}

/// Writes a file of the test.
///
/// # Panics
/// Where a file cannot be read or written.
pub fn write(file: &Path, bytes: &[u8]) {
    std::fs::write(file, bytes).expect("the home can be written");
}
