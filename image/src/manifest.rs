//! Manifests and indexes, read strictly: what they are is said once, and nothing is read as both.

use std::collections::BTreeMap;

use perry_sandbox_reference::Digest;
use serde_json::Value;
use thiserror::Error;

use crate::descriptor::{Descriptor, DescriptorError, is_media_type, media_type};
use crate::json::{JsonError, MAX_DEPTH, Object, parse_strict};
use crate::limits::{MAX_ANNOTATIONS, MAX_INDEX_ENTRIES, MAX_LAYERS, MAX_MANIFEST};

/// The bytes of a manifest or index, already checked against its digest, and the media type that the source
/// gave with it, if any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawManifest {
    /// The bytes, exactly as hashed.
    pub bytes: Vec<u8>,
    /// The registry's `Content-Type`, or a layout's descriptor. A claim to be compared, never relied on.
    pub media_type: Option<String>,
}

/// A manifest or an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Manifest {
    /// One image or artifact.
    Image(Box<ImageManifest>),
    /// A list of manifests.
    Index(Box<Index>),
}

/// One image or artifact: a config and layers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageManifest {
    /// The media type.
    pub media_type: String,
    /// The artifact type, if one is named.
    pub artifact_type: Option<String>,
    /// The config.
    pub config: Descriptor,
    /// The layers, lowest first.
    pub layers: Vec<Descriptor>,
    /// What this manifest is about, if it is a referrer.
    pub subject: Option<Descriptor>,
    /// Annotations. Hints.
    pub annotations: BTreeMap<String, String>,
}

/// A list of manifests, usually one for each platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Index {
    /// The media type.
    pub media_type: String,
    /// The manifests.
    pub manifests: Vec<Descriptor>,
    /// What this index is about, if it is a referrer.
    pub subject: Option<Descriptor>,
}

/// Why some bytes are not a manifest or index.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// Not strict JSON, or a field has the wrong type.
    #[error("{digest} is not a manifest: {source}")]
    Json {
        /// The manifest.
        digest: Digest,
        /// What is wrong.
        source: JsonError,
    },
    /// A descriptor in it is refused.
    #[error("{digest} is refused: {source}")]
    Descriptor {
        /// The manifest.
        digest: Digest,
        /// What is wrong.
        source: DescriptorError,
    },
    /// The media type is not one that is read.
    #[error(
        "{digest} has the media type `{found}`: only OCI and docker schema 2 image manifests and indexes are read"
    )]
    MediaType {
        /// The manifest.
        digest: Digest,
        /// Its media type, or `none`.
        found: String,
    },
    /// Two places say two different media types.
    #[error("{digest} calls itself `{body}` but was handed over as `{outside}`: refused as ambiguous")]
    Confusion {
        /// The manifest.
        digest: Digest,
        /// The media type in the body.
        body: String,
        /// The media type in the descriptor or the registry's answer.
        outside: String,
    },
    /// It has the members of a manifest and of an index.
    #[error("{digest} has the members of a manifest and of an index: refused as ambiguous")]
    Ambiguous {
        /// The manifest.
        digest: Digest,
    },
    /// It is larger than is read.
    #[error("a manifest of {size} bytes is larger than the {MAX_MANIFEST} bytes that are read")]
    TooLarge {
        /// Its size in bytes.
        size: usize,
    },
}

impl Manifest {
    /// Reads a manifest or index; `outside` is the media type of the descriptor or answer that led here.
    ///
    /// # Errors
    /// [`ManifestError`].
    // SECURITY: a document that could be read as a manifest by one program and as an index by another
    // (CVE-2021-41190) is refused.
    pub fn parse(bytes: &[u8], outside: Option<&str>) -> Result<Self, ManifestError> {
        if u64::try_from(bytes.len()).map_or(true, |len| len > MAX_MANIFEST) {
            return Err(ManifestError::TooLarge { size: bytes.len() });
        }
        // Only messages name it: whoever reads sound manifests has hashed them already.
        let digest = || Digest::of(bytes);
        let json = |source| ManifestError::Json { digest: digest(), source };
        let value = parse_strict(bytes, MAX_DEPTH).map_err(json)?;
        let object = Object::new("manifest", &value).map_err(json)?;
        if object.number("schemaVersion").map_err(json)? != 2 {
            let source =
                JsonError::Wrong { object: "manifest", field: "schemaVersion", expected: "the number 2" };
            return Err(json(source));
        }
        let kind = kind(&digest, &object, outside)?;
        let image = object.has("config") || object.has("layers") || object.has("fsLayers");
        let index = object.has("manifests");
        if image && index {
            return Err(ManifestError::Ambiguous { digest: digest() });
        }
        let parsed = match kind.as_str() {
            media_type::OCI_INDEX | media_type::DOCKER_LIST => {
                parse_index(&object, kind).map(|index| Self::Index(Box::new(index)))
            }
            _ => parse_image(&object, kind).map(|image| Self::Image(Box::new(image))),
        };
        parsed.map_err(|fault| match fault {
            DescriptorError::Json(source) => json(source),
            source @ (DescriptorError::Digest(_)
            | DescriptorError::Platform(_)
            | DescriptorError::MediaType { .. }
            | DescriptorError::Foreign { .. }
            | DescriptorError::Data { .. }) => ManifestError::Descriptor { digest: digest(), source },
        })
    }

