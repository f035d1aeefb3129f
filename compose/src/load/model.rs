use super::document::nothing;
use super::{Loader, Scope, Steps, Stopped};
use crate::canonical::set_defaults;
use crate::consistency::check_attributes;
use crate::node::Node;
use crate::normalize::resolve_environment;
use crate::paths;

impl Loader<'_> {
    /// Reads and merges files, and completes what each says of itself.
    pub(crate) fn model(&mut self, files: &[String], scope: &Scope, resolve: bool) -> Result<Node, Stopped> {
        let mut model = nothing();
        for path in files {
            model = self.add_file(model, path, scope, Steps::All)?.0;
        }
        set_defaults(&mut model, &mut self.report);
        self.check()?;
        check_attributes(&model, &mut self.report);
        self.check()?;
        if resolve {
            self.resolve_paths(&mut model, &scope.folder)?;
        }
        resolve_environment(&mut model, &scope.environment);
        Ok(model)
    }

    /// Makes the paths of a model those below a folder.
    pub(crate) fn resolve_paths(&mut self, model: &mut Node, folder: &str) -> Result<(), Stopped> {
        let files = self.files;
        let current = self.current.clone();
        let real = move |path: &str| {
            files.real(&crate::files::absolute(&current, path)).unwrap_or_else(|| path.to_owned())
        };
        let base = paths::Base { folder, home: self.home.as_deref(), real: &real };
        paths::resolve(model, &base, &mut self.report);
        self.check()
    }
}
