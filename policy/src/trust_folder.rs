//! Several trust roots in one folder: which files count, and what is pinned.

use perry_sandbox_reference::Digest;
use serde::Serialize;
use thiserror::Error;

use crate::names::TrustRootName;
use crate::requirement::{TrustRoot, TrustRootSource};

/// Most documents of a folder.
pub const MAX_DOCUMENTS: usize = 32;
/// Most bytes of all of them together.
const MAX_BYTES: usize = 16 << 20;
const ENDING: &str = ".json";

/// One `trusted_root.json` of a folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TrustDocument {
    /// The file's name.
    pub name: String,
    /// Digest of `json`.
    pub digest: Digest,
    /// The document itself.
    #[serde(skip)]
    pub json: String,
}

/// Why some files are no folder of trust roots.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TrustFolderError {
    /// Nothing in it.
    #[error("it has no trust root: put at least one `NAME.json` there")]
    Empty,
    /// More than is read.
    #[error("it has more than {MAX_DOCUMENTS} files: leave only those that are trusted")]
    TooMany,
    /// More bytes than are read.
    #[error("its files have more than {MAX_BYTES} bytes together: leave only those that are trusted")]
    TooLarge,
    /// Something that is no document.
    #[error(
        "it has `{0}`, which is no `NAME.json` of letters, digits, `.`, `_` and `-`: nothing else may be in a folder of trust roots"
    )]
    Name(String),
}

/// Whether a file of this name is a document of a folder of trust roots: `NAME.json`, and nothing that a listing would
/// have to escape.
///
/// # Errors
/// [`TrustFolderError::Name`].
pub fn check_document_name(name: &str) -> Result<(), TrustFolderError> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    let stem = name.strip_suffix(ENDING).unwrap_or_default();
    let starts = stem.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
    if starts && name.len() <= 128 && name.bytes().all(plain) {
        return Ok(());
    }
    Err(TrustFolderError::Name(name.chars().take(128).collect()))
}

impl TrustRoot {
    /// A folder's documents, by name, as one trust root. Each stands for itself: a signature must hold wholly within one.
    /// Its digest is over the sorted lines `SHA256  NAME`, as `sha256sum *.json | sha256sum` gives it in that folder.
    ///
    /// # Errors
    /// [`TrustFolderError`].
    pub fn folder(name: TrustRootName, files: Vec<(String, String)>) -> Result<Self, TrustFolderError> {
        if files.is_empty() {
            return Err(TrustFolderError::Empty);
        }
        if files.len() > MAX_DOCUMENTS {
            return Err(TrustFolderError::TooMany);
        }
        if files.iter().map(|(_, json)| json.len()).fold(0, usize::saturating_add) > MAX_BYTES {
            return Err(TrustFolderError::TooLarge);
        }
        let mut documents = Vec::with_capacity(files.len());
        for (name, json) in files {
            check_document_name(&name)?;
            documents.push(TrustDocument { digest: Digest::of(json.as_bytes()), name, json });
        }
        documents.sort_by(|a, b| a.name.cmp(&b.name));
        let digest = listed(&documents);
        Ok(Self { name, json: String::new(), digest, source: TrustRootSource::Folder { documents } })
    }

    /// Whether the documents are those that the digest names.
    pub fn is_whole(&self) -> bool {
        match &self.source {
            TrustRootSource::Folder { documents } => {
                documents.iter().all(|it| it.digest.matches(it.json.as_bytes()))
                    && listed(documents) == self.digest
            }
            TrustRootSource::File | TrustRootSource::SigstorePublic { .. } => {
                self.digest.matches(self.json.as_bytes())
            }
        }
    }
}

fn listed(documents: &[TrustDocument]) -> Digest {
    let lines: Vec<_> = documents.iter().map(|it| format!("{}  {}\n", it.digest.hex(), it.name)).collect();
    Digest::of(lines.concat().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, &str)]) -> Result<TrustRoot, TrustFolderError> {
        let files = files.iter().map(|(name, json)| ((*name).to_owned(), (*json).to_owned())).collect();
        TrustRoot::folder("roots".parse().unwrap(), files)
    }

    #[test]
    fn the_digest_is_that_of_the_sorted_list_and_changes_with_each_file() {
        let one = folder(&[("b.json", "2"), ("a.json", "1")]).unwrap();
        // printf 1 >a.json; printf 2 >b.json; sha256sum *.json | sha256sum
        assert_eq!(one.digest.hex(), "bf6b55a3b7da3b1e15912afd12085674171c5dd69066647018a397ce39477458");
        assert_eq!(folder(&[("a.json", "1"), ("b.json", "2")]).unwrap(), one);
        for other in
            [&[("a.json", "2"), ("b.json", "1")][..], &[("a.json", "1")], &[("a.json", "1"), ("c.json", "2")]]
        {
            assert_ne!(folder(other).unwrap().digest, one.digest);
        }
        assert!(one.is_whole());
        let mut changed = one.clone();
        let TrustRootSource::Folder { documents } = &mut changed.source else { unreachable!() };
        documents[0].json.push(' ');
        assert!(!changed.is_whole());
        let mut shorter = one;
        let TrustRootSource::Folder { documents } = &mut shorter.source else { unreachable!() };
        documents.pop();
        assert!(!shorter.is_whole());
    }

    #[test]
    fn only_plain_names_and_a_bounded_number_of_documents_are_taken() {
        assert_eq!(folder(&[]), Err(TrustFolderError::Empty));
        for name in
            ["", ".json", "a", "a.JSON", "a.json~", ".a.json", "a/b.json", "a\n.json", "-a.json", "ä.json"]
        {
            assert!(matches!(folder(&[(name, "x")]), Err(TrustFolderError::Name(_))), "{name}");
        }
        let names: Vec<_> = (0..=MAX_DOCUMENTS).map(|at| format!("{at}.json")).collect();
        let many: Vec<_> = names.iter().map(|name| (name.as_str(), "x")).collect();
        assert_eq!(folder(&many), Err(TrustFolderError::TooMany));
        assert!(folder(&many[1..]).is_ok());
    }
}
