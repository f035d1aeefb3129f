//! Where the values of a project's secrets come from.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::os::unix::fs::OpenOptionsExt as _;

use nix::fcntl::OFlag;
use perry_sandbox_policy::SecretName;
use perry_sandbox_runner::{Secret, Secrets};

use crate::model::{Stack, ValueSource};

/// The values of a service's secrets, from the files and variables that the project names.
///
/// # Errors
/// One has no source, or its source has no value.
pub fn secrets_of(
    stack: &Stack,
    variables: &BTreeMap<String, String>,
    service: &str,
) -> Result<Secrets, String> {
    let mut secrets = Secrets::default();
    let service = stack.services.get(service).into_iter().flat_map(|service| &service.secrets);
    let sources: BTreeSet<&String> = service.map(|mount| &mount.value.source).collect();
    for source in sources {
        let (name, value) = value(&stack.secrets, variables, source)?;
        secrets.insert(name, value).map_err(|error| error.to_string())?;
    }
    Ok(secrets)
}

/// The values of all secrets of a project that can be had, for what was made from an earlier form of its files: each picks
/// its own, and names those that are missing. One that cannot be read is missing only to who needs it.
///
/// # Errors
/// Two secrets have one name.
pub fn secrets_there(
    sources: &BTreeMap<String, ValueSource>,
    variables: &BTreeMap<String, String>,
) -> Result<Secrets, String> {
    let mut secrets = Secrets::default();
    for (name, value) in sources.keys().filter_map(|source| value(sources, variables, source).ok()) {
        secrets.insert(name, value).map_err(|error| error.to_string())?;
    }
    Ok(secrets)
}

fn value(
    sources: &BTreeMap<String, ValueSource>,
    variables: &BTreeMap<String, String>,
    source: &str,
) -> Result<(SecretName, Secret), String> {
    let name: SecretName = source.parse().map_err(|error| format!("{error}"))?;
    let value = match sources.get(source) {
        Some(ValueSource::File(path)) => {
            let file = open(path).map_err(|why| format!("the secret `{source}`: `{path}`: {why}"))?;
            Secret::read(&name, file)
        }
        Some(ValueSource::Variable(variable)) => {
            let value = variables.get(variable).ok_or_else(|| {
                format!("the secret `{source}` is to be the variable `{variable}`, which is not set: set it")
            })?;
            Secret::of_bytes(&name, value.clone().into_bytes())
        }
        Some(ValueSource::Elsewhere(_) | ValueSource::Content(_)) | None => {
            return Err(format!("the secret `{source}` has no source"));
        }
    };
    Ok((name, value.map_err(|error| error.to_string())?))
}

/// Opens a file, and nothing that is waited for, such as a pipe that nobody writes to.
fn open(path: &str) -> Result<File, String> {
    let flags = OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    let opened = File::options().read(true).custom_flags(flags.bits()).open(path);
    let file = opened.map_err(|error| error.to_string())?;
    let metadata = file.metadata().map_err(|error| error.to_string())?;
    if metadata.is_file() { Ok(file) } else { Err("it is no file".to_owned()) }
}
