//! From a profile's text or tree to its filters.

use perry_sandbox_compose::{Mapping, Node};
use perry_sandbox_profiles::SeccompProfile;

use super::filter::Filter;
use super::{oci, own, seccompiler};
use crate::input::{ProfileForm, Unread};
use crate::place::{FileId, Texts};
use crate::shape::Shape;

/// A profile that was read, as far as it could be.
#[derive(Debug, Default)]
pub(crate) struct ReadProfile {
    /// Its name, where it has one.
    pub(crate) name: Option<String>,
    pub(crate) filters: Vec<Filter>,
    /// What it means, where the crate of profiles reads the form.
    pub(crate) meaning: Option<Box<SeccompProfile>>,
    pub(crate) unread: Vec<Unread>,
}

/// Reads a profile; `documents` are empty for our own form, which is not YAML.
pub(crate) fn read_profile(
    form: ProfileForm,
    documents: &[Node],
    file: FileId,
    texts: &Texts,
) -> ReadProfile {
    if form == ProfileForm::Own {
        return match own::read(texts.text(file), file, texts) {
            Ok((name, filter, meaning)) => ReadProfile {
                name: Some(name),
                filters: vec![filter],
                meaning: Some(Box::new(meaning)),
                unread: Vec::new(),
            },
            Err(unread) => ReadProfile { unread: vec![unread], ..ReadProfile::default() },
        };
    }
    let mut shape = Shape { file, texts, unread: Vec::new() };
    let mut filters = Vec::new();
    for document in documents.iter().filter(|document| !document.is_null()) {
        match form {
            ProfileForm::Docker => filters.extend(oci::docker(&mut shape, document)),
            ProfileForm::Operator => filters.extend(oci::operator(&mut shape, document)),
            ProfileForm::Seccompiler => {
                let threads = document.mapping().into_iter().flat_map(Mapping::iter);
                filters.extend(threads.filter_map(|(_, node)| seccompiler::filter(&mut shape, node)));
            }
            ProfileForm::Own => {}
        }
    }
    let name = documents.first().and_then(|first| first.get("metadata")?.get("name")?.text());
    ReadProfile { name: name.map(str::to_owned), filters, meaning: None, unread: shape.unread }
}
