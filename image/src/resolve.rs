//! From a name to one platform's manifest: a tag is turned into a digest once, here, and an index into the
//! one child that fits the platform.

use perry_sandbox_reference::{Digest, Platform, Repository};
use thiserror::Error;

use crate::config::{ConfigError, ImageConfig};
use crate::descriptor::{Descriptor, media_type};
use crate::limits::{MAX_CONFIG, MAX_INDEX_DEPTH};
use crate::manifest::{ImageManifest, Index, Manifest, ManifestError};
use crate::name::Wanted;
use crate::source::{ReadError, Source, read_blob};

/// An image found, by digests all the way: nothing of it is verified by anybody's signature yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolvedImage {
    path: Vec<Descriptor>,
    bytes: Vec<Vec<u8>>,
    manifest: ImageManifest,
    repository: Option<Repository>,
    platform: Platform,
}

/// Why an image was not found.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ResolveError {
    /// The source could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A manifest on the way is refused.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The config is refused.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// There is no such image.
    #[error("found no {wanted} in {source_name}: check the name, or list what is there")]
    NotFound {
        /// What was wanted.
        wanted: String,
        /// Where.
        source_name: String,
    },
    /// No child of an index fits.
    #[error(
        "{index} has no image for {wanted}, it has: {found}; ask for one of those platforms, or for an image that was built for {wanted}"
    )]
    Platform {
        /// The index, or the image.
        index: Digest,
        /// The platform wanted.
        wanted: String,
        /// The platforms that are there.
        found: String,
    },
    /// Indexes stand too deep one inside the other.
    #[error("{index} is an index inside {MAX_INDEX_DEPTH} others: refused")]
    Nested {
        /// The innermost index.
        index: Digest,
    },
    /// A child is not as long as its index says.
    #[error("{digest} has {found} bytes, but its index says {declared}")]
    ChildSize {
        /// The child.
        digest: Digest,
        /// The size in the index.
        declared: u64,
        /// Its real size.
        found: usize,
    },
    /// It is not an image that can run.
    #[error("{digest} is not a runnable image: {reason}")]
    NotAnImage {
        /// The manifest.
        digest: Digest,
        /// What is wrong.
        reason: String,
    },
}

impl ResolvedImage {
    /// The digest that the name stands for: an index, or the manifest itself.
    pub fn top(&self) -> &Digest {
        self.path.first().map_or_else(|| self.config_digest(), |it| &it.digest)
    }

    /// The digest of the platform's manifest.
    pub fn manifest_digest(&self) -> &Digest {
        self.path.last().map_or_else(|| self.config_digest(), |it| &it.digest)
    }

    /// Descriptors from the top to the platform's manifest, each child as its index wrote it.
    pub fn path(&self) -> &[Descriptor] {
        &self.path
    }

    /// The manifest's bytes for each step of [`ResolvedImage::path`].
    pub fn path_bytes(&self) -> impl Iterator<Item = (&Descriptor, &[u8])> {
        self.path.iter().zip(self.bytes.iter().map(Vec::as_slice))
    }

    /// The bytes that [`ResolvedImage::top`] names.
    pub fn top_bytes(&self) -> &[u8] {
        self.bytes.first().map_or(&[], Vec::as_slice)
    }

    /// The bytes that [`ResolvedImage::manifest_digest`] names.
    pub fn manifest_bytes(&self) -> &[u8] {
        self.bytes.last().map_or(&[], Vec::as_slice)
    }

    /// The platform's manifest.
    pub fn manifest(&self) -> &ImageManifest {
        &self.manifest
    }

    /// The digest of the config: the image's id for docker.
    pub fn config_digest(&self) -> &Digest {
        &self.manifest.config.digest
    }

    /// The layers, lowest first.
    pub fn layers(&self) -> &[Descriptor] {
        &self.manifest.layers
    }

    /// The repository that it came from; `None` for a layout or archive.
    pub fn repository(&self) -> Option<&Repository> {
        self.repository.as_ref()
    }

    /// The platform that was asked for.
    pub fn platform(&self) -> &Platform {
        &self.platform
    }

    /// Fetches and reads the config, and checks that it belongs to this platform and these layers.
    ///
    /// # Errors
    /// [`ResolveError`].
    pub fn config(&self, source: &dyn Source) -> Result<ImageConfig, ResolveError> {
        let descriptor = &self.manifest.config;
        let not_image = |reason| ResolveError::NotAnImage { digest: self.manifest_digest().clone(), reason };
        if !matches!(descriptor.media_type.as_str(), media_type::OCI_CONFIG | media_type::DOCKER_CONFIG) {
            return Err(not_image(format!("its config is a `{}`", descriptor.media_type)));
        }
        let bytes = read_blob(source, &descriptor.digest, Some(descriptor.size), MAX_CONFIG)?;
        let config = ImageConfig::parse(&bytes)?;
        if !self.platform.accepts(&config.platform) {
            return Err(ResolveError::Platform {
                index: self.manifest_digest().clone(),
                wanted: self.platform.to_string(),
                found: config.platform.to_string(),
            });
        }
        let (layers, ids) = (self.layers().len(), config.diff_ids.len());
        if layers != ids || layers == 0 {
            return Err(not_image(format!("it has {layers} layers, and its config names {ids}")));
        }
        Ok(config)
    }
}

