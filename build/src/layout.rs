//! A signed image as a layout, in the form that `cosign save` writes: cosign itself verifies it.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use perry_sandbox_image::{COSIGN_KIND, Descriptor, ResolvedImage, Source, media_type};
use perry_sandbox_reference::{Digest, Repository};
use perry_sandbox_verifier::simple_payload;
use serde_json::json;

use crate::{BuildsError, LocalKey};

const SIMPLE_LAYER: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
const SIGNATURE: &str = "dev.cosignproject.cosign/signature";

/// Writes an image and a signature of it into an empty folder.
pub(crate) fn write(
    folder: &Path,
    (source, image): (&dyn Source, &ResolvedImage),
    repository: &Repository,
    key: &LocalKey,
) -> Result<(), BuildsError> {
    let blobs = folder.join("blobs/sha256");
    fs::create_dir_all(&blobs).map_err(BuildsError::io(&blobs))?;
    let layout = Layout { blobs: &blobs };
    for content in std::iter::once(&image.manifest().config).chain(image.layers()) {
        layout.copy(source, content)?;
    }
    let manifest = layout.put(media_type::OCI_MANIFEST, image.manifest_bytes())?;
    let signature = layout.signature(image.manifest_digest(), repository, key)?;
    let entry = |content: Descriptor, kind: &str| {
        with(content, COSIGN_KIND, format!("dev.cosignproject.cosign/{kind}")).to_json()
    };
    let index = json!({
        "schemaVersion": 2, "mediaType": media_type::OCI_INDEX,
        "manifests": [entry(manifest, "image"), entry(signature, "sigs")],
    });
    for (name, text) in [("oci-layout", json!({ "imageLayoutVersion": "1.0.0" })), ("index.json", index)] {
        let path = folder.join(name);
        fs::write(&path, text.to_string()).map_err(BuildsError::io(&path))?;
    }
    Ok(())
}

struct Layout<'a> {
    blobs: &'a Path,
}

impl Layout<'_> {
    /// Content of the source, checked while it is read.
    fn copy(&self, source: &dyn Source, content: &Descriptor) -> Result<(), BuildsError> {
        let path = self.blobs.join(content.digest.hex());
        let mut from = source.blob(&content.digest, Some(content.size), content.size)?;
        let mut to = File::create(&path).map_err(BuildsError::io(&path))?;
        io::copy(&mut from, &mut to).map_err(BuildsError::io(&path))?;
        to.sync_all().map_err(BuildsError::io(&path))
    }

    fn put(&self, kind: &str, bytes: &[u8]) -> Result<Descriptor, BuildsError> {
        let digest = Digest::of(bytes);
        let path = self.blobs.join(digest.hex());
        fs::write(&path, bytes).map_err(BuildsError::io(&path))?;
        Ok(Descriptor::new(kind, digest, u64::try_from(bytes.len()).unwrap_or(u64::MAX)))
    }

    fn signature(
        &self,
        digest: &Digest,
        repository: &Repository,
        key: &LocalKey,
    ) -> Result<Descriptor, BuildsError> {
        let payload = simple_payload(repository, digest);
        let layer = self.put(SIMPLE_LAYER, &payload)?;
        let layer = with(layer, SIGNATURE, STANDARD.encode(key.sign(&payload)?));
        let config = json!({
            "architecture": "", "os": "", "created": "0001-01-01T00:00:00Z", "config": {},
            "rootfs": { "type": "layers", "diff_ids": [layer.digest.as_str()] },
        });
        let config = self.put(media_type::OCI_CONFIG, config.to_string().as_bytes())?;
        let manifest = json!({
            "schemaVersion": 2, "mediaType": media_type::OCI_MANIFEST, "config": config.to_json(),
            "layers": [layer.to_json()],
        });
        self.put(media_type::OCI_MANIFEST, manifest.to_string().as_bytes())
    }
}

fn with(mut content: Descriptor, annotation: &str, value: String) -> Descriptor {
    content.annotations.insert(annotation.to_owned(), value);
    content
}
