//! From an image's name to the place that its content is read from.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use perry_sandbox_image::limits::MAX_ATTACHMENT;
use perry_sandbox_image::{
    Access, Archive, CredentialFile, Credentials, ImageName, Insecure, Layout, ReadError, Registry,
    ResolvedImage, Roots, Source, Store, StoredImage, Wanted, resolve,
};
use perry_sandbox_reference::{Platform, Reference, Repository};
use serde::{Deserialize, Serialize};

use crate::environment::Environment;
use crate::error::PipelineError;
use crate::files::read;

/// How registries are reached; nothing here changes what is verified.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct AccessChoice {
    /// Registries (host and, if not 80, port) that are spoken to in plain HTTP; those on this machine are anyway.
    pub insecure_registries: BTreeSet<String>,
    /// Certificates that registries are trusted by, PEM; none: the system's.
    pub registry_ca: Option<PathBuf>,
    /// When to ask the registry.
    pub pull: Pull,
    /// Layouts are searched for signatures that they do not list.
    #[serde(default)]
    pub scan_layouts: bool,
    /// A bundle that may sign the image of a docker archive, which has no place for one. It is one more candidate.
    #[serde(default)]
    pub bundle: Option<PathBuf>,
}

/// When the registry is asked for an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pull {
    /// For a tag always, for a digest that the store does not have.
    #[default]
    Missing,
    /// Always.
    Always,
    /// Never: only what the store has.
    Never,
}

/// A source, and what is wanted of it.
#[derive(Debug)]
pub struct Opened<'store> {
    /// Where content comes from.
    pub source: Arc<dyn Source + 'store>,
    /// Which image of it.
    pub wanted: Wanted,
}

/// How long a registry may take to give a manifest or configuration.
const SMALL_READ: Duration = Duration::from_secs(60);

impl Opened<'_> {
    /// The image of that platform, in bounded time.
    ///
    /// # Errors
    /// It is not there, or not what its digests name.
    pub fn resolve(&self, platform: &Platform) -> Result<ResolvedImage, PipelineError> {
        Ok(in_time(self.source.as_ref(), |source| resolve(source, &self.wanted, platform))?)
    }
}

/// Reads something small: a registry that answers one byte at a time would hold us forever.
pub(crate) fn in_time<T>(source: &dyn Source, read: impl FnOnce(&dyn Source) -> T) -> T {
    source.set_deadline(Instant::now().checked_add(SMALL_READ));
    let found = read(source);
    source.set_deadline(None);
    found
}

/// Reads every layer of a layout or archive, so that one that was changed is found before it runs. Stops early, and
/// says so by `false`, when `go_on` does.
///
/// # Errors
/// A layer is not there, or not what its digest names.
pub fn hash_layers(
    source: &dyn Source,
    image: &ResolvedImage,
    go_on: &dyn Fn() -> bool,
) -> Result<bool, PipelineError> {
    for layer in image.layers() {
        if !go_on() {
            return Ok(false);
        }
        let mut content = source.blob(&layer.digest, Some(layer.size), layer.size)?;
        std::io::copy(&mut content, &mut std::io::sink())
            .map_err(|error| ReadError::from_io(format!("layer {}", layer.digest), error))?;
    }
    Ok(true)
}

/// Opens the place that the name stands for. The store answers for a registry where it holds the digest already.
pub(crate) fn open<'store>(
    name: &ImageName,
    access: &AccessChoice,
    environment: &Environment,
    store: &'store Store,
) -> Result<Opened<'store>, PipelineError> {
    refuse_bundle(name, access)?;
    let wanted = name.wanted();
    let source: Arc<dyn Source + 'store> = match name {
        ImageName::Layout { dir, .. } => Arc::new(open_layout(dir, access)?),
        ImageName::Archive { file } => Arc::new(open_archive(file, access)?),
        ImageName::Registry(reference) => {
            if let Some(image) = stored(name, reference, access.pull, store)? {
                let wanted = Wanted::Digest(image.top().clone());
                return Ok(Opened { source: Arc::new(store.source(image)), wanted });
            }
            let access = registry_access(reference.repository(), access, environment)?;
            Arc::new(Registry::new(reference.repository().clone(), access)?)
        }
    };
    Ok(Opened { source, wanted })
}

/// Opens a layout, searching its blobs too where that is asked for.
pub(crate) fn open_layout(dir: &Path, access: &AccessChoice) -> Result<Layout, ReadError> {
    let layout = Layout::open(dir)?;
    Ok(if access.scan_layouts { layout.scanning_blobs() } else { layout })
}

/// Opens an archive, with the bundle that was named beside it.
fn open_archive(file: &Path, access: &AccessChoice) -> Result<Archive, PipelineError> {
    let archive = Archive::open(file)?;
    Ok(match &access.bundle {
        Some(bundle) => archive.with_bundle(read(bundle, MAX_ATTACHMENT)?),
        None => archive,
    })
}

/// A bundle that nobody would look at must not look like a signature that counts.
pub(crate) fn refuse_bundle(name: &ImageName, access: &AccessChoice) -> Result<(), PipelineError> {
    match (name, &access.bundle) {
        (ImageName::Layout { .. } | ImageName::Registry(_), Some(_)) => {
            Err(PipelineError::BundleBeside(name.to_string()))
        }
        (_, None) | (ImageName::Archive { .. }, Some(_)) => Ok(()),
    }
}

/// The stored image that may answer instead of the registry: one with the very digest that is wanted, or, where the
/// registry may not be asked, the one that was pulled by this name.
fn stored(
    name: &ImageName,
    reference: &Reference,
    pull: Pull,
    store: &Store,
) -> Result<Option<StoredImage>, PipelineError> {
    let found = match (pull, reference.digest()) {
        (Pull::Always, _) | (Pull::Missing, None) => None,
        (Pull::Missing | Pull::Never, Some(digest)) => store
            .find(digest.as_str())?
            .into_iter()
            .find(|image| image.top() == digest && image.repository.as_ref() == Some(reference.repository())),
        (Pull::Never, None) => {
            let text = name.to_string();
            store.list()?.into_iter().filter(|image| image.name == text).max_by_key(|image| image.stored_at)
        }
    };
    if found.is_none() && pull == Pull::Never {
        return Err(PipelineError::NotStored(reference.clone()));
    }
    Ok(found)
}

/// How the registry is reached: docker's credentials for it, and plain HTTP only where the caller or the loopback says so.
fn registry_access(
    repository: &Repository,
    access: &AccessChoice,
    environment: &Environment,
) -> Result<Access, PipelineError> {
    let credentials = match &environment.docker_config {
        Some(path) => CredentialFile::read(path)?.for_registry(repository.registry())?,
        None => Credentials::None,
    };
    let hosts = access.insecure_registries.clone();
    Ok(Access {
        credentials,
        insecure: if hosts.is_empty() { Insecure::Loopback } else { Insecure::Hosts(hosts) },
        roots: access.registry_ca.clone().map_or(Roots::System, Roots::File),
        proxy: environment.proxy.clone(),
        no_proxy: environment.no_proxy.clone(),
        ..Access::default()
    })
}
