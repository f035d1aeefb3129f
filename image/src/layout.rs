//! An OCI image layout: a folder with `oci-layout`, `index.json`, and `blobs/<algorithm>/<hex>`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use perry_sandbox_reference::{Algorithm, Digest, Repository};
use serde_json::Value;

use crate::descriptor::{Descriptor, media_type};
use crate::files::{open_below, open_dir, read_small};
use crate::json::{MAX_DEPTH, Object, parse_strict};
use crate::limits::{MAX_INDEX_ENTRIES, MAX_MANIFEST, MAX_REFERRERS, MIB};
use crate::manifest::{Manifest, RawManifest, is_manifest_type};
use crate::recall::{MAX_KEPT, Recall};
use crate::source::{ReadError, Source, Verified};
use crate::stamp::FileStamp;

/// The annotation that names a layout's entry.
pub const REF_NAME: &str = "org.opencontainers.image.ref.name";
/// The annotation by which `cosign save` says what an entry is.
pub const COSIGN_KIND: &str = "kind";
/// Most bytes of manifests that are read in search of referrers.
const MAX_SEARCH: u64 = 32 * MIB;
/// Most blobs that are looked at where a layout is searched for referrers that it does not list.
const MAX_SCANNED: usize = 4096;
/// Largest blob that is opened in that search: a referrer's manifest is small.
const MAX_SCANNED_SIZE: u64 = 64 * 1024;

/// An image layout in a folder.
#[derive(Debug)]
pub struct Layout {
    path: PathBuf,
    dir: File,
    entries: Vec<Descriptor>,
    /// By the path below the folder; the folder itself has none.
    read: Mutex<BTreeMap<PathBuf, FileStamp>>,
    scan: bool,
    /// What was read of it, so that nothing small is read twice.
    recall: Recall,
}

impl Layout {
    /// Opens a layout and reads its `index.json`.
    ///
    /// # Errors
    /// [`ReadError`] when the folder is not a layout of version 1.
    pub fn open(path: &Path) -> Result<Self, ReadError> {
        let shown = path.display();
        let dir =
            open_dir(path).map_err(|source| ReadError::Io { what: format!("layout {shown}"), source })?;
        let mut read = BTreeMap::new();
        let failed = |source| ReadError::Io { what: format!("layout {shown}"), source };
        read.insert(PathBuf::new(), FileStamp::from(&dir.metadata().map_err(failed)?));
        let mut small = |name: &str, limit| {
            let what = format!("{shown}/{name}");
            let file = open_below(&dir, Path::new(name)).map_err(|source| {
                if source.kind() == io::ErrorKind::NotFound {
                    return ReadError::NotFound {
                        what: format!("{what}: {shown} is not an OCI image layout; name the folder that has `oci-layout` and `index.json`"),
                    };
                }
                ReadError::Io { what: what.clone(), source }
            })?;
            read.insert(PathBuf::from(name), FileStamp::from(&file.metadata().map_err(failed)?));
            let bytes = read_small(file, &what, limit)?;
            parse_strict(&bytes, MAX_DEPTH)
                .map_err(|error| ReadError::Malformed { what, reason: error.to_string() })
        };
        let malformed = |reason: String| ReadError::Malformed { what: format!("layout {shown}"), reason };
        let marker = small("oci-layout", 4096)?;
        let version =
            Object::new("oci-layout", &marker).and_then(|object| object.string("imageLayoutVersion"));
        if !version.as_ref().is_ok_and(|version| version.starts_with("1.")) {
            return Err(malformed("its `oci-layout` does not name version 1".to_owned()));
        }
        let index = small("index.json", MAX_MANIFEST)?;
        let entries = read_index(&index).map_err(malformed)?;
        let (read, recall) = (Mutex::new(read), Recall::default());
        Ok(Self { path: path.to_owned(), dir, entries, read, scan: false, recall })
    }

    /// The folder, under the empty path, and every file that was read so far by its path below it, with the stamp that
    /// each had when it was opened.
    pub fn read(&self) -> Vec<(PathBuf, FileStamp)> {
        let read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        read.iter().map(|(path, stamp)| (path.clone(), *stamp)).collect()
    }