/// What a name stands for at this moment. Callers ask once, and use the digest from then on.
///
/// # Errors
/// [`ResolveError`].
pub fn digest_of_name(source: &dyn Source, wanted: &Wanted) -> Result<Digest, ResolveError> {
    match wanted {
        Wanted::Tag(tag) => source.tag(tag)?.ok_or_else(|| missing(source, format!("tag `{tag}`"))),
        Wanted::Digest(digest) => Ok(digest.clone()),
        Wanted::Only => Ok(source.only()?),
    }
}

fn missing(source: &dyn Source, wanted: String) -> ResolveError {
    ResolveError::NotFound { wanted, source_name: source.describe() }
}

/// Finds an image: the name becomes a digest exactly once, an index becomes the child for the platform.
///
/// # Errors
/// [`ResolveError`].
pub fn resolve(
    source: &dyn Source,
    wanted: &Wanted,
    platform: &Platform,
) -> Result<ResolvedImage, ResolveError> {
    let not_found = |digest: &Digest| missing(source, digest.to_string());
    let top = digest_of_name(source, wanted)?;
    let mut path: Vec<Descriptor> = Vec::new();
    let mut bytes: Vec<Vec<u8>> = Vec::new();
    let mut next = Next::Top(top);
    loop {
        let digest = next.digest().clone();
        let raw = source.manifest(&digest)?.ok_or_else(|| not_found(&digest))?;
        let (descriptor, manifest) = next.check(&raw)?;
        path.push(descriptor);
        bytes.push(raw.bytes);
        match manifest {
            Manifest::Image(manifest) => {
                let (repository, manifest) = (source.repository().cloned(), *manifest);
                return Ok(ResolvedImage { path, bytes, manifest, repository, platform: platform.clone() });
            }
            Manifest::Index(_) if path.len() > MAX_INDEX_DEPTH => {
                return Err(ResolveError::Nested { index: digest });
            }
            Manifest::Index(index) => next = Next::Child(choose(&digest, &index, platform)?),
        }
    }
}

/// The next step of the way: the top is known by digest only, a child by its descriptor.
enum Next {
    Top(Digest),
    Child(Descriptor),
}

impl Next {
    fn digest(&self) -> &Digest {
        match self {
            Self::Top(digest) => digest,
            Self::Child(descriptor) => &descriptor.digest,
        }
    }

    // SECURITY: the child's media type and size must be the ones in the index that may be signed.
    fn check(self, raw: &crate::manifest::RawManifest) -> Result<(Descriptor, Manifest), ResolveError> {
        // A body that names no type is what its index says, where the source says nothing.
        let outside = match &self {
            Self::Child(child) => raw.media_type.as_deref().or(Some(&child.media_type)),
            Self::Top(_) => raw.media_type.as_deref(),
        };
        let served = Manifest::parse(&raw.bytes, outside)?;
        let size = u64::try_from(raw.bytes.len()).unwrap_or(u64::MAX);
        match self {
            Self::Top(digest) => Ok((Descriptor::new(served.media_type(), digest, size), served)),
            Self::Child(child) if child.size != size => Err(ResolveError::ChildSize {
                digest: child.digest,
                declared: child.size,
                found: raw.bytes.len(),
            }),
            Self::Child(child) if child.media_type != served.media_type() => Err(ManifestError::Confusion {
                digest: child.digest,
                body: served.media_type().to_owned(),
                outside: child.media_type,
            }
            .into()),
            Self::Child(child) => Ok((child, served)),
        }
    }
}

/// The child for the platform: one that names exactly it, else the first that it accepts, else the only one
/// of an index that names no platforms.
fn choose(digest: &Digest, index: &Index, platform: &Platform) -> Result<Descriptor, ResolveError> {
    let list = || index.manifests.iter();
    let exact = list().find(|child| child.platform.as_ref() == Some(platform));
    let accepted = || list().find(|child| child.platform.as_ref().is_some_and(|it| platform.accepts(it)));
    let only = || match index.manifests.as_slice() {
        [child] if child.platform.is_none() => Some(child),
        _ => None,
    };
    exact.or_else(accepted).or_else(only).cloned().ok_or_else(|| {
        let found: Vec<_> =
            list().filter_map(|it| it.platform.as_ref()).take(16).map(ToString::to_string).collect();
        let found = if found.is_empty() { "none that is named".to_owned() } else { found.join(", ") };
        ResolveError::Platform { index: digest.clone(), wanted: platform.to_string(), found }
    })
}
