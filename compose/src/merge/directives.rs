use crate::node::{Directive, Node, Value};

/// The paths of a document whose earlier values go away before the document is merged.
#[derive(Debug, Clone, Default)]
pub(crate) struct Directives {
    paths: Vec<Vec<String>>,
}

/// Collects a document's `!reset` and `!override`, and takes the former's values out.
pub(crate) fn take_directives(document: &mut Node) -> Directives {
    let mut directives = Directives::default();
    collect(document, &mut Vec::new(), &mut directives.paths);
    directives
}

fn collect(node: &mut Node, path: &mut Vec<String>, paths: &mut Vec<Vec<String>>) {
    match &mut node.value {
        Value::Mapping(entries) => {
            entries.retain(|key, value| {
                path.push(key.name.clone());
                let directive = value.directive.take();
                match directive {
                    Some(_) => paths.push(path.clone()),
                    None => collect(value, path, paths),
                }
                path.pop();
                directive != Some(Directive::Reset)
            });
        }
        Value::Sequence(items) => items.iter_mut().for_each(in_list),
        Value::Null
        | Value::Bool(_)
        | Value::Integer(_)
        | Value::Float(_)
        | Value::Timestamp(_)
        | Value::Text(_) => {}
    }
}

/// What is in an item of a list speaks of no earlier value: the list is merged as a whole.
fn in_list(node: &mut Node) {
    node.directive = None;
    match &mut node.value {
        Value::Mapping(entries) => {
            entries.retain(|_, value| value.directive != Some(Directive::Reset));
            entries.iter_mut().for_each(|(_, value)| in_list(value));
        }
        Value::Sequence(items) => items.iter_mut().for_each(in_list),
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
