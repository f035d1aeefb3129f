use std::rc::Rc;

use crate::error::{Problem, Reason, shown};
use crate::files::{Kind, absolute, is_remote, parent, relative_to};
use crate::load::{Loader, Scope, Steps, Stopped, nothing};
use crate::merge::Directives;
use crate::node::{Mapping, Span, Value};

/// The services of a file that others extend.
#[derive(Debug)]
pub(crate) struct Base {
    pub(super) services: Mapping,
    /// What the file's last document says of earlier values: a base of its own services loses them.
    pub(super) directives: Directives,
}

impl Loader<'_> {
    /// Reads the file that a service extends one of, its paths made those from the project's folder.
    pub(super) fn base(&mut self, path: &str, span: Span, scope: &Scope) -> Result<Rc<Base>, Stopped> {
        if is_remote(path) {
            let message = format!("`{}` is elsewhere: only files of this machine are read", shown(path));
            return self.stop(Problem::new(Reason::Unsupported, span, message));
        }
        let local = absolute(&scope.base, path);
        let folder = self.folder_of(path, &scope.base);
        let key = (local.clone(), folder.clone(), scope.number);
        if let Some(known) = self.bases.get(&key) {
            return Ok(Rc::clone(known));
        }
        if self.kind(&local) == Kind::Missing {
            let message = format!("cannot extend a service of `{}`: there is no such file", shown(&local));
            return self.stop(Problem::new(Reason::MissingFile, span, message));
        }
        let inner = Scope {
            base: parent(&local),
            folder: folder.clone(),
            environment: Rc::clone(&scope.environment),
            number: scope.number,
            included: Vec::new(),
        };
        let (mut source, directives) = self.add_file(nothing(), &local, &inner, Steps::Base)?;
        let found = match source.get("services").map(|services| &services.value) {
            None => Some("has no `services`"),
            Some(Value::Mapping(_)) => None,
            Some(_) => Some("has `services` that are no mapping"),
        };
        if let Some(found) = found {
            let message = format!("`{}` {found}: there is nothing to extend", shown(&local));
            return self.stop(Problem::new(Reason::UndefinedService, span, message));
        }
        self.resolve_paths(&mut source, &folder)?;
        let services = source.mapping_mut().and_then(|entries| entries.remove("services"));
        let services = match services.map(|services| services.value) {
            Some(Value::Mapping(services)) => services,
            _ => Mapping::default(),
        };
        let base = Rc::new(Base { services, directives });
        self.bases.insert(key, Rc::clone(&base));
        Ok(base)
    }

    /// The folder of a file from the folder that its name begins at.
    pub(crate) fn folder_of(&self, path: &str, base: &str) -> String {
        let mut folder = absolute(base, path);
        if self.kind(&folder) != Kind::Folder {
            folder = absolute(base, &parent(path));
        }
        relative_to(base, &folder).unwrap_or(folder)
    }
}
