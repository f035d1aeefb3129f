//! Variables: text, or a reference to another node.

use std::collections::BTreeMap;
use std::num::NonZeroU16;

use serde_json::Value;

use super::object::{Found, MOST_ENTRIES, Object, quoted};
use crate::model::{Projection, Reference};

/// References by the names of their variables, each with its place.
pub(super) type References = Vec<(String, Reference, String)>;

/// `env`. Values may be secrets: no message has one.
pub(super) fn read(object: &mut Object<'_>, found: &mut Found) -> (BTreeMap<String, String>, References) {
    let (mut texts, mut references) = (BTreeMap::new(), Vec::new());
    for (name, at, value) in object.entries("env", MOST_ENTRIES, found) {
        if name.is_empty() || name.contains(['=', '\0']) {
            found.add(&at, format_args!("`{}` is no name of a variable", quoted(name)));
        }
        match value {
            Value::String(text) if text.contains('\0') => found.add(&at, "has a NUL character"),
            Value::String(text) => {
                texts.insert(name.clone(), text.clone());
            }
            Value::Object(_) => {
                if let Some(reference) = reference(value, at.clone(), found) {
                    references.push((name.clone(), reference, at));
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => {
                found.add(&at, "is expected to be text, or a reference `{nodeId, projection, port?}`");
            }
        }
    }
    (texts, references)
}

fn reference(value: &Value, at: String, found: &mut Found) -> Option<Reference> {
    let mut object = Object::of(value, at, found)?;
    object.require("nodeId", "the node that is meant", found);
    object.require("projection", "`endpoint`, `ip` or `internalUrl`", found);
    let node = object.text("nodeId", found);
    let words = [
        ("endpoint", Projection::Endpoint),
        ("ip", Projection::Ip),
        ("internalUrl", Projection::InternalUrl),
    ];
    let projection = object.word("projection", &words, found);
    let port = object.count("port", found);
    let small = port.map(|port| u16::try_from(port).ok().and_then(NonZeroU16::new));
    if small == Some(None) {
        found.add(&object.place("port"), "is no port");
    }
    object.finish(found);
    Some(Reference { node: node?.to_owned(), projection: projection?, port: small.flatten() })
}
