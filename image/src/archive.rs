//! A file that `docker save` wrote: the layers and the config are in it, the manifest is made here.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read, Seek as _};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use perry_sandbox_reference::{Algorithm, Digest, Hasher, Repository};
use serde_json::json;

use crate::descriptor::{Descriptor, media_type};
use crate::json::{JsonError, MAX_DEPTH, Object, parse_strict};
use crate::limits::{MAX_CONFIG, MAX_LAYERS, MAX_MANIFEST, UnpackLimits};
use crate::manifest::RawManifest;
use crate::memory::Memory;
use crate::source::{ReadError, Source, Verified};
use crate::unpack::EntryPath;
use crate::unpack::tar::{Kind, TarReader};

/// Most entries of an archive.
const MAX_ENTRIES: usize = 16 * 1024;
const CHUNK: usize = 256 * 1024;
/// The media type of a bundle; its version is in the bundle itself.
const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";

/// A docker archive with one image. The manifest's digest is ours, because the file has none: it is the same
/// for the same layers and config, and who signs it hands a bundle over beside the file.
#[derive(Debug)]
pub struct Archive {
    path: PathBuf,
    file: File,
    blobs: BTreeMap<Digest, Stretch>,
    manifest: Vec<u8>,
    digest: Digest,
    tags: Vec<String>,
    /// What was handed over beside the file.
    attached: Memory,
}

/// Where some content lies in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stretch {
    offset: u64,
    size: u64,
}

/// An entry of the archive that has content.
#[derive(Debug, Clone)]
struct Member {
    place: Stretch,
    digest: Digest,
    /// The first bytes, which tell how it is packed.
    magic: [u8; 4],
}

/// Everything in the archive, by name.
#[derive(Debug, Default)]
struct Members {
    files: BTreeMap<EntryPath, Member>,
    links: BTreeMap<EntryPath, Vec<u8>>,
}

impl Archive {
    /// Opens an archive and reads it once, to know the digests of what is in it.
    ///
    /// # Errors
    /// [`ReadError`] when it is not a docker archive with exactly one image.
    pub fn open(path: &Path) -> Result<Self, ReadError> {
        let shown = path.display().to_string();
        let malformed = |reason: String| ReadError::Malformed { what: format!("archive {shown}"), reason };
        let io = |source| ReadError::Io { what: format!("archive {shown}"), source };
        let mut options = File::options();
        let file = options.read(true).custom_flags(nix::libc::O_NONBLOCK).open(path).map_err(io)?;
        if !file.metadata().map_err(io)?.is_file() {
            return Err(malformed("it is not a regular file".to_owned()));
        }
        let members = scan(&file).map_err(malformed)?;
        let get = |name: &str, limit: u64| -> Result<Vec<u8>, ReadError> {
            let member = members.find(name.as_bytes()).map_err(&malformed)?;
            read_member(&file, &member, limit)
        };
        let listing = get("manifest.json", MAX_MANIFEST)?;
        let image = read_listing(&listing).map_err(malformed)?;
        let config = members.find(image.config.as_bytes()).map_err(malformed)?;
        if config.place.size > MAX_CONFIG {
            return Err(malformed("its config is larger than is read".to_owned()));
        }
        let mut blobs = BTreeMap::from([(config.digest.clone(), config.place)]);
        let mut layers = Vec::new();
        for name in &image.layers {
            let layer = members.find(name.as_bytes()).map_err(malformed)?;
            layers.push(Descriptor::new(packing(layer.magic), layer.digest.clone(), layer.place.size));
            blobs.insert(layer.digest, layer.place);
        }
        let config = Descriptor::new(media_type::OCI_CONFIG, config.digest, config.place.size);
        let manifest = write_manifest(&config, &layers).into_bytes();
        let digest = Digest::of(&manifest);
        Ok(Self {
            path: path.to_owned(),
            file,
            blobs,
            manifest,
            digest,
            tags: image.tags,
            attached: Memory::default(),
        })
    }

