//! Words that a caller meant from where it stands, written out for whoever asks by them again and stands elsewhere.

use std::path::{Path, PathBuf};

use crate::error::PipelineError;
use crate::policies::{PolicyChoice, PolicyInput};
use crate::signer::{KeyChoice, SignerChoice};
use crate::sources::AccessChoice;

/// Makes every path of these absolute.
///
/// # Errors
/// The working folder is gone, or its path is not text.
pub fn write_out(
    policy: &mut PolicyChoice,
    signer: &mut SignerChoice,
    access: &mut AccessChoice,
) -> Result<(), PipelineError> {
    for input in &mut policy.inputs {
        match input {
            PolicyInput::File(path) => write_out_path(path)?,
            // What it names is beside it.
            PolicyInput::Text { name, .. } => *name = text(&absolute(Path::new(name))?)?,
        }
    }
    if let Some(KeyChoice::File(path)) = &mut signer.key {
        write_out_path(path)?;
    }
    let named = [&mut signer.trusted_root, &mut access.registry_ca, &mut access.bundle];
    named.into_iter().flatten().try_for_each(write_out_path)
}

/// The name of an image from `folder`, if it is a path: `oci:DIR[:TAG|@DIGEST]` or `docker-archive:FILE`.
pub fn image_from(folder: &str, name: &str) -> String {
    for scheme in ["oci:", "docker-archive:"] {
        if let Some(rest) = name.strip_prefix(scheme).filter(|rest| !rest.starts_with('/')) {
            // Only what stands before it is written out: the end may be a tag.
            return format!("{scheme}{}/{rest}", folder.trim_end_matches('/'));
        }
    }
    name.to_owned()
}

/// The folder that relative paths are meant from.
///
/// # Errors
/// It is gone, or its path is not text.
pub fn here() -> Result<String, PipelineError> {
    text(&absolute(Path::new("."))?)
}

fn write_out_path(path: &mut PathBuf) -> Result<(), PipelineError> {
    *path = absolute(path)?;
    Ok(())
}

fn absolute(path: &Path) -> Result<PathBuf, PipelineError> {
    std::path::absolute(path)
        .map_err(|source| PipelineError::Kept(format!("`{}` has no absolute path: {source}", path.display())))
}

fn text(path: &Path) -> Result<String, PipelineError> {
    let not_text = || PipelineError::Kept(format!("the path `{}` is not text", path.display()));
    path.to_str().map(str::to_owned).ok_or_else(not_text)
}
