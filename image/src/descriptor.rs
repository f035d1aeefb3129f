//! Descriptors: media type, digest, and size of some content, read strictly.

use std::collections::BTreeMap;

use base64::Engine as _;
use perry_sandbox_reference::{Digest, Platform};
use serde_json::{Map, Value};
use thiserror::Error;

use crate::json::{JsonError, Object};
use crate::limits::{MAX_ANNOTATIONS, MAX_MEDIA_TYPE};

/// The media types that are known by name.
pub mod media_type {
    /// An OCI image manifest.
    pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
    /// An OCI image index.
    pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
    /// A docker image manifest, schema 2.
    pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
    /// A docker manifest list.
    pub const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
    /// An OCI image config.
    pub const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
    /// A docker image config.
    pub const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";
    /// A plain tar layer.
    pub const OCI_LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
    /// A gzip layer.
    pub const OCI_LAYER_GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
    /// A zstd layer.
    pub const OCI_LAYER_ZSTD: &str = "application/vnd.oci.image.layer.v1.tar+zstd";
    /// A docker gzip layer.
    pub const DOCKER_LAYER_GZIP: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";
    /// A docker plain layer, as `docker save` and some builders write it.
    pub const DOCKER_LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar";
    /// The empty JSON object that artifacts use as their config.
    pub const EMPTY: &str = "application/vnd.oci.empty.v1+json";
}

/// What some content is, how it is named, and how long it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Descriptor {
    /// The media type.
    pub media_type: String,
    /// The digest.
    pub digest: Digest,
    /// The length in bytes.
    pub size: u64,
    /// The artifact type, where an index names one. A hint.
    pub artifact_type: Option<String>,
    /// Annotations. Hints.
    pub annotations: BTreeMap<String, String>,
    /// The platform, where an index names one.
    pub platform: Option<Platform>,
}

/// Why a descriptor is refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DescriptorError {
    /// A field is missing or has the wrong type.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// The digest is not one.
    #[error("the descriptor's digest is not usable: {0}")]
    Digest(#[from] perry_sandbox_reference::DigestError),
    /// The platform is not one.
    #[error("the descriptor's platform is not usable: {0}")]
    Platform(#[from] perry_sandbox_reference::PlatformError),
    /// The media type is not `type/subtype`.
    #[error("the descriptor of {digest} has a media type that is not `type/subtype`")]
    MediaType {
        /// The content it describes.
        digest: Digest,
    },
    /// The content lies outside the image.
    #[error(
        "the descriptor of {digest} names other places to fetch it from (`urls`): foreign content is refused"
    )]
    Foreign {
        /// The content it describes.
        digest: Digest,
    },
    /// The embedded copy is not the content that the digest names.
    #[error("the descriptor of {digest} carries `data` that is not that content")]
    Data {
        /// The content it describes.
        digest: Digest,
    },
}

impl Descriptor {
    /// A descriptor without hints.
    pub fn new(media_type: &str, digest: Digest, size: u64) -> Self {
        Self {
            media_type: media_type.to_owned(),
            digest,
            size,
            artifact_type: None,
            annotations: BTreeMap::new(),
            platform: None,
        }
    }

    /// Reads a descriptor. Unknown fields are ignored, as the image spec wants; `urls` and a false `data` are
    /// refused.
    ///
    /// # Errors
    /// [`DescriptorError`].
    pub fn parse(value: &Value) -> Result<Self, DescriptorError> {
        let object = Object::new("descriptor", value)?;
        let digest: Digest = object.string("digest")?.parse()?;
        let size = object.number("size")?;
        let media_type = object.string("mediaType")?;
        if !is_media_type(media_type) {
            return Err(DescriptorError::MediaType { digest });
        }
        if !object.list("urls", usize::MAX)?.is_empty() {
            return Err(DescriptorError::Foreign { digest });
        }
        if let Some(data) = object.optional_string("data")? {
            check_data(data, &digest, size)?;
        }
        let platform = object.get("platform").map(parse_platform).transpose()?;
        Ok(Self {
            media_type: media_type.to_owned(),
            size,
            artifact_type: object.optional_string("artifactType")?.map(str::to_owned),
            annotations: object.string_map("annotations", MAX_ANNOTATIONS)?,
            platform,
            digest,
        })
    }

