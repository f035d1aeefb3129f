use super::{Loader, Scope, Stopped};
use crate::canonical::{canonical, omit_empty};
use crate::error::{Problem, Reason};
use crate::merge::{Directives, make_unique, merge, take_directives};
use crate::node::{Node, Value};
use crate::schema;
use crate::template::{Interpolation, interpolate};

/// Which steps a file goes through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Steps {
    /// All of them: a file of the project, or an included one.
    All,
    /// A file that a service extends: its services are wanted as they stand, and are checked where they end up.
    Base,
}

impl Loader<'_> {
    /// Merges a file's documents into what was read before. Gives the directives of the last one as well.
    pub(crate) fn add_file(
        &mut self,
        mut project: Node,
        path: &str,
        scope: &Scope,
        steps: Steps,
    ) -> Result<(Node, Directives), Stopped> {
        let mut last = Directives::default();
        let mut scope = scope.clone();
        for mut document in self.documents(path)? {
            let directives = take_directives(&mut document);
            scope.included.push(path.to_owned());
            project = self.add_document(project, document, &directives, path, &scope, steps)?;
            last = directives;
        }
        Ok((project, last))
    }

    fn add_document(
        &mut self,
        mut project: Node,
        mut document: Node,
        directives: &Directives,
        path: &str,
        scope: &Scope,
        steps: Steps,
    ) -> Result<Node, Stopped> {
        if document.mapping().is_none() {
            let message = "a Compose file is a mapping with `services` and the like";
            return self.stop(Problem::new(Reason::SchemaType, document.span, message));
        }
        if self.options.interpolate {
            let lookup = scope.lookup();
            interpolate(&mut document, Interpolation::new(&lookup, &mut self.room, &mut self.report));
            self.check()?;
        }
        if steps == Steps::All {
            self.extend_services(&mut document, directives, path, scope)?;
        }
        directives.apply(&mut project);
        if steps == Steps::All {
            self.include(&mut document, scope)?;
        }
        project = merge(project, document, &mut self.report);
        self.work(&project)?;
        make_unique(&mut project, &mut self.report);
        self.check()?;
        if steps == Steps::All {
            schema::check(&project, &mut self.report);
            self.drop_version(&mut project);
        }
        self.check()?;
        canonical(&mut project, !self.options.interpolate, &mut self.report);
        self.check()?;
        omit_empty(&mut project);
        make_unique(&mut project, &mut self.report);
        self.check()?;
        Ok(project)
    }

    fn drop_version(&mut self, project: &mut Node) {
        let Some(entries) = project.mapping_mut() else { return };
        let span = entries.entry("version").map(|(key, _)| key.span);
        if span.is_some() {
            entries.remove("version");
            self.report.warn(span, "`version` says nothing any more, it can be taken out");
        }
    }
}

/// What there is before the first file.
pub(crate) fn nothing() -> Node {
    let start = crate::node::Mark { offset: 0, line: 1, column: 1 };
    let span = crate::node::Span { file: crate::node::FileId(0), start, end: start };
    Node::new(span, Value::Mapping(crate::node::Mapping::default()))
}
