//! Secrets on the command line: names, and files that have the values. A value itself is never an argument.

use std::convert::Infallible;
use std::fs::File;
use std::path::PathBuf;
use std::str::FromStr;

use perry_sandbox_policy::SecretName;
use perry_sandbox_runner::{Secret, Secrets};

use crate::stop::Stop;

/// `NAME=FILE`; to explain, `NAME` alone will do.
///
/// SECURITY: whoever writes a value instead of a file has shown it to all who list processes, but finds it in no message:
/// what is behind the `=` is never printed.
#[derive(Clone)]
pub(crate) struct SecretArg {
    name: String,
    file: Option<PathBuf>,
}

impl std::fmt::Debug for SecretArg {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.name.fmt(f)
    }
}

impl FromStr for SecretArg {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        let (name, file) = text.split_once('=').map_or((text, None), |(name, file)| (name, Some(file)));
        let file = file.filter(|file| !file.is_empty()).map(PathBuf::from);
        Ok(Self { name: name.to_owned(), file })
    }
}

impl SecretArg {
    /// The name, if it is one.
    pub(crate) fn name(&self) -> anyhow::Result<SecretName> {
        self.name.parse().map_err(|error| Stop::usage(format!("--secret: {error}")))
    }
}

/// Reads the values.
///
/// # Errors
/// A file is not named, cannot be read, or is too long.
pub(crate) fn secrets(wanted: &[SecretArg]) -> anyhow::Result<Secrets> {
    let mut secrets = Secrets::default();
    for argument in wanted {
        let name = argument.name()?;
        let file = argument.file.as_ref().ok_or_else(|| {
            Stop::usage(format!("--secret {name}: name the file that has its value: --secret {name}=FILE"))
        })?;
        let open = File::open(file).map_err(|error| {
            Stop::usage(format!("--secret {name}: cannot open the file that is named for it: {error}"))
        })?;
        let value = Secret::read(&name, open).map_err(Stop::usage)?;
        secrets.insert(name, value).map_err(Stop::usage)?;
    }
    Ok(secrets)
}
