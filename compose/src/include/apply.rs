use std::rc::Rc;

use super::entry::{Entry, entries};
use super::import::import;
use crate::error::{Problem, Reason, Report, cycle, shown};
use crate::files::{Environment, Kind, absolute, is_remote, join, merge_env_files, parent};
use crate::load::{Loader, Scope, Stopped};
use crate::node::Node;

/// Bytes of all variables of one included file: each file on the way to another holds its own.
const MOST_VARIABLES: usize = 2 << 20;

impl Loader<'_> {
    /// Reads what a document includes, and puts it into the document.
    pub(crate) fn include(&mut self, document: &mut Node, scope: &Scope) -> Result<(), Stopped> {
        let Some(include) = document.mapping_mut().and_then(|keys| keys.remove("include")) else {
            return Ok(());
        };
        let entries = entries(&include, &mut self.report);
        self.check()?;
        for entry in entries {
            self.include_one(&entry, document, scope)?;
        }
        self.check()
    }

    fn include_one(&mut self, entry: &Entry, document: &mut Node, scope: &Scope) -> Result<(), Stopped> {
        if scope.too_deep() {
            let problem =
                Problem::new(Reason::Limit, entry.span, "too many files that include each other in a row");
            return self.stop(problem);
        }
        let mut paths = Vec::new();
        for (path, span) in &entry.paths {
            if is_remote(path) {
                let message = format!("`{}` is elsewhere: only files of this machine are read", shown(path));
                return self.stop(Problem::new(Reason::Unsupported, *span, message));
            }
            let path = absolute(&scope.base, path);
            if self.kind(&path) == Kind::Missing {
                let message = format!("cannot include `{}`: there is no such file", shown(&path));
                return self.stop(Problem::new(Reason::MissingFile, *span, message));
            }
            paths.push(path);
        }
        let main = paths.first().map(String::as_str);
        if let Some(main) = main
            && let Some(from) = scope.included.iter().position(|known| known == main)
        {
            let round = scope.included.get(from..).unwrap_or_default();
            let mut names: Vec<&str> = round.iter().map(String::as_str).collect();
            let message = format!("include cycle: {}", cycle(&mut names));
            return self.stop(Problem::new(Reason::Cycle, entry.span, message));
        }
        let (folder, directory) = self.folders(entry, main, scope);
        let environment = self.included_environment(entry, &directory, scope)?;
        self.environments = self.environments.saturating_add(1);
        let inner = Scope {
            base: directory,
            folder,
            environment: Rc::new(environment),
            number: self.environments,
            included: scope.included.clone(),
        };
        let included = self.model(&paths, &inner, true)?;
        import(included, document, &mut self.report);
        Ok(())
    }

    /// The folder that the included paths begin at, as the including file sees it, and where it is. A relative
    /// `project_directory` begins at the including project's folder, which is itself relative in an included one: so the
    /// standard's reader has it, and then means the current folder.
    fn folders(&self, entry: &Entry, main: Option<&str>, scope: &Scope) -> (String, String) {
        let Some(main) = main else { return (String::new(), entry.project_directory.clone()) };
        let directory = entry.project_directory.as_str();
        if directory.is_empty() {
            (self.folder_of(main, &scope.base), parent(main))
        } else if directory.starts_with('/') {
            (directory.to_owned(), directory.to_owned())
        } else {
            (self.folder_of(directory, &scope.base), join(&scope.folder, directory))
        }
    }

    fn included_environment(
        &mut self,
        entry: &Entry,
        directory: &str,
        scope: &Scope,
    ) -> Result<Environment, Stopped> {
        let mut paths = Vec::new();
        if entry.env_files.is_empty() {
            let path = join(directory, ".env");
            if matches!(self.kind(&path), Kind::File | Kind::Other) {
                paths.push(path);
            }
        }
        for (path, span) in &entry.env_files {
            let path = if path.starts_with('/') { path.clone() } else { join(&scope.folder, path) };
            let wrong = match self.kind(&path) {
                Kind::Missing => Some("there is no such file"),
                Kind::Folder => Some("it is a folder"),
                Kind::File | Kind::Other => None,
            };
            if let Some(wrong) = wrong {
                let message = format!("cannot read the file of variables `{}`: {wrong}", shown(&path));
                return self.stop(Problem::new(Reason::MissingFile, *span, message));
            }
            paths.push(path);
        }
        let mut environment = Environment::clone(&scope.environment);
        // Where no variables are put in, none are known.
        let (mut unheard, known) = (Report::default(), self.options.interpolate);
        let report = if known { &mut self.report } else { &mut unheard };
        match merge_env_files(self.files, &self.current, &paths, &environment, report) {
            Ok(found) => {
                for (name, value) in found {
                    environment.entry(name).or_insert(value);
                }
                let bytes = environment.iter().map(|(name, value)| name.len().saturating_add(value.len()));
                if bytes.fold(0, usize::saturating_add) > MOST_VARIABLES {
                    let message =
                        format!("more than {MOST_VARIABLES} bytes of variables for one included file");
                    return self.stop(Problem::nowhere(Reason::Limit, message));
                }
                Ok(environment)
            }
            Err(problem) => self.stop(problem),
        }
    }
}
