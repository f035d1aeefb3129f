//! Finding and loading the policy that decides.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use perry_sandbox_policy::{
    FileError, ImageSubject, Policy, PolicyFiles, PolicySource, Request, Requirement, SourceName, Target,
    Terminal, WantedGrants, WantedLimits, decide_requirement, load,
};
use perry_sandbox_reference::Repository;

use crate::args::PolicyFileArgs;
use crate::environment::Environment;
use crate::exit::Exit;
use crate::stop::Stop;
use crate::{files, output};

/// One byte more than the reader takes, so that it is the reader who says what is too large.
const MAX_POLICY: u64 = 1024 * 1024 + 1;
/// Keys and trust roots that a policy names.
const MAX_TRUST_FILE: u64 = 4 * 1024 * 1024;

/// The policy of `--policy`, else the first default policy that exists, else nothing.
///
/// # Errors
/// A file cannot be read, others can write it, it does not load, or it is not the one that `--require-policy` names.
pub(crate) fn find(args: &PolicyFileArgs, environment: &Environment) -> anyhow::Result<Option<Policy>> {
    let files = if args.policy.is_empty() {
        // Only what is certainly not there is passed over: a policy that cannot be looked at must not count as none.
        let absent = |path: &Path| {
            std::fs::symlink_metadata(path).is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound)
        };
        environment.default_policies.iter().find(|path| !absent(path)).cloned().into_iter().collect()
    } else {
        args.policy.clone()
    };
    let policy = if files.is_empty() { None } else { Some(read(&files, environment)?) };
    if let Some(required) = &args.require_policy {
        let found = policy.as_ref().map(|policy| policy.digest().to_string());
        if found.as_deref() != Some(required.as_str()) {
            let found = found.unwrap_or_else(|| "no policy".to_owned());
            return Err(Stop::with(
                Exit::Denied,
                format!("--require-policy wants {required}, but what would decide is {found}"),
            ));
        }
    }
    Ok(policy)
}

/// What the policy demands of an image that is named by itself, as `[ad-hoc]` says.
///
/// # Errors
/// There is no policy, or it has no rule for the image.
pub(crate) fn requirement_for_image(
    args: &PolicyFileArgs,
    repository: Option<Repository>,
    environment: &Environment,
) -> anyhow::Result<Requirement> {
    let policy = find(args, environment)?.ok_or_else(|| {
        Stop::usage("say who must have signed: --key, --certificate-identity with --certificate-oidc-issuer, or --policy")
    })?;
    let request = Request {
        target: Target::AdHoc,
        tier: None,
        args: Vec::new(),
        entrypoint: None,
        env: BTreeMap::new(),
        grants: WantedGrants::default(),
        limits: WantedLimits::default(),
        terminal: Terminal::None,
    };
    match decide_requirement(&policy, &request, &ImageSubject { repository }) {
        Ok(required) => Ok(required.requirement),
        Err(denial) => {
            let reasons: Vec<_> = denial.iter().map(ToString::to_string).collect();
            Err(Stop::with(Exit::Denied, format!("denied: {}", reasons.join("; "))))
        }
    }
}

/// Loads these files together.
///
/// # Errors
/// As [`find`]; everything that is wrong in the files is in the message.
pub(crate) fn read(paths: &[PathBuf], environment: &Environment) -> anyhow::Result<Policy> {
    let mut sources = Vec::new();
    for path in paths {
        let bytes = files::read_trusted(path, MAX_POLICY, environment.uid).map_err(Stop::usage)?;
        sources.push(PolicySource::new(path.display().to_string(), bytes));
    }
    load(&sources, &TrustFiles { uid: environment.uid })
        .map_err(|error| Stop::usage(error.render(output::stderr_has_color())))
}

/// Reads what a policy file names, relative to the policy's own folder.
pub(crate) struct TrustFiles {
    /// The user whose files are trusted, beside root's.
    pub(crate) uid: u32,
}

impl PolicyFiles for TrustFiles {
    fn read(&self, policy: &SourceName, path: &str) -> Result<Vec<u8>, FileError> {
        let folder = Path::new(policy.as_str()).parent().unwrap_or(Path::new(""));
        files::read_trusted(&folder.join(path), MAX_TRUST_FILE, self.uid).map_err(|error| {
            let path = folder.join(path).display().to_string();
            match &error {
                files::FileError::Io { source, .. } => {
                    FileError::Unreadable { path, reason: source.to_string() }
                }
                files::FileError::Writable { path, who } => FileError::WritableByOthers {
                    path: path.display().to_string(),
                    reason: format!("{who} can write it; take the right away (chmod go-w)"),
                },
                files::FileError::NotAFile(_)
                | files::FileError::TooLarge { .. }
                | files::FileError::NotText(_) => FileError::Unreadable { path, reason: error.to_string() },
            }
        })
    }
}
