//! From an image's name to the place that its content is read from.

use std::collections::BTreeSet;

use perry_sandbox_image::{
    Access, Archive, CredentialFile, Credentials, ImageName, Insecure, Layout, Registry, Roots, Source,
    Store, StoredImage, Wanted,
};
use perry_sandbox_reference::{Reference, Repository};

use crate::args::{AccessArgs, Pull};
use crate::environment::Environment;
use crate::exit::Exit;
use crate::stop::Stop;

/// A source, and what is wanted of it.
#[derive(Debug)]
pub(crate) struct Opened<'store> {
    /// Where content comes from.
    pub(crate) source: Box<dyn Source + 'store>,
    /// Which image of it.
    pub(crate) wanted: Wanted,
}

/// Opens the store, and makes it where it is not there yet.
pub(crate) fn open_store(environment: &Environment) -> anyhow::Result<Store> {
    Ok(Store::open(&environment.data_dir)?)
}

/// Opens the place that the name stands for. The store answers for a registry where it holds the digest already.
pub(crate) fn open_source<'store>(
    name: &ImageName,
    access: &AccessArgs,
    environment: &Environment,
    store: &'store Store,
) -> anyhow::Result<Opened<'store>> {
    let wanted = name.wanted();
    let source: Box<dyn Source + 'store> = match name {
        ImageName::Layout { dir, .. } => Box::new(Layout::open(dir)?),
        ImageName::Archive { file } => Box::new(Archive::open(file)?),
        ImageName::Registry(reference) => {
            if let Some(image) = stored(name, access.pull, store)? {
                let wanted = Wanted::Digest(image.top().clone());
                return Ok(Opened { source: Box::new(store.source(image)), wanted });
            }
            let access = registry_access(reference.repository(), access, environment)?;
            Box::new(Registry::new(reference.repository().clone(), access)?)
        }
    };
    Ok(Opened { source, wanted })
}

/// The stored image that may answer instead of the registry: one with the very digest that is wanted, or, where the
/// registry may not be asked, the one that was pulled by this name.
fn stored(name: &ImageName, pull: Pull, store: &Store) -> anyhow::Result<Option<StoredImage>> {
    let reference = name.reference();
    let digest = reference.and_then(|reference| reference.digest());
    let repository = reference.map(Reference::repository);
    let found = match (pull, digest) {
        (Pull::Always, _) | (Pull::Missing, None) => None,
        (Pull::Missing | Pull::Never, Some(digest)) => store
            .find(digest.as_str())?
            .into_iter()
            .find(|image| image.top() == digest && image.repository.as_ref() == repository),
        (Pull::Never, None) => {
            let text = name.to_string();
            store.list()?.into_iter().filter(|image| image.name == text).max_by_key(|image| image.stored_at)
        }
    };
    match (found, pull) {
        (None, Pull::Never) => Err(Stop::with(
            Exit::Failure,
            format!("the store has no {name}, and --pull never forbids asking its registry"),
        )),
        (found, _) => Ok(found),
    }
}

/// How the registry is reached: docker's credentials for it, and plain HTTP only where a flag or the loopback says so.
fn registry_access(
    repository: &Repository,
    access: &AccessArgs,
    environment: &Environment,
) -> anyhow::Result<Access> {
    let credentials = match &environment.docker_config {
        Some(path) => CredentialFile::read(path)?.for_registry(repository.registry())?,
        None => Credentials::None,
    };
    let hosts: BTreeSet<String> =
        access.insecure_registry.iter().filter(|host| !host.is_empty()).cloned().collect();
    Ok(Access {
        credentials,
        insecure: if hosts.is_empty() { Insecure::Loopback } else { Insecure::Hosts(hosts) },
        roots: access.registry_ca.clone().map_or(Roots::System, Roots::File),
        proxy: environment.proxy.clone(),
        no_proxy: environment.no_proxy.clone(),
        ..Access::default()
    })
}
