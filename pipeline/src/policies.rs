//! Finding and loading the policy that decides.

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use perry_sandbox_policy::{
    FileError as PolicyFileError, Policy, PolicyFiles, PolicySource, SourceName, load,
};
use perry_sandbox_reference::Digest;
use serde::{Deserialize, Serialize};

use crate::environment::Environment;
use crate::error::PipelineError;
use crate::files::{self, FileError};

/// One byte more than the reader takes, so that it is the reader who says what is too large.
pub const MAX_POLICY: u64 = 1024 * 1024 + 1;
/// Keys and trust roots that a policy names.
const MAX_TRUST_FILE: u64 = 4 * 1024 * 1024;

/// Which policy decides: these together, each can only tighten; none: the first default policy that exists.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct PolicyChoice {
    /// The policies.
    pub inputs: Vec<PolicyInput>,
    /// Nothing may be decided by any other resolved policy than this one.
    pub require: Option<Digest>,
}

/// One policy, TOML or JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum PolicyInput {
    /// In a file.
    File(PathBuf),
    /// In the caller's hands.
    Text {
        /// What it is called; the format follows the name (`.json`), and files that it names are beside it.
        name: String,
        /// The text.
        text: String,
    },
}

/// A policy, and the files that it was made of.
#[derive(Debug)]
pub struct LoadedPolicy {
    /// The policy.
    pub policy: Policy,
    /// Policy files, keys and trust roots, as they were opened.
    pub files: Vec<PathBuf>,
}

/// The policy of the choice, or nothing if none is named and there is no default policy.
///
/// # Errors
/// A file cannot be read, others can write it, it does not load, or it is not the one that is demanded.
pub(crate) fn find(
    choice: &PolicyChoice,
    environment: &Environment,
) -> Result<Option<LoadedPolicy>, PipelineError> {
    // Only what is certainly not there is passed over: a policy that cannot be looked at must not count as none.
    let absent = |path: &Path| {
        std::fs::symlink_metadata(path).is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound)
    };
    let default = || environment.default_policies.iter().find(|path| !absent(path));
    let found = if !choice.inputs.is_empty() {
        Some(read(&choice.inputs, environment)?)
    } else if let Some(path) = default() {
        Some(read(&[PolicyInput::File(path.clone())], environment)?)
    } else {
        None
    };
    if let Some(wanted) = &choice.require {
        let found = found.as_ref().map(|loaded| loaded.policy.digest().to_string());
        if found.as_deref() != Some(wanted.as_str()) {
            let found = found.unwrap_or_else(|| "no policy".to_owned());
            return Err(PipelineError::OtherPolicy { wanted: wanted.clone(), found });
        }
    }
    Ok(found)
}

/// Loads these together.
///
/// # Errors
/// As [`find`]; everything that is wrong in the policies is in the message.
pub(crate) fn read(inputs: &[PolicyInput], environment: &Environment) -> Result<LoadedPolicy, PipelineError> {
    let trust = TrustFiles::new(environment.uid);
    let mut sources = Vec::new();
    for input in inputs {
        sources.push(match input {
            PolicyInput::File(path) => {
                let bytes = files::read_trusted(path, MAX_POLICY, environment.uid)?;
                trust.opened.borrow_mut().push(path.clone());
                PolicySource::new(path.display().to_string(), bytes)
            }
            PolicyInput::Text { name, text } => PolicySource::new(name.as_str(), text.as_bytes()),
        });
    }
    let policy = load(&sources, &trust)?;
    Ok(LoadedPolicy { policy, files: trust.opened.into_inner() })
}

/// Reads what a policy file names, relative to the policy's own folder.
#[derive(Debug)]
pub struct TrustFiles {
    uid: u32,
    opened: RefCell<Vec<PathBuf>>,
}

impl TrustFiles {
    /// Trusts files of root and of `uid`.
    pub fn new(uid: u32) -> Self {
        Self { uid, opened: RefCell::default() }
    }
}

impl PolicyFiles for TrustFiles {
    fn read(&self, policy: &SourceName, path: &str) -> Result<Vec<u8>, PolicyFileError> {
        let folder = Path::new(policy.as_str()).parent().unwrap_or(Path::new(""));
        let path = folder.join(path);
        let bytes =
            files::read_trusted(&path, MAX_TRUST_FILE, self.uid).map_err(|error| refused(&path, &error))?;
        self.opened.borrow_mut().push(path);
        Ok(bytes)
    }
}

fn refused(path: &Path, error: &FileError) -> PolicyFileError {
    let named = path.display().to_string();
    match error {
        FileError::Io { source, .. } => {
            PolicyFileError::Unreadable { path: named, reason: source.to_string() }
        }
        FileError::Writable { path, who } => PolicyFileError::WritableByOthers {
            path: path.display().to_string(),
            reason: format!("{who} can write it; take the right away (chmod go-w)"),
        },
        FileError::NotAFile(_) | FileError::TooLarge { .. } | FileError::NotText(_) => {
            PolicyFileError::Unreadable { path: named, reason: error.to_string() }
        }
    }
}
