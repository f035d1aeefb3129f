use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

use crate::error::{Problem, Reason, Report, Sources, shown};
use crate::extends::Base;
use crate::files::{Environment, Files, Kind, Options, absolute, read_text};
use crate::node::{Node, Value};
use crate::template::MOST_BYTES;
use crate::yaml::{Budget, parse_within};

/// Files that one project may read, those that are read again included.
const MOST_FILES: usize = 2_000;

/// Files that lead to each other by `include`.
const MOST_NESTED: usize = 50;

/// Parts of a project that are looked at again for each document that is merged into it, in all.
const MOST_WORK: usize = 4_000_000;

/// A step has reported what is wrong; those behind it cannot go on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stopped;

/// Path, folder, and [`Scope::number`].
type BaseKey = (String, String, usize);

/// What all steps share while a project is read.
pub(crate) struct Loader<'f> {
    pub(crate) files: &'f dyn Files,
    pub(crate) options: Options,
    /// The current folder: the standard's reader lets some paths of nested files begin there.
    pub(crate) current: String,
    /// What `~` stands for.
    pub(crate) home: Option<String>,
    pub(crate) sources: Sources,
    pub(crate) report: Report,
    /// Files that services extend, as they were read.
    pub(crate) bases: HashMap<BaseKey, Rc<Base>>,
    /// How many included files have had variables of their own.
    pub(crate) environments: usize,
    /// Services that were extended.
    pub(crate) extended: usize,
    /// Those that extend each other in a round, and have been told of: by file and name.
    pub(crate) rounds: BTreeSet<BTreeSet<(String, String)>>,
    /// Parts that those were given by what they extend.
    pub(crate) copied: usize,
    /// Bytes that texts with their variables put in may still have.
    pub(crate) room: usize,
    /// Documents that were looked into for the project's name, and are read again.
    pub(crate) known: HashMap<String, Vec<Node>>,
    budget: Budget,
    read: usize,
    work: usize,
}

impl std::fmt::Debug for Loader<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Loader").field("options", &self.options).finish_non_exhaustive()
    }
}

/// What holds for the files that are merged into one model.
#[derive(Debug, Clone)]
pub(crate) struct Scope {
    /// The folder that names of other files begin at, absolute.
    pub(crate) base: String,
    /// The folder that paths in the files begin at; relative to the including file's if they are included.
    pub(crate) folder: String,
    /// The variables.
    pub(crate) environment: Rc<Environment>,
    /// Which variables these are: no two of a project have the same number.
    pub(crate) number: usize,
    /// The files on the way here.
    pub(crate) included: Vec<String>,
}

impl<'f> Loader<'f> {
    pub(crate) fn new(files: &'f dyn Files, options: Options, current: &str) -> Self {
        // All files of a project share the parts of one, since each becomes many in the model; their texts may be longer.
        let one = Budget::default();
        let budget = Budget { bytes: one.bytes.saturating_mul(4), ..one };
        Self {
            files,
            options,
            current: current.to_owned(),
            home: None,
            sources: Sources::default(),
            report: Report::default(),
            bases: HashMap::new(),
            extended: 0,
            rounds: BTreeSet::new(),
            environments: 0,
            copied: 0,
            room: MOST_BYTES,
            known: HashMap::new(),
            budget,
            read: 0,
            work: 0,
        }
    }

    /// Reports a problem, and stops.
    pub(crate) fn stop<T>(&mut self, problem: Problem) -> Result<T, Stopped> {
        self.report.problem(problem);
        Err(Stopped)
    }

    /// Stops if a step has reported something.
    pub(crate) fn check(&self) -> Result<(), Stopped> {
        if self.report.failed() { Err(Stopped) } else { Ok(()) }
    }

    pub(crate) fn kind(&self, path: &str) -> Kind {
        self.files.kind(&absolute(&self.current, path))
    }

    /// The documents of a file.
    pub(crate) fn documents(&mut self, path: &str) -> Result<Vec<Node>, Stopped> {
        if let Some(documents) = self.known.remove(path) {
            return Ok(documents);
        }
        self.read = self.read.saturating_add(1);
        if self.read > MOST_FILES {
            let message = format!("more than {MOST_FILES} files, those that are read again included");
            return self.stop(Problem::nowhere(Reason::Limit, message));
        }
        let place = if path == "-" { path.to_owned() } else { absolute(&self.current, path) };
        let text = match read_text(self.files, &place, Budget::default().bytes) {
            Ok(text) => text,
            Err(problem) => return self.stop(problem),
        };
        let name = if path == "-" { "<standard input>".to_owned() } else { self.short(&place) };
        let text: std::sync::Arc<str> = text.strip_prefix('\u{feff}').unwrap_or(&text).into();
        let id = self.sources.add(name, text.clone());
        parse_within(&text, id, &mut self.budget).map_err(|problems| {
            self.report.problems.extend(problems);
            Stopped
        })
    }

    /// Counts the steps that every document of a project costs: each looks at all that was read before.
    pub(crate) fn work(&mut self, project: &Node) -> Result<(), Stopped> {
        self.work = self.work.saturating_add(size(project));
        if self.work > MOST_WORK {
            let message = "too many documents for a project of this size";
            return self.stop(Problem::new(Reason::Limit, project.span, message));
        }
        Ok(())
    }

    /// A file's path from the current folder, if it is below that.
    fn short(&self, path: &str) -> String {
        let below = path.strip_prefix(&self.current).and_then(|rest| rest.strip_prefix('/'));
        shown(below.unwrap_or(path))
    }
}

/// What a copy of a tree takes, in parts and what is as long as one.
pub(crate) fn weight(node: &Node) -> usize {
    /// Bytes of text that count as much as a part.
    const PART: usize = 64;
    let below: usize = match &node.value {
        Value::Text(text) => text.len().div_euclid(PART),
        Value::Sequence(items) => items.iter().map(weight).sum(),
        Value::Mapping(entries) => entries
            .iter()
            .map(|(key, value)| weight(value).saturating_add(key.name.len().div_euclid(PART)))
            .sum(),
        _ => 0,
    };
    below.saturating_add(1)
}

/// How many parts a tree has.
fn size(node: &Node) -> usize {
    let below: usize = match &node.value {
        Value::Sequence(items) => items.iter().map(size).sum(),
        Value::Mapping(entries) => entries.iter().map(|(_, value)| size(value)).sum(),
        _ => 0,
    };
    below.saturating_add(1)
}

impl Scope {
    /// The scope's lookup of variables.
    pub(crate) fn lookup(&self) -> impl Fn(&str) -> Option<String> + use<> {
        let environment = Rc::clone(&self.environment);
        move |name| environment.get(name).cloned()
    }

    /// Whether files lead too deep.
    pub(crate) fn too_deep(&self) -> bool {
        self.included.len() > MOST_NESTED
    }
}
