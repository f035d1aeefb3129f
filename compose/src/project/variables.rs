use std::collections::BTreeSet;

use super::Project;
use crate::dotenv::{MOST_BYTES, not_set_in, parse, parse_raw, parse_telling};
use crate::error::{Problem, Reason, Report, shown};
use crate::files::{Environment, Files, Kind, absolute, read_text};
use crate::node::{Mapping, Node, Value};

/// Bytes that the files of variables and labels of all services may have, and what is read in them, those that several name
/// counted each time.
const MOST_IN_ALL: usize = 32 << 20;

impl Project {
    /// Puts the values of `env_file`s into the services' environments, and drops the names of those files.
    pub(super) fn resolve_variables(&mut self, files: &dyn Files, report: &mut Report) {
        let (environment, folder) = (self.environment.clone(), self.folder.clone());
        let mut left = MOST_IN_ALL;
        let mut told = BTreeSet::new();
        for (_, service) in self.services_mut().into_iter().flat_map(Mapping::iter_mut) {
            let span = service.span;
            let Some(service) = service.mapping_mut() else { continue };
            let mut own = mapping(service.remove("environment"));
            for (key, value) in own.iter_mut().filter(|(_, value)| value.is_null()) {
                if let Some(found) = environment.get(&key.name) {
                    *value = value.text_here(found.clone());
                }
            }
            let mut found: Environment = own
                .iter()
                .filter_map(|(key, value)| Some((key.name.clone(), value.text()?.to_owned())))
                .collect();
            let lookup = |name: &str| {
                let own = || own.get(name).and_then(Node::text).map(str::to_owned);
                environment.get(name).cloned().or_else(own)
            };
            let mut place = span;
            for file in service.remove("env_file").as_ref().and_then(Node::sequence).unwrap_or_default() {
                place = file.span;
                let mut unset = Vec::new();
                if let Err(problem) = read(file, (&folder, files, &mut left), &lookup, &mut found, &mut unset)
                {
                    report.problem(problem);
                }
                // One file of several services is told of once.
                unset.retain(|message| told.insert(message.clone()));
                for message in unset {
                    report.warn(Some(file.span), message);
                }
            }
            let mut all = Mapping::default();
            for (name, value) in found {
                if !own.contains(&name) {
                    all.put(&name, Node::new(place, Value::Text(value)));
                }
            }
            own.into_iter().for_each(|(key, value)| {
                all.insert(key, value);
            });
            if !all.is_empty() {
                service.put("environment", Node::new(span, Value::Mapping(all)));
            }
        }
    }

    /// Puts the labels of `label_file`s into the services' labels, and drops the names of those files.
    pub(super) fn resolve_labels(&mut self, files: &dyn Files, report: &mut Report) {
        let folder = self.folder.clone();
        let mut left = MOST_IN_ALL;
        for (_, service) in self.services_mut().into_iter().flat_map(Mapping::iter_mut) {
            let span = service.span;
            let Some(service) = service.mapping_mut() else { continue };
            let Some(list) = service.remove("label_file") else { continue };
            let mut labels = Mapping::default();
            for file in list.sequence().unwrap_or_default() {
                let known: Environment = labels
                    .iter()
                    .filter_map(|(key, value): (_, &Node)| Some((key.name.clone(), value.text()?.to_owned())))
                    .collect();
                let mut found = Environment::new();
                let path = file.text().unwrap_or_default();
                let outcome = at(file, path, "label file", (&folder, files, &mut left)).and_then(|text| {
                    parse(&text, &|name| known.get(name).cloned(), &mut found)
                        .map_err(|error| fault(file, path, &error))?;
                    take(&mut left, bytes(&found), file)
                });
                if let Err(problem) = outcome {
                    report.problem(problem);
                }
                for (name, value) in found {
                    labels.put(&name, file.text_here(value));
                }
            }
            mapping(service.remove("labels")).into_iter().for_each(|(key, value)| {
                labels.insert(key, value);
            });
            if !labels.is_empty() {
                service.put("labels", Node::new(span, Value::Mapping(labels)));
            }
        }
    }
}

fn mapping(node: Option<Node>) -> Mapping {
    match node.map(|node| node.value) {
        Some(Value::Mapping(mapping)) => mapping,
        _ => Mapping::default(),
    }
}

fn read(
    file: &Node,
    (folder, files, left): (&str, &dyn Files, &mut usize),
    lookup: &dyn Fn(&str) -> Option<String>,
    found: &mut Environment,
    unset: &mut Vec<String>,
) -> Result<(), Problem> {
    let path = file.get("path").and_then(Node::text).unwrap_or_default();
    let required = file.get("required").is_some_and(|required| required.printed() == "true");
    if !required && files.kind(&absolute(folder, path)) == Kind::Missing {
        return Ok(());
    }
    let text = at(file, path, "env file", (folder, files, &mut *left))?;
    let before = bytes(found);
    match file.get("format").and_then(Node::text) {
        None => {
            let mut tell = |line: usize, name: &str| unset.push(not_set_in(path, line, name));
            parse_telling(&text, lookup, found, &mut tell).map_err(|error| fault(file, path, &error))
        }
        Some("raw") => parse_raw(&text, lookup, found).map_err(|error| fault(file, path, &error)),
        Some(other) => {
            let message = format!("`{}` is no format of an env file; the only one is `raw`", shown(other));
            Err(Problem::new(Reason::InvalidValue, file.span, message))
        }
    }?;
    take(left, bytes(found).saturating_sub(before), file)
}

/// Reads one of them, and takes its bytes from `left`.
fn at(
    file: &Node,
    path: &str,
    what: &str,
    (folder, files, left): (&str, &dyn Files, &mut usize),
) -> Result<String, Problem> {
    let place = absolute(folder, path);
    if files.kind(&place) == Kind::Missing {
        let message = format!("{what} `{}` not found: there is no such file", shown(path));
        return Err(Problem::new(Reason::MissingFile, file.span, message));
    }
    let text = read_text(files, &place, MOST_BYTES).map_err(|mut problem| {
        problem.span = Some(file.span);
        problem
    })?;
    take(left, text.len(), file)?;
    Ok(text)
}

/// Takes bytes from what all services may still have.
fn take(left: &mut usize, bytes: usize, file: &Node) -> Result<(), Problem> {
    let message =
        || format!("more than {MOST_IN_ALL} bytes of variables and labels from files of all services");
    *left = left.checked_sub(bytes).ok_or_else(|| Problem::new(Reason::Limit, file.span, message()))?;
    Ok(())
}

/// The bytes of names and values.
fn bytes(of: &Environment) -> usize {
    of.iter().map(|(name, value)| name.len().saturating_add(value.len())).fold(0, usize::saturating_add)
}

fn fault(file: &Node, path: &str, error: &crate::dotenv::EnvFileError) -> Problem {
    Problem::new(Reason::EnvFileSyntax, file.span, format!("{}: {error}", shown(path)))
}
