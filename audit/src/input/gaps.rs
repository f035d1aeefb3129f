//! Variables that nobody has set, where a rule would have to know them.

use perry_sandbox_compose::{Loaded, Node, Value, shown, variables};

use super::{Unread, UnreadKind};
use crate::launch::Reader;
use crate::place::{Place, Texts};

/// What a service's program gets, and names: no rule grades a value of these that nobody knows.
const UNGRADED: [&str; 12] = [
    "environment",
    "labels",
    "annotations",
    "command",
    "entrypoint",
    "healthcheck",
    "container_name",
    "hostname",
    "domainname",
    "working_dir",
    "dns",
    "args",
];

/// The gaps that unset variables leave; `given` are those that got a stand-in.
pub(super) fn unset(loaded: &Loaded, given: &[String], reader: Reader<'_>, texts: &Texts) -> Vec<Unread> {
    let mut search = Search { loaded, given, reader, texts, found: Vec::new() };
    for section in ["services", "volumes", "secrets", "configs"] {
        if let Some(section) = loaded.model.get(section) {
            search.node(section, 0);
        }
    }
    let mut found = search.found;
    found.sort_by_key(|(place, _)| *place);
    found.dedup();
    found
        .into_iter()
        .map(|(place, name)| {
            let message = format!("variable `{}` has no value and no default", shown(&name));
            Unread::new(UnreadKind::Gap, place, message).help(format!(
                "set it in `.env` or the environment, or give a default: `${{{0}:-…}}`",
                shown(&name)
            ))
        })
        .collect()
}

/// What the loader adds by itself has the place of the mapping that it is added to.
fn is_no_scalar(raw: &str) -> bool {
    raw.starts_with(['{', '[']) || raw.contains('\n') && !raw.starts_with(['"', '\'', '|', '>'])
}

struct Search<'a> {
    loaded: &'a Loaded,
    given: &'a [String],
    reader: Reader<'a>,
    texts: &'a Texts,
    found: Vec<(Place, String)>,
}

impl Search<'_> {
    fn node(&mut self, node: &Node, depth: usize) {
        match &node.value {
            Value::Mapping(entries) => {
                for (key, value) in entries.iter() {
                    // Below the service's own name: a service may be called `labels`.
                    if depth == 0 || !UNGRADED.contains(&key.name.as_str()) {
                        self.node(value, depth.saturating_add(1));
                    }
                }
            }
            Value::Sequence(items) => items.iter().for_each(|item| self.node(item, depth.saturating_add(1))),
            _ => self.scalar(node),
        }
    }

    fn scalar(&mut self, node: &Node) {
        let Some(place) = self.reader.place(node.span) else { return };
        let raw = self.texts.at(place);
        if !raw.contains('$') || is_no_scalar(raw) {
            return;
        }
        for (name, variable) in variables(&Node::new(node.span, Value::Text(raw.to_owned()))) {
            let is_set = self.loaded.environment.contains_key(&name) && !self.given.contains(&name);
            if !is_set && variable.default.is_empty() && variable.replacement.is_empty() {
                self.found.push((place, name));
            }
        }
    }
}