    /// The descriptor as the image spec writes it.
    pub fn to_json(&self) -> Value {
        let mut map = Map::new();
        map.insert("mediaType".to_owned(), self.media_type.clone().into());
        map.insert("digest".to_owned(), self.digest.as_str().into());
        map.insert("size".to_owned(), self.size.into());
        if let Some(kind) = &self.artifact_type {
            map.insert("artifactType".to_owned(), kind.clone().into());
        }
        if !self.annotations.is_empty() {
            let members = self.annotations.iter().map(|(key, value)| (key.clone(), value.clone().into()));
            map.insert("annotations".to_owned(), Value::Object(members.collect()));
        }
        if let Some(platform) = &self.platform {
            let mut parts = Map::new();
            parts.insert("os".to_owned(), platform.os().into());
            parts.insert("architecture".to_owned(), platform.architecture().into());
            if let Some(variant) = platform.variant() {
                parts.insert("variant".to_owned(), variant.into());
            }
            map.insert("platform".to_owned(), Value::Object(parts));
        }
        Value::Object(map)
    }
}

/// `type/subtype` of printable ASCII without spaces, short enough to be shown.
pub(crate) fn is_media_type(text: &str) -> bool {
    let graphic = text.bytes().all(|b| b.is_ascii_graphic() && b != b'"');
    graphic
        && text.len() <= MAX_MEDIA_TYPE
        && text.split_once('/').is_some_and(|(kind, rest)| !kind.is_empty() && !rest.is_empty())
}

// SECURITY: an embedded copy is only ever compared, never used, so no reader can be shown other bytes than
// the digest names.
fn check_data(data: &str, digest: &Digest, size: u64) -> Result<(), DescriptorError> {
    let decoded = base64::engine::general_purpose::STANDARD.decode(data).ok();
    let same = decoded.is_some_and(|bytes| {
        u64::try_from(bytes.len()).is_ok_and(|len| len == size) && digest.matches(&bytes)
    });
    if same { Ok(()) } else { Err(DescriptorError::Data { digest: digest.clone() }) }
}

fn parse_platform(value: &Value) -> Result<Platform, DescriptorError> {
    let object = Object::new("platform", value)?;
    Ok(Platform::new(
        object.string("os")?,
        object.string("architecture")?,
        object.optional_string("variant")?,
    )?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn with(extra: &Value) -> Result<Descriptor, DescriptorError> {
        let mut value = json!({"mediaType": "a/b", "digest": Digest::of(b"{}").as_str(), "size": 2});
        let map = value.as_object_mut().unwrap();
        map.extend(extra.as_object().unwrap().clone());
        Descriptor::parse(&value)
    }

    #[test]
    fn a_descriptor_reads_back_as_written() {
        let descriptor = with(&json!({
            "artifactType": "x/y", "annotations": {"k": "v"},
            "platform": {"os": "linux", "architecture": "arm64", "variant": "v8"}
        }))
        .unwrap();
        assert_eq!(Descriptor::parse(&descriptor.to_json()).unwrap(), descriptor);
    }

    #[test]
    fn foreign_urls_are_refused() {
        let error = with(&json!({"urls": ["https://elsewhere.example/layer"]})).unwrap_err();
        assert!(matches!(error, DescriptorError::Foreign { .. }));
        assert!(with(&json!({"urls": []})).is_ok());
    }

    #[test]
    fn embedded_data_must_be_the_content() {
        assert!(with(&json!({"data": "e30="})).is_ok());
        assert!(matches!(with(&json!({"data": "e31="})), Err(DescriptorError::Data { .. })));
    }

    #[test]
    fn sizes_digests_media_types_and_platforms_are_strict() {
        for extra in [
            json!({"size": -1}),
            json!({"size": 1.5}),
            json!({"size": "2"}),
            json!({"digest": "md5:d41d8cd98f00b204e9800998ecf8427e"}),
            json!({"digest": "sha256:../../../etc/passwd"}),
            json!({"mediaType": "x"}),
            json!({"mediaType": "a/b\nc"}),
            json!({"platform": {"os": "../x", "architecture": "y"}}),
            json!({"annotations": {"k": 1}}),
        ] {
            assert!(with(&extra).is_err(), "{extra}");
        }
    }
}