    /// Whether all that [`Layout::read`] gave is as it was: then reading it again gives the same.
    pub fn is_as_it_was(&self, read: &[(PathBuf, FileStamp)]) -> bool {
        // The path must still lead to the folder that is held open; what is below it is looked at from there.
        read.iter().all(|(path, stamp)| {
            let now = if path.as_os_str().is_empty() {
                FileStamp::of(&self.path)
            } else {
                FileStamp::below(&self.dir, path)
            };
            now == Some(*stamp)
        })
    }

    /// This layout, whose small blobs are searched too for referrers that `index.json` does not list. `cosign save`
    /// of version 3 writes the signature of an index that way.
    #[must_use]
    pub fn scanning_blobs(self) -> Self {
        Self { scan: true, ..self }
    }

    /// Manifests about `subject` among the blobs that nothing lists, in the order of their digests.
    fn unlisted(&self, subject: &Digest, listed: &BTreeSet<Digest>) -> Result<Vec<Descriptor>, ReadError> {
        let folder = self.path.join("blobs").join(Algorithm::Sha256.as_str());
        let io = |source| ReadError::Io { what: format!("the blobs of {}", self.describe()), source };
        let mut names = BTreeSet::new();
        for entry in fs::read_dir(folder).map_err(io)? {
            let name = entry.map_err(io)?.file_name();
            let digest = name.to_str().and_then(|name| format!("sha256:{name}").parse::<Digest>().ok());
            names.extend(digest.filter(|digest| !listed.contains(digest)));
            if names.len() > MAX_SCANNED {
                let reason = format!("it has more than {MAX_SCANNED} blobs, too many to search");
                return Err(ReadError::Malformed { what: self.describe(), reason });
            }
        }
        let mut found = Vec::new();
        let mut budget = MAX_SEARCH;
        for digest in names {
            let Some((file, size)) = self.open_blob(&digest)? else { continue };
            if size > MAX_SCANNED_SIZE {
                continue;
            }
            let Some(left) = budget.checked_sub(size) else { break };
            budget = left;
            let mut bytes = Vec::new();
            Verified::new(file, &digest, Some(size), MAX_SCANNED_SIZE)?
                .read_to_end(&mut bytes)
                .map_err(|error| ReadError::from_io(digest.to_string(), error))?;
            // Most blobs are no manifests at all.
            let Ok(Manifest::Image(manifest)) = Manifest::parse(&bytes, Some(media_type::OCI_MANIFEST))
            else {
                continue;
            };
            if manifest.subject.as_ref().is_some_and(|it| it.digest == *subject) {
                found.push(Descriptor {
                    media_type: media_type::OCI_MANIFEST.to_owned(),
                    digest,
                    size,
                    artifact_type: manifest.artifact_type,
                    annotations: BTreeMap::new(),
                    platform: None,
                });
            }
        }
        Ok(found)
    }

    /// The entries of `index.json`. Hints: nothing vouches for them.
    pub fn entries(&self) -> &[Descriptor] {
        &self.entries
    }

    fn named(&self, name: &str) -> Result<Option<Digest>, ReadError> {
        let named = |entry: &&Descriptor| entry.annotations.get(REF_NAME).is_some_and(|it| it == name);
        let found: BTreeSet<_> = self.entries.iter().filter(named).map(|entry| &entry.digest).collect();
        if found.len() > 1 {
            let reason = format!("{} different entries have the name `{name}`; name a digest", found.len());
            return Err(ReadError::Malformed { what: self.describe(), reason });
        }
        Ok(found.first().map(|digest| (*digest).clone()))
    }

