use crate::error::{Problem, Reason, Report};
use crate::node::{Node, Span, Value};

/// One entry of `include`.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) span: Span,
    /// The project's file, and those that are merged into it.
    pub(super) paths: Vec<(String, Span)>,
    pub(super) project_directory: String,
    pub(super) env_files: Vec<(String, Span)>,
}

/// Reads `include`, short forms and long ones.
pub(super) fn entries(include: &Node, report: &mut Report) -> Vec<Entry> {
    let items = match &include.value {
        Value::Null => return Vec::new(),
        Value::Sequence(items) => items,
        _ => {
            report.problem(Problem::new(Reason::SchemaType, include.span, "`include` is a list"));
            return Vec::new();
        }
    };
    items.iter().map(|item| entry(item, report)).collect()
}

fn entry(item: &Node, report: &mut Report) -> Entry {
    let mut entry =
        Entry { span: item.span, paths: Vec::new(), project_directory: String::new(), env_files: Vec::new() };
    match &item.value {
        Value::Text(path) => entry.paths.push((path.clone(), item.span)),
        Value::Mapping(_) => {
            entry.paths = texts(item.get("path"), report);
            entry.env_files = texts(item.get("env_file"), report);
            match item.get("project_directory").map(|folder| (&folder.value, folder.span)) {
                None | Some((Value::Null, _)) => {}
                Some((Value::Text(folder), _)) => entry.project_directory.clone_from(folder),
                Some((_, span)) => {
                    let message = "the `project_directory` of an included project is a text";
                    report.problem(Problem::new(Reason::SchemaType, span, message));
                }
            }
        }
        _ => {
            let message = "an entry of `include` is a path, or a mapping with `path`";
            report.problem(Problem::new(Reason::SchemaType, item.span, message));
        }
    }
    entry
}

/// A text, or a list of them.
fn texts(node: Option<&Node>, report: &mut Report) -> Vec<(String, Span)> {
    let Some(node) = node else { return Vec::new() };
    let items = match &node.value {
        Value::Null => return Vec::new(),
        Value::Sequence(items) => items.as_slice(),
        _ => std::slice::from_ref(node),
    };
    let mut found = Vec::new();
    for item in items {
        if let Some(text) = item.text() {
            found.push((text.to_owned(), item.span));
        } else {
            report.problem(Problem::new(Reason::SchemaType, item.span, "a path is a text"));
        }
    }
    found
}