    /// What it is about, if it is a referrer.
    pub fn subject(&self) -> Option<&Descriptor> {
        match self {
            Self::Image(image) => image.subject.as_ref(),
            Self::Index(index) => index.subject.as_ref(),
        }
    }

    /// The media type.
    pub fn media_type(&self) -> &str {
        match self {
            Self::Image(image) => &image.media_type,
            Self::Index(index) => &index.media_type,
        }
    }
}

/// Whether a media type names a manifest or an index that is read.
pub fn is_manifest_type(text: &str) -> bool {
    matches!(
        text,
        media_type::OCI_MANIFEST
            | media_type::OCI_INDEX
            | media_type::DOCKER_MANIFEST
            | media_type::DOCKER_LIST
    )
}

/// The one media type that body and surroundings agree on.
fn kind(
    digest: &dyn Fn() -> Digest,
    object: &Object<'_>,
    outside: Option<&str>,
) -> Result<String, ManifestError> {
    let json = |source| ManifestError::Json { digest: digest(), source };
    let body = object.optional_string("mediaType").map_err(json)?;
    // Registries and files may serve any manifest as plain JSON or text; only a claim to be one of ours counts.
    let outside = outside.filter(|kind| is_manifest_type(kind));
    let found = match (body, outside) {
        (Some(body), Some(outside)) if body != outside => {
            let body = body.chars().take(160).collect();
            return Err(ManifestError::Confusion { digest: digest(), body, outside: outside.to_owned() });
        }
        (Some(kind), _) | (None, Some(kind)) => kind,
        // The OCI image spec lets both omit it; their members tell them apart.
        (None, None) if object.has("manifests") => media_type::OCI_INDEX,
        (None, None) if object.has("config") => media_type::OCI_MANIFEST,
        (None, None) => "none",
    };
    if is_manifest_type(found) {
        return Ok(found.to_owned());
    }
    let found = if is_media_type(found) { found.to_owned() } else { "none".to_owned() };
    Err(ManifestError::MediaType { digest: digest(), found })
}

fn parse_index(object: &Object<'_>, media_type: String) -> Result<Index, DescriptorError> {
    // Some registries write an empty list as `null`.
    if !object.has("manifests") {
        object.required("manifests")?;
    }
    let list = object.list("manifests", MAX_INDEX_ENTRIES)?;
    Ok(Index {
        media_type,
        manifests: list.iter().map(Descriptor::parse).collect::<Result<_, _>>()?,
        subject: object.get("subject").map(Descriptor::parse).transpose()?,
    })
}

fn parse_image(object: &Object<'_>, media_type: String) -> Result<ImageManifest, DescriptorError> {
    let layers: &[Value] = object.list("layers", MAX_LAYERS)?;
    Ok(ImageManifest {
        media_type,
        artifact_type: object.optional_string("artifactType")?.map(str::to_owned),
        config: Descriptor::parse(object.required("config")?)?,
        layers: layers.iter().map(Descriptor::parse).collect::<Result<_, _>>()?,
        subject: object.get("subject").map(Descriptor::parse).transpose()?,
        annotations: object.string_map("annotations", MAX_ANNOTATIONS)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn descriptor(kind: &str) -> Value {
        json!({"mediaType": kind, "digest": Digest::of(b"").as_str(), "size": 0})
    }

    fn parse(value: &Value, outside: Option<&str>) -> Result<Manifest, ManifestError> {
        Manifest::parse(value.to_string().as_bytes(), outside)
    }

    #[test]
    fn a_manifest_that_is_also_an_index_is_refused() {
        let both = json!({
            "schemaVersion": 2, "mediaType": media_type::OCI_MANIFEST,
            "config": descriptor("a/b"), "layers": [], "manifests": []
        });
        assert!(matches!(parse(&both, None), Err(ManifestError::Ambiguous { .. })));
    }

    #[test]
    fn a_manifest_handed_over_as_an_index_is_refused() {
        let image =
            json!({"schemaVersion": 2, "mediaType": media_type::OCI_MANIFEST, "config": descriptor("a/b")});
        assert!(matches!(parse(&image, Some(media_type::OCI_INDEX)), Err(ManifestError::Confusion { .. })));
        assert!(parse(&image, Some("application/json")).is_ok());
        let silent = json!({"schemaVersion": 2, "config": descriptor("a/b"), "layers": []});
        assert!(matches!(parse(&silent, Some(media_type::OCI_INDEX)), Err(ManifestError::Json { .. })));
        assert!(matches!(parse(&silent, None), Ok(Manifest::Image(_))));
    }

    #[test]
    fn other_kinds_and_old_schemas_are_refused() {
        for value in [
            json!({"schemaVersion": 1, "fsLayers": []}),
            json!({"schemaVersion": 2, "mediaType": "application/json", "config": descriptor("a/b")}),
            json!({"schemaVersion": 2}),
            json!([]),
        ] {
            assert!(parse(&value, None).is_err(), "{value}");
        }
    }

    #[test]
    fn too_many_layers_are_refused() {
        let layers: Vec<_> = (0..=MAX_LAYERS).map(|_| descriptor("a/b")).collect();
        let image = json!({"schemaVersion": 2, "config": descriptor("a/b"), "layers": layers});
        assert!(parse(&image, None).unwrap_err().to_string().contains("more than 128"));
    }
}