    fn open_blob(&self, digest: &Digest) -> Result<Option<(File, u64)>, ReadError> {
        let path: PathBuf = ["blobs", digest.algorithm().as_str(), digest.hex()].iter().collect();
        let io = |source| ReadError::Io { what: format!("{digest} in {}", self.describe()), source };
        match open_below(&self.dir, &path) {
            Ok(file) => {
                let metadata = file.metadata().map_err(io)?;
                let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
                read.entry(path).or_insert_with(|| FileStamp::from(&metadata));
                Ok(Some((file, metadata.len())))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(io(error)),
        }
    }

    /// A small blob, checked, from the folder or from memory; `None` if it is not there.
    fn small(&self, digest: &Digest, cap: u64) -> Result<Option<Arc<[u8]>>, ReadError> {
        if let Some(known) = self.recall.bytes(digest) {
            return Ok(Some(known));
        }
        let Some((file, size)) = self.open_blob(digest)? else { return Ok(None) };
        self.read_small(file, digest, size, cap).map(Some)
    }

    fn read_small(&self, file: File, digest: &Digest, size: u64, cap: u64) -> Result<Arc<[u8]>, ReadError> {
        let mut bytes = Vec::with_capacity(usize::try_from(size.min(MAX_KEPT)).unwrap_or(0));
        Verified::new(file, digest, Some(size), cap)?
            .read_to_end(&mut bytes)
            .map_err(|error| ReadError::from_io(digest.to_string(), error))?;
        self.recall.keep(digest, &bytes);
        Ok(bytes.into())
    }

    /// What an entry says as a manifest; `None` if it is not there, or is none.
    fn parsed(&self, entry: &Descriptor) -> Result<Option<Arc<Manifest>>, ReadError> {
        if let Some(known) = self.recall.manifest(&entry.digest, &entry.media_type) {
            return Ok(Some(known));
        }
        let Some(bytes) = self.small(&entry.digest, MAX_MANIFEST)? else { return Ok(None) };
        // A manifest that does not parse can neither be an image nor a referrer of one.
        let Ok(manifest) = Manifest::parse(&bytes, Some(&entry.media_type)) else { return Ok(None) };
        let manifest = Arc::new(manifest);
        self.recall.keep_manifest(&entry.digest, &entry.media_type, &manifest);
        Ok(Some(manifest))
    }

    /// Whether the entry could be what somebody means by "the image in this layout".
    fn is_image(entry: &Descriptor, children: &BTreeSet<Digest>) -> bool {
        let name = entry.annotations.get(REF_NAME).map_or("", String::as_str);
        let attached = name.starts_with("sha256-")
            && [".sig", ".att", ".sbom"].iter().any(|suffix| name.ends_with(suffix));
        let kind = entry.annotations.get(COSIGN_KIND).map_or("", String::as_str);
        let cosign = kind.ends_with("/sigs") || kind.ends_with("/atts") || kind.ends_with("/sboms");
        is_manifest_type(&entry.media_type)
            && entry.artifact_type.is_none()
            && !attached
            && !cosign
            && !children.contains(&entry.digest)
    }

    /// Manifests that are reachable from `index.json`, with their descriptors, within the search limits.
    fn reachable(&self) -> Result<Vec<(Descriptor, Arc<Manifest>)>, ReadError> {
        let mut found = Vec::new();
        let mut seen = BTreeSet::new();
        let mut waiting: Vec<Descriptor> = self.entries.iter().rev().cloned().collect();
        let mut budget = MAX_SEARCH;
        while let Some(entry) = waiting.pop() {
            let known = is_manifest_type(&entry.media_type) && entry.size <= MAX_MANIFEST;
            if !known || seen.len() >= MAX_INDEX_ENTRIES || !seen.insert(entry.digest.clone()) {
                continue;
            }
            let Some(left) = budget.checked_sub(entry.size) else { break };
            budget = left;
            let Some(manifest) = self.parsed(&entry)? else { continue };
            if let Manifest::Index(index) = manifest.as_ref() {
                waiting.extend(index.manifests.iter().rev().cloned());
            }
            found.push((entry, manifest));
        }
        Ok(found)
    }
}

/// Gives what `index.json` lists, if some bytes are one.
pub(crate) fn listed(bytes: &[u8]) -> Result<Vec<Descriptor>, String> {
    read_index(&parse_strict(bytes, MAX_DEPTH).map_err(|error| error.to_string())?)
}

fn read_index(value: &Value) -> Result<Vec<Descriptor>, String> {
    let object = Object::new("index.json", value).map_err(|error| error.to_string())?;
    let list = object.list("manifests", MAX_INDEX_ENTRIES).map_err(|error| error.to_string())?;
    list.iter().map(|entry| Descriptor::parse(entry).map_err(|error| error.to_string())).collect()
}

impl Source for Layout {
    fn tag(&self, tag: &str) -> Result<Option<Digest>, ReadError> {
        self.named(tag)
    }

