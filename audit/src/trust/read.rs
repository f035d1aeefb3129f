//! From a trust policy's documents to its rules.

use perry_sandbox_compose::Node;

use super::model::TrustRule;
use super::{cluster_image_policy, policy_json};
use crate::input::{TrustForm, Unread};
use crate::place::{FileId, Texts};
use crate::shape::Shape;

/// Reads a trust policy's documents: its rules, and what could not be read.
pub(crate) fn read_trust(
    form: TrustForm,
    documents: &[Node],
    file: FileId,
    texts: &Texts,
) -> (Vec<TrustRule>, Vec<Unread>) {
    let mut shape = Shape { file, texts, unread: Vec::new() };
    let mut rules = Vec::new();
    for document in documents.iter().filter(|document| !document.is_null()) {
        match form {
            TrustForm::PolicyJson => policy_json::read(&mut shape, document, &mut rules),
            TrustForm::ClusterImagePolicy => cluster_image_policy::read(&mut shape, document, &mut rules),
        }
    }
    (rules, shape.unread)
}