    /// This archive with a bundle that may sign its image: the file itself has no place for one. It is found as one that
    /// a registry lists would be, and just as little is known about it.
    #[must_use]
    pub fn with_bundle(mut self, bundle: Vec<u8>) -> Self {
        let length = |bytes: &[u8]| u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let describe = |kind: &str, digest: &Digest, size| json!({"mediaType": kind, "digest": digest.as_str(), "size": size});
        let size = length(&bundle);
        let layer = describe(BUNDLE, &self.attached.add(bundle), size);
        let config = describe(media_type::EMPTY, &self.attached.add("{}"), 2);
        let subject = describe(media_type::OCI_MANIFEST, &self.digest, length(&self.manifest));
        let manifest = json!({
            "schemaVersion": 2, "mediaType": media_type::OCI_MANIFEST, "artifactType": BUNDLE,
            "config": config, "layers": [layer], "subject": subject,
        });
        self.attached.add_manifest(manifest.to_string(), media_type::OCI_MANIFEST);
        self
    }

    /// The names that the image had where it was saved. Hints: nothing vouches for them.
    pub fn tags(&self) -> &[String] {
        &self.tags
    }
}

impl Members {
    /// The member of a name, through at most one link: older versions of docker write a layer once, and link
    /// to it where it is needed again.
    fn find(&self, name: &[u8]) -> Result<Member, String> {
        let missing = || format!("it has no {}", crate::unpack::shown(name));
        let path = EntryPath::parse(name, &UnpackLimits::default()).map_err(|_| missing())?;
        if let Some(member) = self.files.get(&path) {
            return Ok(member.clone());
        }
        let target = self.links.get(&path).ok_or_else(missing)?;
        let mut parts: Vec<&[u8]> = path.as_bytes().split(|b| *b == b'/').collect();
        parts.pop();
        for part in target.split(|b| *b == b'/') {
            match part {
                b".." if parts.pop().is_none() => return Err(missing()),
                b".." | b"." | b"" => {}
                other => parts.push(other),
            }
        }
        let target = EntryPath::parse(&parts.join(&b'/'), &UnpackLimits::default());
        target.ok().and_then(|target| self.files.get(&target)).cloned().ok_or_else(missing)
    }
}

/// Walks the archive once and hashes every member.
fn scan(file: &File) -> Result<Members, String> {
    let mut archive = TarReader::new(BufReader::with_capacity(CHUNK, file));
    let mut members = Members::default();
    let limits = UnpackLimits::default();
    while let Some(entry) = archive.next_entry().map_err(|error| explain(file, error.to_string()))? {
        if members.files.len().saturating_add(members.links.len()) >= MAX_ENTRIES {
            return Err(format!("it has more than {MAX_ENTRIES} entries"));
        }
        let path = EntryPath::parse(&entry.name, &limits).map_err(|fault| fault.to_string())?;
        match entry.kind {
            Kind::File => {
                let offset = archive.get_mut().stream_position().map_err(|error| error.to_string())?;
                let (digest, magic) = hash(&mut archive).map_err(|error| error.to_string())?;
                let place = Stretch { offset, size: entry.size };
                members.files.insert(path, Member { place, digest, magic });
            }
            Kind::Symlink => drop(members.links.insert(path, entry.link)),
            Kind::Directory => {}
            Kind::Sparse(_) | Kind::HardLink | Kind::Device | Kind::Pipe | Kind::Other => {
                return Err(format!("its entry {path} is of a kind that docker does not write"));
            }
        }
    }
    Ok(members)
}

/// A compressed archive fails at its first header; saying so helps more than a wrong checksum.
fn explain(file: &File, reason: String) -> String {
    let mut magic = [0_u8; 4];
    let known = file.read_exact_at(&mut magic, 0).is_ok() && packing(magic) != media_type::OCI_LAYER;
    if known { "it is compressed: unpack it first, e.g. with gunzip".to_owned() } else { reason }
}

fn hash(content: &mut impl Read) -> std::io::Result<(Digest, [u8; 4])> {
    let mut hasher = Hasher::new(Algorithm::Sha256);
    let mut magic = Vec::new();
    let mut buf = vec![0_u8; CHUNK];
    loop {
        let count = content.read(&mut buf)?;
        let piece = buf.get(..count).unwrap_or_default();
        if count == 0 {
            magic.resize(4, 0);
            return Ok((hasher.finish(), magic.try_into().unwrap_or_default()));
        }
        let wanted = 4_usize.saturating_sub(magic.len()).min(count);
        magic.extend_from_slice(piece.get(..wanted).unwrap_or_default());
        hasher.update(piece);
    }
}

fn packing(magic: [u8; 4]) -> &'static str {
    match magic {
        [0x1f, 0x8b, ..] => media_type::OCI_LAYER_GZIP,
        [0x28, 0xb5, 0x2f, 0xfd] => media_type::OCI_LAYER_ZSTD,
        _ => media_type::OCI_LAYER,
    }
}

