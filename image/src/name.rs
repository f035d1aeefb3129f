//! How a person names an image: a registry reference, a layout folder, or a docker archive.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use perry_sandbox_reference::{Digest, DigestError, Reference, ReferenceError};
use thiserror::Error;

/// An image as named on a command line or in a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImageName {
    /// In a registry.
    Registry(Reference),
    /// In an OCI image layout: `oci:DIR`, `oci:DIR:TAG`, or `oci:DIR@DIGEST`.
    Layout {
        /// The folder.
        dir: PathBuf,
        /// Which image of it.
        select: Wanted,
    },
    /// In a file that `docker save` wrote: `docker-archive:FILE`.
    Archive {
        /// The file.
        file: PathBuf,
    },
}

/// Which image of a source is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// The one that a tag or layout name points at now.
    Tag(String),
    /// Exactly this one.
    Digest(Digest),
    /// The only one there is.
    Only,
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(tag) => write!(f, "`{tag}`"),
            Self::Digest(digest) => write!(f, "{digest}"),
            Self::Only => f.write_str("the only image"),
        }
    }
}

/// Why some text does not name an image.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ImageNameError {
    /// Not an image reference.
    #[error(transparent)]
    Reference(#[from] ReferenceError),
    /// The part after `@` is not a digest.
    #[error("the part after `@` is not usable: {0}")]
    Digest(#[from] DigestError),
    /// The name of a layout's entry is not printable.
    #[error("`{0}` cannot name an image of a layout: expected up to 255 printable characters without spaces")]
    LayoutName(String),
    /// No path after the scheme.
    #[error("`{0}` names no file or folder: expected `oci:DIR[:TAG|@DIGEST]` or `docker-archive:FILE`")]
    NoPath(String),
}

impl ImageName {
    /// Which image of the source is wanted.
    pub fn wanted(&self) -> Wanted {
        match self {
            Self::Registry(reference) => match (reference.digest(), reference.tag()) {
                (Some(digest), _) => Wanted::Digest(digest.clone()),
                (None, Some(tag)) => Wanted::Tag(tag.as_str().to_owned()),
                (None, None) => Wanted::Only,
            },
            Self::Layout { select, .. } => select.clone(),
            Self::Archive { .. } => Wanted::Only,
        }
    }

    /// The registry reference, if it is one.
    pub fn reference(&self) -> Option<&Reference> {
        match self {
            Self::Registry(reference) => Some(reference),
            Self::Layout { .. } | Self::Archive { .. } => None,
        }
    }
}

impl FromStr for ImageName {
    type Err = ImageNameError;

    fn from_str(text: &str) -> Result<Self, ImageNameError> {
        let no_path = || ImageNameError::NoPath(text.chars().take(160).collect());
        if let Some(file) = text.strip_prefix("docker-archive:") {
            if file.is_empty() || file.contains('\0') {
                return Err(no_path());
            }
            return Ok(Self::Archive { file: PathBuf::from(file) });
        }
        let Some(rest) = text.strip_prefix("oci:") else { return Ok(Self::Registry(text.parse()?)) };
        let (dir, select) = split_layout(rest)?;
        if dir.as_os_str().is_empty() || rest.contains('\0') {
            return Err(no_path());
        }
        Ok(Self::Layout { dir: dir.to_owned(), select })
    }
}

/// Takes the tag or digest off a layout's path: an `@` or `:` after the last slash starts it.
fn split_layout(text: &str) -> Result<(&Path, Wanted), ImageNameError> {
    let last = text.rfind('/').unwrap_or(0);
    if let Some((dir, digest)) = text.rsplit_once("@sha").filter(|(dir, _)| dir.len() > last) {
        return Ok((Path::new(dir), Wanted::Digest(format!("sha{digest}").parse()?)));
    }
    // The entry's name may itself be `registry/repository:tag`, so the first colon after a path component
    // that is not part of one would be ambiguous; like other tools, the last one counts.
    let Some((dir, name)) = text.rsplit_once(':').filter(|(dir, _)| dir.len() >= last) else {
        return Ok((Path::new(text), Wanted::Only));
    };
    let fits = (1..=255).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_graphic());
    if !fits {
        return Err(ImageNameError::LayoutName(name.chars().take(160).collect()));
    }
    Ok((Path::new(dir), Wanted::Tag(name.to_owned())))
}

impl fmt::Display for ImageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Registry(reference) => write!(f, "{reference}"),
            Self::Archive { file } => write!(f, "docker-archive:{}", file.display()),
            Self::Layout { dir, select } => {
                write!(f, "oci:{}", dir.display())?;
                match select {
                    Wanted::Tag(tag) => write!(f, ":{tag}"),
                    Wanted::Digest(digest) => write!(f, "@{digest}"),
                    Wanted::Only => Ok(()),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back_as_written() {
        let digest = Digest::of(b"");
        for text in [
            "registry.example:5000/acme/tools:v1",
            "oci:some/dir",
            "oci:/some/dir:v1",
            "oci:../dir.with.dots:v1",
            "docker-archive:/tmp/x:y.tar",
            &format!("oci:/d/e@{digest}"),
        ] {
            assert_eq!(text.parse::<ImageName>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn a_layout_keeps_colons_of_its_folders() {
        let name: ImageName = "oci:/a:b/c".parse().unwrap();
        assert_eq!(name, ImageName::Layout { dir: "/a:b/c".into(), select: Wanted::Only });
        assert_eq!(name.wanted(), Wanted::Only);
    }

    #[test]
    fn empty_paths_and_bad_selectors_are_refused() {
        for text in
            ["oci:", "oci::v1", "docker-archive:", "oci:/d:", "oci:/d:a b", "oci:/d@sha256:12", "oci:a\0b"]
        {
            assert!(text.parse::<ImageName>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_digest_is_wanted_before_a_tag() {
        let digest = Digest::of(b"");
        let name: ImageName = format!("r.example/a:v1@{digest}").parse().unwrap();
        assert_eq!(name.wanted(), Wanted::Digest(digest));
    }
}