    fn only(&self) -> Result<Digest, ReadError> {
        let mut children = BTreeSet::new();
        let mut referrers = BTreeSet::new();
        for (entry, manifest) in self.reachable()? {
            if manifest.subject().is_some() {
                referrers.insert(entry.digest.clone());
            }
            if let Manifest::Index(index) = manifest.as_ref() {
                children.extend(index.manifests.iter().map(|child| child.digest.clone()));
            }
        }
        let images = self.entries.iter().filter(|entry| Self::is_image(entry, &children));
        let images: BTreeSet<_> =
            images.map(|entry| &entry.digest).filter(|digest| !referrers.contains(digest)).collect();
        match (images.first(), images.len()) {
            (Some(digest), 1) => Ok((*digest).clone()),
            (None, _) => {
                let what = format!("image in {}: none is in its index.json, name another", self.describe());
                Err(ReadError::NotFound { what })
            }
            (Some(_), count) => {
                let shown: Vec<_> = images.iter().take(8).map(|digest| digest.as_str()).collect();
                let what = format!(
                    "single image in {}: there are {count}; name one by `:TAG` or `@DIGEST`: {}",
                    self.describe(),
                    shown.join(", ")
                );
                Err(ReadError::NotFound { what })
            }
        }
    }

    fn manifest(&self, digest: &Digest) -> Result<Option<RawManifest>, ReadError> {
        let Some(bytes) = self.small(digest, MAX_MANIFEST)? else { return Ok(None) };
        let entry = self.entries.iter().find(|entry| entry.digest == *digest);
        Ok(Some(RawManifest {
            bytes: bytes.to_vec(),
            media_type: entry.map(|entry| entry.media_type.clone()),
        }))
    }

    fn blob(
        &self,
        digest: &Digest,
        size: Option<u64>,
        cap: u64,
    ) -> Result<Box<dyn Read + Send + '_>, ReadError> {
        let differs = |declared, found: String| ReadError::Size { digest: digest.clone(), declared, found };
        if let Some(known) = self.recall.bytes(digest) {
            let found = u64::try_from(known.len()).unwrap_or(u64::MAX);
            return match size {
                Some(declared) if declared != found => Err(differs(declared, format!("there are {found}"))),
                _ if found > cap => {
                    Err(ReadError::TooLarge { what: digest.to_string(), size: found, limit: cap })
                }
                _ => Ok(Box::new(io::Cursor::new(known))),
            };
        }
        let Some((file, found)) = self.open_blob(digest)? else {
            return Err(ReadError::NotFound {
                what: format!(
                    "{digest} in {}: copy the image there again, with all its blobs",
                    self.describe()
                ),
            });
        };
        if let Some(declared) = size.filter(|size| *size != found) {
            return Err(differs(declared, format!("its file has {found}")));
        }
        if found <= MAX_KEPT.min(cap) {
            let bytes = self.read_small(file, digest, found, cap)?;
            return Ok(Box::new(io::Cursor::new(bytes)));
        }
        Ok(Box::new(Verified::new(file, digest, Some(found), cap)?))
    }

    fn referrers(&self, subject: &Digest) -> Result<Vec<Descriptor>, ReadError> {
        let mut list = Vec::new();
        for (mut entry, manifest) in self.reachable()? {
            let about = manifest.subject().is_some_and(|it| it.digest == *subject);
            let kind = entry.annotations.get(COSIGN_KIND);
            let saved = kind.is_some_and(|kind| kind.ends_with("/sigs") || kind.ends_with("/atts"));
            if !about && !saved {
                continue;
            }
            // `oras cp` copies a wrong artifact type into index.json; the manifest's own word counts.
            if let Manifest::Image(image) = manifest.as_ref() {
                let own = image.artifact_type.clone().or_else(|| Some(image.config.media_type.clone()));
                entry.artifact_type = own.filter(|kind| kind != media_type::OCI_CONFIG);
            }
            list.push(entry);
            if list.len() >= MAX_REFERRERS {
                break;
            }
        }
        if self.scan {
            let listed = list.iter().map(|entry| entry.digest.clone()).collect();
            list.extend(self.unlisted(subject, &listed)?);
            list.truncate(MAX_REFERRERS);
        }
        Ok(list)
    }

    fn stamp(&self, digest: &Digest) -> Option<String> {
        let (file, _) = self.open_blob(digest).ok()??;
        Some(FileStamp::from(&file.metadata().ok()?).to_string())
    }

    fn repository(&self) -> Option<&Repository> {
        None
    }

    fn describe(&self) -> String {
        format!("layout {}", self.path.display())
    }
}
