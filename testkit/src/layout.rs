//! Images for tests, from tar archives to OCI layouts, content in memory, and docker archives.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;

use perry_sandbox_image::{Memory, media_type};
use perry_sandbox_reference::{Digest, Platform, Repository};
use serde_json::{Value, json};

use crate::tarball::Tarball;

/// How a layer is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// As it is.
    None,
    /// gzip.
    Gzip,
    /// zstd.
    Zstd,
}

impl Compression {
    /// Packs bytes.
    pub fn pack(self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Self::None => bytes.to_vec(),
            Self::Gzip => {
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                encoder.write_all(bytes).expect("memory takes it");
                encoder.finish().expect("memory takes it")
            }
            Self::Zstd => zstd::stream::encode_all(bytes, 1).expect("memory takes it"),
        }
    }

    /// The media type of such a layer.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::None => media_type::OCI_LAYER,
            Self::Gzip => media_type::OCI_LAYER_GZIP,
            Self::Zstd => media_type::OCI_LAYER_ZSTD,
        }
    }
}

/// Blobs, and the entries of an `index.json`.
#[derive(Debug, Default, Clone)]
pub struct Content {
    /// Every blob by its digest, or by a digest that it does not have.
    pub blobs: BTreeMap<Digest, Vec<u8>>,
    /// Media types of the manifests among them.
    pub manifests: BTreeMap<Digest, String>,
    /// Entries of `index.json`, as JSON descriptors.
    pub entries: Vec<Value>,
    /// Tags.
    pub tags: BTreeMap<String, Digest>,
}

impl Content {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds bytes under their own digest.
    pub fn blob(&mut self, bytes: impl Into<Vec<u8>>) -> Digest {
        let bytes = bytes.into();
        let digest = Digest::of(&bytes);
        self.blobs.insert(digest.clone(), bytes);
        digest
    }

    /// Adds bytes and gives their descriptor.
    pub fn described(&mut self, media_type: &str, bytes: impl Into<Vec<u8>>) -> Value {
        let bytes = bytes.into();
        let size = bytes.len();
        let digest = self.blob(bytes);
        json!({"mediaType": media_type, "digest": digest.as_str(), "size": size})
    }

    /// Adds a manifest or index and gives its descriptor.
    pub fn manifest(&mut self, media_type: &str, body: &Value) -> Value {
        let descriptor = self.described(media_type, body.to_string());
        self.manifests.insert(digest_of(&descriptor), media_type.to_owned());
        descriptor
    }

    /// Adds an image of these layers for a platform, with a `config` object, and gives its descriptor.
    pub fn image(&mut self, layers: &[(Vec<u8>, Compression)], platform: &Platform, run: &Value) -> Value {
        let diff_ids: Vec<_> = layers.iter().map(|(tar, _)| Digest::of(tar).to_string()).collect();
        let mut config = json!({
            "os": platform.os(), "architecture": platform.architecture(), "config": run,
            "rootfs": {"type": "layers", "diff_ids": diff_ids},
        });
        if let Some(variant) = platform.variant() {
            config["variant"] = variant.into();
        }
        let config = self.described(media_type::OCI_CONFIG, config.to_string());
        let pack = |(tar, how): &(Vec<u8>, Compression)| (how.media_type(), how.pack(tar));
        let packed: Vec<_> = layers.iter().map(pack).collect();
        let layers: Vec<_> = packed.into_iter().map(|(kind, bytes)| self.described(kind, bytes)).collect();
        let body = json!({
            "schemaVersion": 2, "mediaType": media_type::OCI_MANIFEST, "config": config, "layers": layers,
        });
        self.manifest(media_type::OCI_MANIFEST, &body)
    }

    /// Adds an index over these descriptors and gives its own.
    pub fn index(&mut self, children: &[Value]) -> Value {
        let body = json!({"schemaVersion": 2, "mediaType": media_type::OCI_INDEX, "manifests": children});
        self.manifest(media_type::OCI_INDEX, &body)
    }

    /// Points a tag at a manifest, here and in `index.json`.
    pub fn tag(&mut self, name: &str, descriptor: &Value) {
        self.tags.insert(name.to_owned(), digest_of(descriptor));
        let mut entry = descriptor.clone();
        entry["annotations"] = json!({"org.opencontainers.image.ref.name": name});
        self.entries.push(entry);
    }

    /// Lists a manifest in `index.json` without a name.
    pub fn list(&mut self, descriptor: &Value) {
        self.entries.push(descriptor.clone());
    }

    /// Writes an OCI image layout.
    pub fn write_layout(&self, dir: &Path) {
        let write = |path: &Path, bytes: &[u8]| {
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
            std::fs::write(path, bytes).expect("a file");
        };
        for (digest, bytes) in &self.blobs {
            write(&dir.join("blobs").join(digest.algorithm().as_str()).join(digest.hex()), bytes);
        }
        write(&dir.join("oci-layout"), br#"{"imageLayoutVersion":"1.0.0"}"#);
        let index = json!({
            "schemaVersion": 2, "mediaType": media_type::OCI_INDEX, "manifests": self.entries,
        });
        write(&dir.join("index.json"), index.to_string().as_bytes());
    }

    /// The same content in memory.
    pub fn memory(&self, repository: Option<Repository>) -> Memory {
        let mut memory = Memory::new(repository);
        for (digest, bytes) in &self.blobs {
            match self.manifests.get(digest) {
                Some(kind) if Digest::of(bytes) == *digest => {
                    memory.add_manifest(bytes.clone(), kind);
                }
                _ => memory.add_as(digest.clone(), bytes.clone()),
            }
        }
        for (tag, digest) in &self.tags {
            memory.set_tag(tag, digest.clone());
        }
        memory
    }
}

/// One image with these layers for this machine, tagged `v1`; gives its content and its digest.
pub fn image(layers: &[(Vec<u8>, Compression)]) -> (Content, Digest) {
    let mut content = Content::new();
    let descriptor = content.image(layers, &Platform::host(), &json!({"Cmd": ["/bin/true"]}));
    content.tag("v1", &descriptor);
    let digest = digest_of(&descriptor);
    (content, digest)
}

/// A `docker save` archive with one image of these layers.
pub fn docker_archive(layers: &[Vec<u8>], tag: &str) -> Vec<u8> {
    let platform = Platform::host();
    let diff_ids: Vec<_> = layers.iter().map(|tar| Digest::of(tar).to_string()).collect();
    let config = json!({
        "os": platform.os(), "architecture": platform.architecture(), "config": {"Cmd": ["/bin/true"]},
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
    })
    .to_string();
    let config_name = format!("{}.json", Digest::of(config.as_bytes()).hex());
    let names: Vec<_> = (0..layers.len()).map(|at| format!("layer{at}/layer.tar")).collect();
    let manifest = json!([{"Config": config_name, "RepoTags": [tag], "Layers": names}]).to_string();
    let mut archive = Tarball::new().file(&config_name, config.as_bytes());
    for (name, layer) in names.iter().zip(layers) {
        archive = archive.file(name, layer);
    }
    archive.file("manifest.json", manifest.as_bytes()).build()
}

/// The digest in a JSON descriptor.
pub fn digest_of(descriptor: &Value) -> Digest {
    descriptor["digest"].as_str().expect("a descriptor").parse().expect("a digest")
}
