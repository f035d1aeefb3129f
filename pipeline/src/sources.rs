//! From an image's name to the place that its content is read from.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use perry_sandbox_image::{
    Access, Archive, CredentialFile, Credentials, ImageName, Insecure, Layout, ReadError, Registry, Roots,
    Source, Store, StoredImage, Wanted,
};
use perry_sandbox_reference::{Reference, Repository};
use serde::{Deserialize, Serialize};

use crate::environment::Environment;
use crate::error::PipelineError;

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

/// Opens the place that the name stands for. The store answers for a registry where it holds the digest already.
pub(crate) fn open<'store>(
    name: &ImageName,
    access: &AccessChoice,
    environment: &Environment,
    store: &'store Store,
) -> Result<Opened<'store>, PipelineError> {
    let wanted = name.wanted();
    let source: Arc<dyn Source + 'store> = match name {
        ImageName::Layout { dir, .. } => Arc::new(open_layout(dir, access)?),
        ImageName::Archive { file } => Arc::new(Archive::open(file)?),
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
