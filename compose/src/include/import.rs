use crate::error::{Problem, Reason, Report, shown};
use crate::merge::same_value;
use crate::node::{Key, Mapping, Node, Value};

/// What an included project gives to the including one.
const IMPORTED: [&str; 6] = ["services", "volumes", "networks", "secrets", "configs", "models"];

/// Moves an included project's definitions into the including file. One that is there already must be the same.
pub(super) fn import(included: Node, document: &mut Node, report: &mut Report) {
    let Value::Mapping(mut included) = included.value else { return };
    let Some(document) = document.mapping_mut() else { return };
    for kind in IMPORTED {
        let Some(from) = included.remove(kind) else { continue };
        let span = from.span;
        let Value::Mapping(from) = from.value else { continue };
        if !document.contains(kind) {
            let key = Key { name: kind.to_owned(), span };
            document.insert(key, Node::new(span, Value::Mapping(Mapping::default())));
        }
        let Some(to) = document.get_mut(kind) else { continue };
        let Value::Mapping(to) = &mut to.value else {
            let message = format!("{kind} must be a mapping");
            report.problem(Problem::new(Reason::SchemaType, to.span, message));
            continue;
        };
        for (key, value) in from {
            match to.entry(&key.name) {
                None => {
                    to.insert(key, value);
                }
                Some((_, known)) if same_value(known, &value) => {}
                Some((known, _)) => {
                    let message = format!("{kind}.{} is defined twice, and not alike", shown(&key.name));
                    let problem = Problem::new(Reason::Conflict, known.span, message);
                    let problem = problem.place(key.span, "the other definition");
                    report.problem(problem.help("make them the same, or give one another name"));
                }
            }
        }
    }
}
