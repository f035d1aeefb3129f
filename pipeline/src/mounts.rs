//! What a plan shows of the host, looked at before anything starts.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use perry_sandbox_policy::{LaunchPlan, Mount, Verdict};
use perry_sandbox_runner::mounts_single_files;
use thiserror::Error;

use crate::ask::{Answer, Asked, Pipeline};
use crate::error::PipelineError;

/// Something of the host that cannot be mounted.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SourceError {
    /// It is not there.
    #[error("{0} is not there, and nothing is made on the host: make it first")]
    Missing(String),
    /// A link leads to it.
    #[error("{path} leads to {} by a symbolic link, and no link is followed: name the real path", .real.display())]
    Link {
        /// The path as it is named.
        path: String,
        /// Where it leads.
        real: PathBuf,
    },
    /// Neither a folder nor a file.
    #[error("{0} is neither a folder nor a file: sockets, pipes and devices are not mounted")]
    Special(String),
    /// It cannot be looked at.
    #[error("{path} cannot be looked at: {source}")]
    Unreadable {
        /// The path.
        path: String,
        /// What the system said.
        source: io::Error,
    },
    /// The backend mounts folders only.
    #[error(
        "{backend} cannot mount the single file {path} without letting it be executed: mount its folder, or use the backend `native` or `podman`"
    )]
    SingleFile {
        /// The path.
        path: String,
        /// The backend.
        backend: String,
    },
}

/// What there is at a path of the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceKind {
    /// A folder.
    Folder,
    /// A file.
    File,
}

/// Looks at a path of the host that is to be mounted.
///
/// SECURITY: whoever mounts it by descriptor follows no link either; an engine resolves the path by itself.
///
/// # Errors
/// It cannot be mounted.
pub fn look_at_source(path: &str) -> Result<SourceKind, SourceError> {
    let unreadable = |error: io::Error| {
        if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) {
            SourceError::Missing(path.to_owned())
        } else {
            SourceError::Unreadable { path: path.to_owned(), source: error }
        }
    };
    let kind = fs::metadata(path).map_err(unreadable)?.file_type();
    let real = fs::canonicalize(path).map_err(unreadable)?;
    if real != Path::new(path) {
        return Err(SourceError::Link { path: path.to_owned(), real });
    }
    match kind {
        kind if kind.is_dir() => Ok(SourceKind::Folder),
        kind if kind.is_file() => Ok(SourceKind::File),
        _ => Err(SourceError::Special(path.to_owned())),
    }
}

impl Pipeline {
    /// Refuses an approval with a mount that cannot be, or that would show what decides about runs. [`Pipeline::admit`] does
    /// this too; who only explains must do it, to say what a run would.
    ///
    /// # Errors
    /// [`PipelineError::OwnFolder`], [`PipelineError::Source`].
    pub fn check_mounts(&self, asked: &Asked<'_>) -> Result<(), PipelineError> {
        let Answer::Decided(decided) = &asked.answer else { return Ok(()) };
        let Verdict::Allow(plan) = &decided.verdict else { return Ok(()) };
        plan.mounts.iter().try_for_each(|mount| self.is_beside_ours(asked, mount))?;
        plan.mounts.iter().try_for_each(|mount| Ok(check_source(plan, mount)?))
    }

    /// SECURITY: a mount that shows our own store, records or policies would let a program change what the next run
    /// trusts; so would one that shows the keys and trust roots that a policy names.
    fn is_beside_ours(&self, asked: &Asked<'_>, mount: &Mount) -> Result<(), PipelineError> {
        let own = self.own_folders().into_iter();
        let own = own.chain(&asked.policy_files).chain(&self.environment.default_policies);
        match overlapping(Path::new(&mount.source), own) {
            Some(own) => Err(PipelineError::OwnFolder { mount: mount.source.clone(), own }),
            None => Ok(()),
        }
    }

    /// Refuses a folder that a build would read, where our own store, records or keys are in it: they would be in an image, and
    /// a key would sign whatever its reader likes. Policies may be in it: they are no secret, and a build changes nothing.
    ///
    /// # Errors
    /// [`PipelineError::OwnContext`].
    pub fn check_context(&self, context: &Path) -> Result<(), PipelineError> {
        match overlapping(context, self.own_folders().into_iter()) {
            Some(own) => Err(PipelineError::OwnContext { context: context.to_owned(), own }),
            None => Ok(()),
        }
    }

    fn own_folders(&self) -> [&PathBuf; 2] {
        [&self.environment.data_dir, &self.environment.runtime_dir]
    }
}

fn check_source(plan: &LaunchPlan, mount: &Mount) -> Result<(), SourceError> {
    let backend = plan.backend.as_str();
    if look_at_source(&mount.source)? == SourceKind::File && !mounts_single_files(backend) {
        return Err(SourceError::SingleFile { path: mount.source.clone(), backend: backend.to_owned() });
    }
    Ok(())
}

/// The first of our own that a folder shows, or that it is in.
fn overlapping<'a>(shown: &Path, mut own: impl Iterator<Item = &'a PathBuf>) -> Option<PathBuf> {
    let shown = resolved(shown);
    own.find_map(|own| {
        let own = resolved(own);
        (own.starts_with(&shown) || shown.starts_with(&own)).then_some(own)
    })
}

/// The path without links. Of one that is not there, as far as it is there: it could be made where the links lead.
fn resolved(path: &Path) -> PathBuf {
    let found = path.ancestors().find_map(|there| {
        let rest = path.strip_prefix(there).ok()?;
        Some(there.canonicalize().ok()?.join(rest))
    });
    found.unwrap_or_else(|| path.to_owned())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn what_is_not_there_yet_is_found_where_links_lead() {
        let folder = tempfile::tempdir().unwrap();
        let real = folder.path().canonicalize().unwrap().join("real");
        fs::create_dir(&real).unwrap();
        let link = folder.path().join("home");
        symlink(&real, &link).unwrap();
        let policy = ".config/perry-sandbox/policy.toml";
        assert_eq!(resolved(&link.join(policy)), real.join(policy));
        assert_eq!(resolved(&link), real);
        assert_eq!(resolved(Path::new("/nonexistent/x")), Path::new("/nonexistent/x"));
    }

    #[test]
    fn folders_and_files_are_mounted_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().canonicalize().unwrap().join(name).display().to_string();
        fs::write(at("file"), "x").unwrap();
        symlink(at("file"), at("link")).unwrap();
        let _socket = UnixListener::bind(at("socket")).unwrap();
        assert_eq!(look_at_source(at(".").trim_end_matches("/.")).unwrap(), SourceKind::Folder);
        assert_eq!(look_at_source(&at("file")).unwrap(), SourceKind::File);
        assert!(matches!(look_at_source(&at("link")), Err(SourceError::Link { .. })));
        assert!(matches!(look_at_source(&at("socket")), Err(SourceError::Special(_))));
        for missing in ["missing", "file/below"] {
            assert!(matches!(look_at_source(&at(missing)), Err(SourceError::Missing(_))));
        }
    }
}
