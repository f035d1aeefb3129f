//! Finding profiles by name or file.

use std::borrow::Cow;
use std::path::Path;

use perry_sandbox_pipeline::{into_text, read};
use perry_sandbox_profiles::{Arch, SeccompProfile};

use crate::stop::Stop;

/// One byte more than the reader takes, so that it is the reader who says what is too large.
const MOST: u64 = 256 * 1024 + 1;

/// The built-in profile of that name, or the one in the file.
///
/// # Errors
/// There is no such name and no such file, or the file is no profile.
pub(crate) fn profile(word: &str) -> anyhow::Result<Cow<'static, SeccompProfile>> {
    match SeccompProfile::builtin(word) {
        Some(builtin) => Ok(Cow::Borrowed(builtin)),
        None => file(Path::new(word)).map(Cow::Owned).map_err(|error| named(word, error)),
    }
}

/// The profile in a file.
///
/// # Errors
/// It cannot be read, or is no profile.
pub(crate) fn file(path: &Path) -> anyhow::Result<SeccompProfile> {
    let text = into_text(read(path, MOST)?, path)?;
    SeccompProfile::parse(&text).map_err(|error| Stop::usage(format!("{}: {error}", path.display())))
}

/// A word without a slash or a dot was meant as a name.
fn named(word: &str, error: anyhow::Error) -> anyhow::Error {
    if word.contains(['/', '.']) || Path::new(word).exists() {
        return error;
    }
    let known = SeccompProfile::builtin_names().join(", ");
    Stop::usage(format!("there is no profile `{word}`: it is neither a file nor one of {known}"))
}

/// The architecture that was asked for, or this machine's.
///
/// # Errors
/// Profiles do not cover this machine.
pub(crate) fn arch(wanted: Option<Arch>) -> anyhow::Result<Arch> {
    let known = "there is no seccomp table for this processor: name --arch x86_64 or aarch64";
    wanted.or(Arch::host()).ok_or_else(|| Stop::usage(known))
}