/// What `manifest.json` says about the one image.
struct Listing {
    config: String,
    layers: Vec<String>,
    tags: Vec<String>,
}

/// Whether some bytes are a `manifest.json` that can be used.
pub(crate) fn understands(bytes: &[u8]) -> bool {
    read_listing(bytes).is_ok()
}

fn read_listing(bytes: &[u8]) -> Result<Listing, String> {
    let text = |error: JsonError| format!("its manifest.json cannot be used: {error}");
    let value = parse_strict(bytes, MAX_DEPTH).map_err(text)?;
    let images = value.as_array().map_or(&[][..], Vec::as_slice);
    let [image] = images else {
        let count = images.len();
        return Err(format!("it has {count} images, and must have exactly one: save them one by one"));
    };
    let object = Object::new("manifest.json", image).map_err(text)?;
    Ok(Listing {
        config: object.string("Config").map_err(text)?.to_owned(),
        layers: object.strings("Layers", MAX_LAYERS).map_err(text)?,
        tags: object.strings("RepoTags", 1024).map_err(text)?,
    })
}

/// The manifest, always in the same bytes for the same content.
fn write_manifest(config: &Descriptor, layers: &[Descriptor]) -> String {
    let write = |it: &Descriptor| {
        format!(r#"{{"mediaType":"{}","digest":"{}","size":{}}}"#, it.media_type, it.digest, it.size)
    };
    let layers: Vec<_> = layers.iter().map(write).collect();
    format!(
        r#"{{"schemaVersion":2,"mediaType":"{}","config":{},"layers":[{}]}}"#,
        media_type::OCI_MANIFEST,
        write(config),
        layers.join(",")
    )
}

fn read_member(file: &File, member: &Member, limit: u64) -> Result<Vec<u8>, ReadError> {
    let mut bytes = Vec::new();
    Verified::new(Window::new(file, member.place), &member.digest, Some(member.place.size), limit)?
        .read_to_end(&mut bytes)
        .map_err(|error| ReadError::from_io("manifest.json", error))?;
    Ok(bytes)
}

/// Reads a stretch of a file without moving anybody's position.
struct Window<'a> {
    file: &'a File,
    offset: u64,
    left: u64,
}

impl<'a> Window<'a> {
    fn new(file: &'a File, place: Stretch) -> Self {
        Self { file, offset: place.offset, left: place.size }
    }
}

impl Read for Window<'_> {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buf.len());
        let count = self.file.read_at(buf.get_mut(..most).unwrap_or_default(), self.offset)?;
        let step = u64::try_from(count).unwrap_or(u64::MAX);
        self.offset = self.offset.saturating_add(step);
        self.left = self.left.saturating_sub(step);
        Ok(count)
    }
}

impl Source for Archive {
    fn tag(&self, tag: &str) -> Result<Option<Digest>, ReadError> {
        Ok(self.tags.iter().any(|known| known == tag).then(|| self.digest.clone()))
    }

    fn only(&self) -> Result<Digest, ReadError> {
        Ok(self.digest.clone())
    }

    fn manifest(&self, digest: &Digest) -> Result<Option<RawManifest>, ReadError> {
        let media_type = Some(media_type::OCI_MANIFEST.to_owned());
        if *digest == self.digest {
            return Ok(Some(RawManifest { bytes: self.manifest.clone(), media_type }));
        }
        self.attached.manifest(digest)
    }

    fn blob(
        &self,
        digest: &Digest,
        size: Option<u64>,
        cap: u64,
    ) -> Result<Box<dyn Read + Send + '_>, ReadError> {
        let missing = || ReadError::NotFound { what: format!("{digest} in {}", self.describe()) };
        let Some(&place) = self.blobs.get(digest) else {
            return match self.attached.blob(digest, size, cap) {
                Err(ReadError::NotFound { .. }) => Err(missing()),
                answer => answer,
            };
        };
        let window = Window::new(&self.file, place);
        Ok(Box::new(Verified::new(window, digest, Some(size.unwrap_or(place.size)), cap)?))
    }

    fn referrers(&self, subject: &Digest) -> Result<Vec<Descriptor>, ReadError> {
        self.attached.referrers(subject)
    }

    fn repository(&self) -> Option<&Repository> {
        None
    }

    fn describe(&self) -> String {
        format!("archive {}", self.path.display())
    }
}
