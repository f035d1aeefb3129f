use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// Why something was not copied, or not all of it. What was copied before stays.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CopyError {
    /// A file or folder cannot be used.
    #[error("cannot {what} `{}`: {source}", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// With what; a path of the sandbox or of the host.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Neither a file, a folder nor a link.
    #[error("`{}` is neither a file, a folder nor a link: only those are copied", .0.display())]
    Kind(PathBuf),
    /// More than is copied at once.
    #[error("`{}` has {what}: copy less of it at once", path.display())]
    TooMuch {
        /// Where it became too much.
        path: PathBuf,
        /// What there is too much of.
        what: &'static str,
    },
    /// Not an absolute path, or none that has a name.
    #[error("`{}` is no absolute path inside: write `/tmp/file`", .0.display())]
    Path(PathBuf),
}

impl CopyError {
    pub(super) fn io<E: Into<io::Error>>(
        what: &'static str,
        path: &std::path::Path,
    ) -> impl FnOnce(E) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { what, path, source: source.into() }
    }
}
