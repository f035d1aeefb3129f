//! Finding and loading the policy that decides.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use perry_sandbox_policy::{
    FileError as PolicyFileError, Policy, PolicyFiles, PolicySource, SourceName, load,
};
use perry_sandbox_reference::Digest;
use serde::{Deserialize, Serialize};

use crate::environment::Environment;
use crate::error::PipelineError;
use crate::files::{self, FileError, Seen};

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
#[derive(Debug, Clone)]
pub struct LoadedPolicy {
    /// The policy.
    pub policy: Arc<Policy>,
    /// Policy files, keys and trust roots, as they were found.
    pub(crate) seen: Arc<[Seen]>,
}

/// The policy of the choice, or nothing if none is named and there is no default policy.
///
/// # Errors
/// A file cannot be read, others can write it, it does not load, or it is not the one that is demanded.
pub fn find_policy(
    choice: &PolicyChoice,
    environment: &Environment,
) -> Result<Option<LoadedPolicy>, PipelineError> {
    let inputs = inputs(choice, environment);
    let found = if inputs.is_empty() { None } else { Some(load_policy(&inputs, environment)?) };
    demand(choice, found.as_ref())?;
    Ok(found)
}

/// The policies of the choice, else the first default policy that exists, else none.
pub(crate) fn inputs(choice: &PolicyChoice, environment: &Environment) -> Vec<PolicyInput> {
    // Only what is certainly not there is passed over: a policy that cannot be looked at must not count as none.
    let absent = |path: &Path| {
        std::fs::symlink_metadata(path).is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound)
    };
    if !choice.inputs.is_empty() {
        return choice.inputs.clone();
    }
    let default = environment.default_policies.iter().find(|path| !absent(path));
    default.cloned().map(PolicyInput::File).into_iter().collect()
}

/// Refuses another policy than the demanded one.
pub(crate) fn demand(choice: &PolicyChoice, found: Option<&LoadedPolicy>) -> Result<(), PipelineError> {
    let Some(wanted) = &choice.require else { return Ok(()) };
    let found = found.map(|loaded| loaded.policy.digest().to_string());
    if found.as_deref() == Some(wanted.as_str()) {
        return Ok(());
    }
    let found = found.unwrap_or_else(|| "no policy".to_owned());
    Err(PipelineError::OtherPolicy { wanted: wanted.clone(), found })
}

/// Loads these policies together.
///
/// # Errors
/// As [`find_policy`]; everything that is wrong in the policies is in the message.
pub fn load_policy(inputs: &[PolicyInput], environment: &Environment) -> Result<LoadedPolicy, PipelineError> {
    let trust = TrustFiles::new(environment.uid);
    let mut sources = Vec::new();
    for input in inputs {
        sources.push(match input {
            PolicyInput::File(path) => {
                let bytes = trust.open(path, MAX_POLICY)?;
                PolicySource::new(path.display().to_string(), bytes)
            }
            PolicyInput::Text { name, text } => PolicySource::new(name.as_str(), text.as_bytes()),
        });
    }
    let policy = Arc::new(load(&sources, &trust)?);
    Ok(LoadedPolicy { policy, seen: trust.seen.into_inner().into() })
}

/// Reads what a policy file names, relative to the policy's own folder.
#[derive(Debug)]
pub struct TrustFiles {
    uid: u32,
    seen: RefCell<Vec<Seen>>,
}

impl TrustFiles {
    /// Trusts files of root and of `uid`.
    pub fn new(uid: u32) -> Self {
        Self { uid, seen: RefCell::default() }
    }

    fn open(&self, path: &Path, limit: u64) -> Result<Vec<u8>, FileError> {
        let (bytes, seen) = files::read_seen(path, limit, self.uid)?;
        self.seen.borrow_mut().push(seen);
        Ok(bytes)
    }
}

impl PolicyFiles for TrustFiles {
    fn read(&self, policy: &SourceName, path: &str) -> Result<Vec<u8>, PolicyFileError> {
        let folder = Path::new(policy.as_str()).parent().unwrap_or(Path::new(""));
        let path = folder.join(path);
        self.open(&path, MAX_TRUST_FILE).map_err(|error| refused(&path, &error))
    }

    fn read_folder(
        &self,
        policy: &SourceName,
        path: &str,
    ) -> Result<Vec<(String, Vec<u8>)>, PolicyFileError> {
        let folder = Path::new(policy.as_str()).parent().unwrap_or(Path::new("")).join(path);
        let names = files::documents_in(&folder).map_err(|error| refused(&folder, &error))?;
        let read = |name: String| {
            let path = folder.join(&name);
            let bytes = self.open(&path, MAX_TRUST_FILE).map_err(|error| refused(&path, &error))?;
            Ok((name, bytes))
        };
        names.into_iter().map(read).collect()
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
        FileError::NotAFile(_)
        | FileError::Folder { .. }
        | FileError::TooLarge { .. }
        | FileError::NotText(_) => PolicyFileError::Unreadable { path: named, reason: error.to_string() },
    }
}
