//! Trust policies of other tools, in both forms, as one kind of rule with places.

mod cluster_image_policy;
mod model;
mod policy_json;
mod subject;

pub use model::{Demand, DemandKind, Identity, IdentityPart, KeySource, TrustRule};

pub(crate) use subject::Subject;

use perry_sandbox_compose::Node;

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
