//! The canonical form of a policy file.
//!
//! Keys stand in the order of the table of keys, entries in the author's order, one key a line; every comment is
//! kept, before or behind the key that it stood at. Formatting twice changes nothing more.

mod comments;
mod json;
mod toml;

use crate::read::{document_of, tree::Node};
use crate::refusal::{LoadError, Refusals};
use crate::source::{Format, PolicySource, Sources};

/// Writes a policy file in its canonical form. Only the file itself is read: names and trust files are not looked up.
///
/// # Errors
///
/// Everything that is wrong with the file by itself.
pub fn format(source: &PolicySource) -> Result<String, LoadError> {
    let mut refusals = Refusals::default();
    let tree: Option<Node> =
        document_of(&source.bytes, source.format, 0, &mut refusals).map(|(tree, _)| tree);
    let text = String::from_utf8_lossy(&source.bytes).into_owned();
    match tree {
        Some(tree) if refusals.is_empty() => Ok(match source.format {
            Format::Toml => toml::write(&tree, &text),
            Format::Json => json::write(&tree),
        }),
        _ => Err(LoadError::new(refusals.into_vec(), Sources::new([(source.name.clone(), text)]))),
    }
}
