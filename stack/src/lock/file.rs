use std::collections::BTreeMap;
use std::fmt::Write as _;

use perry_sandbox_image::ImageName;
use perry_sandbox_reference::{Digest, Reference};
use serde::{Deserialize, Serialize};

use crate::judge::Judged;

const SCHEMA: &str = "perry-sandbox/compose-lock/v1";
const HEAD: &str = "\
# Which digest each image's name stood for when its signature was verified, and who had signed it.
# Written by `perry-compose lock`; these digests and no others are run. A signature is verified again each time, and must be theirs.
";

/// Digests of images by the names that a project's files give them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Lock {
    schema: String,
    /// The images.
    #[serde(default, rename = "image")]
    pub images: BTreeMap<String, Locked>,
}

/// An image as it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Locked {
    /// What its name stood for.
    pub digest: Digest,
    /// Who had signed it, by the policy's names.
    pub signers: Vec<String>,
}

/// Why a text is no lock.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LockError {
    /// Not the format.
    #[error("it is not a lock of images: {0}")]
    Format(String),
    /// Another version of it.
    #[error("its schema is `{0}`: expected `{SCHEMA}`; write it anew by `perry-compose lock`")]
    Schema(String),
}

impl Lock {
    /// The lock of images that are verified.
    pub fn of(names: &BTreeMap<String, String>, judged: &[Judged]) -> Self {
        // What is built here has another digest tomorrow, and nobody else's signature.
        let images = judged.iter().filter(|one| one.built.is_none()).filter_map(|one| {
            let signed = one.signed.as_ref()?;
            let locked = Locked { digest: signed.digest.clone(), signers: signed.signers.clone() };
            Some((names.get(&one.service)?.clone(), locked))
        });
        Self { schema: SCHEMA.to_owned(), images: images.collect() }
    }

    /// Reads a lock.
    ///
    /// # Errors
    /// The text is none, or one of another version.
    pub fn read(text: &str) -> Result<Self, LockError> {
        let lock: Self =
            toml::from_str(text).map_err(|error| LockError::Format(error.message().to_owned()))?;
        if lock.schema == SCHEMA { Ok(lock) } else { Err(LockError::Schema(lock.schema)) }
    }

    /// The text of the lock's file: the same lock, the same text.
    pub fn to_text(&self) -> String {
        let mut text = format!("{HEAD}schema = {}\n", quoted(&self.schema));
        for (name, locked) in &self.images {
            let signers: Vec<String> = locked.signers.iter().map(|signer| quoted(signer)).collect();
            let (name, digest) = (quoted(name), quoted(locked.digest.as_str()));
            let _ = write!(text, "\n[image.{name}]\ndigest = {digest}\nsigners = [{}]\n", signers.join(", "));
        }
        text
    }

    /// Why an image whose signature holds is not the one that was locked: those who had signed it then have not, by what is proved
    /// now. Further signers are welcome.
    pub(crate) fn other_signers(&self, image: &str, signers: &[String]) -> Option<String> {
        let locked = &self.images.get(image)?.signers;
        let missing: Vec<&str> =
            locked.iter().filter(|one| !signers.contains(one)).map(String::as_str).collect();
        if missing.is_empty() {
            return None;
        }
        let (missing, found) = (missing.join(", "), signers.join(", "));
        Some(format!(
            "`perry-compose.lock` says that `{image}` was signed by {missing}, and by what holds now it is signed by {found}: find out who has changed that, and \
             only then write it down by `perry-compose lock`"
        ))
    }

    /// The image by its digest; nothing if the lock does not have it.
    pub fn pinned(&self, image: &str) -> Option<String> {
        pinned(image, &self.images.get(image)?.digest)
    }
}

/// An image's name with the digest that it stands for; nothing for what is no name of an image.
pub(crate) fn pinned(image: &str, digest: &Digest) -> Option<String> {
    match image.parse().ok()? {
        ImageName::Registry(reference) => {
            Some(Reference::pinned(reference.repository().clone(), digest.clone()).to_string())
        }
        ImageName::Layout { dir, .. } => Some(format!("oci:{}@{digest}", dir.display())),
        // An archive has one image, which is looked at anew.
        ImageName::Archive { .. } => Some(image.to_owned()),
    }
}

fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}
