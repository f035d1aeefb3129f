use crate::node::{Directive, Node, Value};

/// The paths of a document whose earlier values go away before the document is merged.
#[derive(Debug, Clone, Default)]
pub(crate) struct Directives {
    paths: Vec<Vec<String>>,
}

/// Collects a document's `!reset` and `!override`, and takes the former's values out.
pub(crate) fn take_directives(document: &mut Node) -> Directives {
    let mut directives = Directives::default();
    collect(document, Some(&mut Vec::new()), &mut directives.paths);
    directives
}

/// Without a path in an item of a list: what is there speaks of no earlier value, as a list is merged as a whole.
fn collect(node: &mut Node, mut path: Option<&mut Vec<String>>, paths: &mut Vec<Vec<String>>) {
    match &mut node.value {
        Value::Mapping(entries) => entries.retain(|key, value| {
            if let Some(path) = &mut path {
                path.push(key.name.clone());
            }
            let directive = value.directive.take();
            match directive {
                Some(_) => paths.extend(path.as_deref().cloned()),
                None => collect(value, path.as_deref_mut(), paths),
            }
            if let Some(path) = &mut path {
                path.pop();
            }
            directive != Some(Directive::Reset)
        }),
        Value::Sequence(items) => {
            for item in items {
                if item.directive.take().is_none() {
                    collect(item, None, paths);
                }
            }
        }
        Value::Null
        | Value::Bool(_)
        | Value::Integer(_)
        | Value::Float(_)
        | Value::Timestamp(_)
        | Value::Text(_) => {}
    }
}

impl Directives {
    /// Takes the values at the paths out of a project.
    pub(crate) fn apply(&self, project: &mut Node) {
        for path in &self.paths {
            remove(project, path);
        }
    }

    /// Takes the values at the paths out of one service, wherever it came from.
    pub(crate) fn apply_to_service(&self, name: &str, service: &mut Node) {
        for path in &self.paths {
            if let [services, own, rest @ ..] = path.as_slice()
                && services == "services"
                && own == name
            {
                remove(service, rest);
            }
        }
    }
}

fn remove(node: &mut Node, path: &[String]) {
    let Some((last, above)) = path.split_last() else { return };
    let mut at = node;
    for part in above {
        let Some(next) = at.mapping_mut().and_then(|entries| entries.get_mut(part)) else { return };
        at = next;
    }
    if let Some(entries) = at.mapping_mut() {
        entries.remove(last);
    }
}
