//! From a trust policy's text to a policy.

use perry_sandbox_compose::{Budget, FileId as TreeFile, parse_yaml};
use perry_sandbox_policy::{FileError, PolicyFiles, PolicySource, SourceName, load};

use super::images;
use super::outcome::{ImportError, Imported, MOST_RULES};
use crate::input::{Kind, by_tree};
use crate::place::Texts;
use crate::trust::read_trust;

/// Writes a `policy.json` or `ClusterImagePolicy` as a policy.
///
/// # Errors
/// The text is neither of the two, or cannot be read whole.
pub fn import(name: &str, text: &str) -> Result<Imported, ImportError> {
    let mut texts = Texts::default();
    let file = texts.add(name, None, text);
    let documents = parse_yaml(text, TreeFile(0), &Budget::default()).map_err(|problems| {
        ImportError::Unreadable(
            problems.iter().map(|problem| format!("{name}: {}", problem.reason)).collect(),
        )
    })?;
    let Some(Kind::Trust(form)) = by_tree(&documents) else { return Err(ImportError::NoTrustPolicy) };
    let (rules, unread) = read_trust(form, &documents, file, &texts);
    if !unread.is_empty() {
        let told = unread.iter().map(|unread| {
            let line = texts.position(unread.place).line;
            let help = unread.help.as_deref().map(|help| format!("; {help}")).unwrap_or_default();
            format!("{name}:{line}: {}{help}", unread.message)
        });
        return Err(ImportError::Unreadable(told.collect()));
    }
    if rules.len() > MOST_RULES {
        return Err(ImportError::TooMany(rules.len()));
    }
    let imported = images::images(form, &rules, name, texts);
    match load(&[PolicySource::new("imported.toml", imported.policy.clone())], &AnyKey) {
        Ok(_) => Ok(imported),
        Err(error) => Err(ImportError::NotOurs(error.to_string())),
    }
}

/// Stands in for key files, which are not read here.
struct AnyKey;

/// A public key: only that there is one is looked at.
const SOME_KEY: &str = "-----BEGIN PUBLIC KEY-----\n\
    MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEd7BRCjRIrB24U8NSnzw5oqclrn+V\n\
    RLWRzshrhfO2ww4FmZmRW0qMpmoJrKAXCPUHu9vS5B5YLCfC4m8kBSr9+Q==\n\
    -----END PUBLIC KEY-----\n";

impl PolicyFiles for AnyKey {
    fn read(&self, _policy: &SourceName, _path: &str) -> Result<Vec<u8>, FileError> {
        Ok(SOME_KEY.as_bytes().to_vec())
    }
}
