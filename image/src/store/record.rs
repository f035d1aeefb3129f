//! The record of a stored image: what it was pulled as, and everything that belongs to it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use perry_sandbox_reference::{Digest, Platform, Repository};
use serde_json::{Value, json};

use super::error::StoreError;
use super::open::{Store, failed};
use super::session::{Session, publish};
use crate::descriptor::Descriptor;
use crate::files::read_small;
use crate::json::{MAX_DEPTH, Object, parse_strict};
use crate::limits::{MAX_MANIFEST, MAX_REFERRERS};

/// Most blobs of one record: layers and config, manifests on the way, and attachments with theirs.
const MAX_CONTENT: usize = 4096;

/// An image in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoredImage {
    /// What it was pulled as.
    pub name: String,
    /// From the digest that the name stood for to the platform's manifest.
    pub path: Vec<Descriptor>,
    /// Where it came from; `None` for a layout or archive.
    pub repository: Option<Repository>,
    /// The platform.
    pub platform: Platform,
    /// The digest of its config: the image's id for docker.
    pub config: Digest,
    /// The name of its root file system.
    pub chain: Digest,
    /// Every blob that belongs to it, the attachments' too.
    pub content: Vec<Descriptor>,
    /// Tags such as `sha256-….sig`, with the manifests that they named when the image was pulled.
    pub tags: BTreeMap<String, Digest>,
    /// Manifests about the image, by the digest that they are about.
    pub attachments: Vec<Attachment>,
    /// What [`crate::Source::stamp`] said of the layers when they were last hashed at their source.
    pub stamps: BTreeMap<Digest, String>,
    /// When it was stored.
    pub stored_at: SystemTime,
}

/// A record's file, and what it says.
pub(super) type Record = (PathBuf, Result<StoredImage, StoreError>);

/// A manifest that may be about an image: a hint, as the source gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    /// What it is about.
    pub subject: Digest,
    /// The manifest.
    pub descriptor: Descriptor,
}

impl StoredImage {
    /// The digest that the name stood for.
    pub fn top(&self) -> &Digest {
        self.path.first().map_or(&self.config, |it| &it.digest)
    }

    /// The digest of the platform's manifest.
    pub fn manifest_digest(&self) -> &Digest {
        self.path.last().map_or(&self.config, |it| &it.digest)
    }

    /// Bytes of everything that belongs to it, packed.
    pub fn size(&self) -> u64 {
        self.content.iter().fold(0, |sum, blob| sum.saturating_add(blob.size))
    }

    fn to_json(&self) -> Value {
        let list = |items: &[Descriptor]| items.iter().map(Descriptor::to_json).collect::<Vec<_>>();
        let attachments = self
            .attachments
            .iter()
            .map(|it| json!({"subject": it.subject.as_str(), "descriptor": it.descriptor.to_json()}));
        json!({
            "version": 1,
            "name": self.name,
            "path": list(&self.path),
            "repository": self.repository.as_ref().map(ToString::to_string),
            "platform": self.platform.to_string(),
            "config": self.config.as_str(),
            "chain": self.chain.as_str(),
            "content": list(&self.content),
            "tags": self.tags.iter().map(|(tag, digest)| (tag.clone(), digest.as_str().into()))
                .collect::<serde_json::Map<_, _>>(),
            "attachments": attachments.collect::<Vec<_>>(),
            "stamps": self.stamps.iter().map(|(digest, stamp)| (digest.to_string(), stamp.as_str().into()))
                .collect::<serde_json::Map<_, _>>(),
        })
    }

    fn parse(bytes: &[u8], stored_at: SystemTime) -> Result<Self, Fault> {
        let malformed = |error: &dyn std::error::Error| Fault::Malformed(error.to_string());
        let value = parse_strict(bytes, MAX_DEPTH).map_err(|error| malformed(&error))?;
        let object = Object::new("record", &value).map_err(|error| malformed(&error))?;
        if object.number("version").map_err(|error| malformed(&error))? != 1 {
            return Err(Fault::OtherVersion);
        }
        let read = || -> Result<Self, Box<dyn std::error::Error>> {
            let list = |field| -> Result<Vec<Descriptor>, Box<dyn std::error::Error>> {
                let items = object.list(field, MAX_CONTENT)?;
                Ok(items.iter().map(Descriptor::parse).collect::<Result<_, _>>()?)
            };
            let tags = object.string_map("tags", MAX_REFERRERS)?;
            let attachment = |value: &Value| -> Result<Attachment, Box<dyn std::error::Error>> {
                let object = Object::new("attachment", value)?;
                let descriptor = Descriptor::parse(object.required("descriptor")?)?;
                Ok(Attachment { subject: object.string("subject")?.parse()?, descriptor })
            };
            Ok(Self {
                name: object.string("name")?.to_owned(),
                path: list("path")?,
                repository: object.optional_string("repository")?.map(str::parse).transpose()?,
                platform: object.string("platform")?.parse()?,
                config: object.string("config")?.parse()?,
                chain: object.string("chain")?.parse()?,
                content: list("content")?,
                tags: tags
                    .into_iter()
                    .map(|(tag, digest)| Ok((tag, digest.parse()?)))
                    .collect::<Result<_, perry_sandbox_reference::DigestError>>()?,
                attachments: object
                    .list("attachments", MAX_REFERRERS.saturating_mul(2))?
                    .iter()
                    .map(attachment)
                    .collect::<Result<_, _>>()?,
                stamps: object
                    .string_map("stamps", MAX_CONTENT)?
                    .into_iter()
                    .map(|(digest, stamp)| Ok((digest.parse()?, stamp)))
                    .collect::<Result<_, perry_sandbox_reference::DigestError>>()?,
                stored_at,
            })
        };
        read().map_err(|error| malformed(error.as_ref()))
    }
}

