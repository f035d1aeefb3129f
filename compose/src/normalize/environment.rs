use std::collections::BTreeMap;

use crate::node::{Mapping, Node};

/// Gives the variables that a service only names, in a list, the values that the environment has for them.
pub(crate) fn resolve_environment(root: &mut Node, environment: &BTreeMap<String, String>) {
    let services = root.get_mut("services").and_then(Node::mapping_mut);
    for (_, service) in services.into_iter().flat_map(Mapping::iter_mut) {
        let Some(list) = service.get_mut("environment").and_then(Node::sequence_mut) else { continue };
        list.retain(|item| item.text().is_some());
        for item in list {
            let found = item.text().and_then(|name| Some(format!("{name}={}", environment.get(name)?)));
            if let Some(found) = found {
                *item = item.text_here(found);
            }
        }
    }
}
