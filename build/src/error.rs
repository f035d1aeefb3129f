use std::io;
use std::path::{Path, PathBuf};

use perry_sandbox_image::{ReadError, ResolveError};
use perry_sandbox_policy::SignerName;
use perry_sandbox_runner::BuildError;
use thiserror::Error;

/// Why an image is not built, or not found.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BuildsError {
    /// A file or folder of this machine.
    #[error("`{}`: {source}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The context is no folder of this machine.
    #[error("the context `{0}` is no folder of this machine: name one; nothing is fetched for a build")]
    Context(String),
    /// The steps are elsewhere.
    #[error(
        "the steps `{}` are not in the context `{}`: put the file there, or write `dockerfile_inline`",
        steps.display(),
        context.display()
    )]
    StepsOutside {
        /// The file that they are in.
        steps: PathBuf,
        /// The context.
        context: PathBuf,
    },
    /// The steps cannot be read.
    #[error("the steps `{}` are not text of at most {most} bytes", steps.display())]
    Steps {
        /// The file.
        steps: PathBuf,
        /// The most that is read.
        most: u64,
    },
    /// It leads elsewhere than when it was decided about.
    #[error("the context `{}` is not in the folder that the policy grants: it was another one a moment ago", .0.display())]
    Moved(PathBuf),
    /// There is no such key.
    #[error("there is no key `{name}` in `{}`: make it by `perry-compose build --generate-key {name}`", folder.display())]
    NoKey {
        /// Its name.
        name: SignerName,
        /// Where keys are.
        folder: PathBuf,
    },
    /// There is one already.
    #[error("the key `{name}` is there already, and is kept: remove `{}` if nothing that it signed is to run again", file.display())]
    KeyIsThere {
        /// Its name.
        name: SignerName,
        /// Its file.
        file: PathBuf,
    },
    /// Others could read or change it.
    #[error("`{}` belongs to another user, or others can reach it: make a new key, and take the rights away (chmod 600)", .0.display())]
    KeyShared(PathBuf),
    /// Not a key.
    #[error("`{}` is no private key on P-256 in PEM (PKCS #8)", .0.display())]
    NotAKey(PathBuf),
    /// Nothing random to be had.
    #[error("the key library cannot make a key or a signature")]
    Crypto,
    /// The policy means another key by that name.
    #[error(
        "the policy's signer `{name}` has another key than `{}` here: let its `public-key` be `{}`",
        private.display(),
        public.display()
    )]
    OtherKey {
        /// Its name.
        name: SignerName,
        /// The private key.
        private: PathBuf,
        /// Its public half.
        public: PathBuf,
    },
    /// No builder, or it failed.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// What the builder wrote is no image.
    #[error("what the builder wrote cannot be used: {0}")]
    Read(#[from] ReadError),
    /// What the builder wrote is no image for this platform.
    #[error("what the builder wrote cannot be used: {0}")]
    Resolve(#[from] ResolveError),
    /// What is kept of a build was changed.
    #[error("`{}` does not say which image was built last: build it again", .0.display())]
    Record(PathBuf),
}

impl BuildsError {
    /// About this path.
    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }
}