/// What is wrong with a record.
enum Fault {
    /// Another version of this program wrote it, and can read it.
    OtherVersion,
    /// Nobody can read it.
    Malformed(String),
}

/// One record for each name and manifest, so that pulling again replaces it.
fn file_name(name: &str, manifest: &Digest) -> String {
    format!("{}.json", Digest::of(format!("{name}\n{manifest}").as_bytes()).hex())
}

impl Store {
    pub(super) fn record_path(&self, image: &StoredImage) -> PathBuf {
        self.root().join("images").join(file_name(&image.name, image.manifest_digest()))
    }

    /// What was said of the layers when the image was last pulled by this name.
    pub(super) fn stamps(&self, name: &str, manifest: &Digest) -> Option<BTreeMap<Digest, String>> {
        let record = Self::read_record(&self.root().join("images").join(file_name(name, manifest)));
        record.map(|record| record.stamps).ok()
    }

    pub(super) fn write_record(&self, session: &Session, image: &StoredImage) -> Result<(), StoreError> {
        publish(session, self, &self.record_path(image), image.to_json().to_string().as_bytes())
    }

    /// Every record, sound or not.
    pub(super) fn records(&self) -> Result<Vec<Record>, StoreError> {
        let folder = self.root().join("images");
        let mut list = Vec::new();
        for entry in fs::read_dir(&folder).map_err(failed(&folder, "list it"))? {
            let path = entry.map_err(failed(&folder, "list it"))?.path();
            if path.extension().is_some_and(|extension| extension == "json") {
                let read = Self::read_record(&path);
                list.push((path, read));
            }
        }
        list.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(list)
    }

    fn read_record(path: &Path) -> Result<StoredImage, StoreError> {
        let file = fs::File::open(path).map_err(failed(path, "open it"))?;
        let metadata = file.metadata().map_err(failed(path, "look at it"))?;
        let stored_at = metadata.modified().map_err(failed(path, "look at it"))?;
        let bytes = read_small(file, "record", MAX_MANIFEST)?;
        StoredImage::parse(&bytes, stored_at).map_err(|fault| match fault {
            Fault::OtherVersion => StoreError::OtherVersion { path: path.to_owned() },
            Fault::Malformed(reason) => StoreError::Record { path: path.to_owned(), reason },
        })
    }

    /// The images in the store, by name, the newest of a name first. An image whose record cannot be used is not
    /// there; [`Store::broken`] names those.
    ///
    /// # Errors
    /// [`StoreError`] when the records cannot be listed.
    pub fn list(&self) -> Result<Vec<StoredImage>, StoreError> {
        let mut list: Vec<_> = self.records()?.into_iter().filter_map(|(_, record)| record.ok()).collect();
        list.sort_by(|a, b| a.name.cmp(&b.name).then(b.stored_at.cmp(&a.stored_at)));
        Ok(list)
    }

    /// Why each record that cannot be used cannot.
    ///
    /// # Errors
    /// [`StoreError`] when the records cannot be listed.
    pub fn broken(&self) -> Result<Vec<StoreError>, StoreError> {
        Ok(self.records()?.into_iter().filter_map(|(_, record)| record.err()).collect())
    }

    /// The images that a name, a digest (of index, manifest, or config), or at least 12 hex digits of one
    /// stand for.
    ///
    /// # Errors
    /// [`StoreError`] when the records cannot be listed.
    pub fn find(&self, text: &str) -> Result<Vec<StoredImage>, StoreError> {
        let start = text.strip_prefix("sha256:").unwrap_or(text);
        let hex = start.len() >= 12 && start.bytes().all(|b| b.is_ascii_hexdigit());
        let fits = |digest: &Digest| digest.as_str() == text || (hex && digest.hex().starts_with(start));
        let mut list = self.list()?;
        list.retain(|it| it.name == text || fits(it.top()) || fits(it.manifest_digest()) || fits(&it.config));
        Ok(list)
    }

    /// Takes an image off the list. Its content goes with the next [`Store::prune`] unless others share it.
    ///
    /// # Errors
    /// [`StoreError`] when the record cannot be removed.
    pub fn remove(&self, image: &StoredImage) -> Result<(), StoreError> {
        let _lock = self.seize()?;
        let path = self.record_path(image);
        match fs::remove_file(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            other => other.map_err(failed(&path, "remove it")),
        }
    }
}
