use crate::error::{Problem, Reason, cycle, shown};
use crate::load::{Loader, Scope, Stopped, weight};
use crate::merge::{Directives, merge_service};
use crate::node::{Key, Mapping, Node, Span, Value};

/// Services that extend each other in a row.
const MOST_CHAINED: usize = 100;

/// Services of a project that extend others, those in between included.
const MOST_EXTENDED: usize = 20_000;

/// What services are given by what they extend may weigh in all: see [`weight`].
const MOST_COPIED: usize = 500_000;

/// The services on the way, by file and name, with the places where they say what they extend.
type Way = Vec<(String, String, Span)>;

/// What one step of the way looks at.
struct Step<'a> {
    services: &'a Mapping,
    directives: &'a Directives,
    /// The file, as the first one calls it.
    file: &'a str,
    /// What those say that are extended further on in the same file: in another file than the project's own, the
    /// standard's reader does not listen to them any more.
    further: &'a Directives,
}

impl Loader<'_> {
    /// Completes every service of a document that extends another.
    pub(crate) fn extend_services(
        &mut self,
        document: &mut Node,
        directives: &Directives,
        file: &str,
        scope: &Scope,
    ) -> Result<(), Stopped> {
        let Some(services) = document.get("services") else { return Ok(()) };
        let Value::Mapping(services) = &services.value else {
            let problem = Problem::new(Reason::SchemaType, services.span, "`services` must be a mapping");
            return self.stop(problem);
        };
        let step = Step { services, directives, file, further: directives };
        let mut done = Vec::new();
        for (key, service) in services.iter() {
            if service.mapping().is_none() && !matches!(service.value, Value::Null) {
                let message = format!("service `{}` must be a mapping, as `image: …`", shown(&key.name));
                self.report.problem(Problem::new(Reason::SchemaType, service.span, message));
            } else if service.get("extends").is_some()
                && let Ok(Some(merged)) = self.extended(&key.name, &step, scope, &mut Vec::new())
            {
                done.push((key.clone(), merged));
            }
        }
        self.check()?;
        if let Some(Value::Mapping(services)) =
            document.mapping_mut().and_then(|entries| entries.get_mut("services")).map(|node| &mut node.value)
        {
            for (key, merged) in done {
                services.insert(key, merged);
            }
        }
        Ok(())
    }

    /// A service with what it extends below it; nothing if it is empty.
    fn extended(
        &mut self,
        name: &str,
        step: &Step<'_>,
        scope: &Scope,
        way: &mut Way,
    ) -> Result<Option<Node>, Stopped> {
        let Some(service) = step.services.get(name) else { return Ok(None) };
        let Value::Mapping(entries) = &service.value else {
            if matches!(service.value, Value::Null) {
                return Ok(None);
            }
            let message = format!("service `{}` must be a mapping, as `image: …`", shown(name));
            return self.stop(Problem::new(Reason::SchemaType, service.span, message));
        };
        let Some((key, extends)) = entries.entry("extends") else { return Ok(Some(service.clone())) };
        let (target, other) = self.reference(name, key, extends)?;
        let base = if let Some((path, span)) = other {
            let base = self.base(&path, span, scope)?;
            let inner = Step {
                services: &base.services,
                directives: &base.directives,
                file: &path,
                further: &Directives::default(),
            };
            self.follow(name, &target, &inner, scope, way)?
        } else {
            self.follow(name, &target, &Step { directives: step.further, ..*step }, scope, way)?
        };
        way.pop();
        let Some(mut base) = base else { return Ok(Some(service.clone())) };
        self.charge(&base, service)?;
        step.directives.apply_to_service(name, &mut base);
        let mut merged = merge_service(base, service.clone(), &mut self.report);
        self.check()?;
        if let Some(entries) = merged.mapping_mut() {
            entries.remove("extends");
        }
        Ok(Some(merged))
    }

    /// Counts what a service is given by what it extends: one that is large becomes as large again for each that extends it.
    fn charge(&mut self, base: &Node, service: &Node) -> Result<(), Stopped> {
        self.copied = self.copied.saturating_add(weight(base)).saturating_add(weight(service));
        if self.copied > MOST_COPIED {
            let message = "services that extend others become more parts than a project may have";
            return self.stop(Problem::new(Reason::Limit, service.span, message));
        }
        Ok(())
    }

    /// The service that another extends.
    fn follow(
        &mut self,
        name: &str,
        target: &(String, Span),
        step: &Step<'_>,
        scope: &Scope,
        way: &mut Way,
    ) -> Result<Option<Node>, Stopped> {
        self.find(name, target, step)?;
        self.walk(step.file, name, target.1, way)?;
        self.extended(&target.0, step, scope, way)
    }

    /// What `extends` names: a service, and the file that it is in if that is another one.
    #[expect(clippy::type_complexity, reason = "two places in the text, the second not always there")]
    fn reference(
        &mut self,
        name: &str,
        key: &Key,
        extends: &Node,
    ) -> Result<((String, Span), Option<(String, Span)>), Stopped> {
        let service = if extends.mapping().is_some() { extends.get("service") } else { Some(extends) };
        let Some((text, span)) = service.and_then(|node| Some((node.text()?.to_owned(), node.span))) else {
            let message = format!("`extends` of service `{}` names no service", shown(name));
            return self.stop(Problem::new(Reason::SchemaKey, key.span, message));
        };
        let file = match extends.get("file") {
            None => None,
            Some(node) => match &node.value {
                Value::Null => None,
                Value::Text(path) => Some((path.clone(), node.span)),
                _ => {
                    let message = format!("`extends.file` of service `{}` is a path", shown(name));
                    return self.stop(Problem::new(Reason::SchemaType, node.span, message));
                }
            },
        };
        Ok(((text, span), file))
    }

    fn find(&mut self, name: &str, target: &(String, Span), step: &Step<'_>) -> Result<(), Stopped> {
        if step.services.contains(&target.0) {
            return Ok(());
        }
        let message = format!(
            "service `{}` extends undefined service `{}` of `{}`",
            shown(name),
            shown(&target.0),
            shown(step.file)
        );
        let names = step.services.iter().map(|(key, _)| key.name.as_str());
        let problem =
            Problem::new(Reason::UndefinedService, target.1, message).did_you_mean(&target.0, names);
        self.stop(problem)
    }

    /// Goes a step further, unless the way comes back to where it has been.
    fn walk(&mut self, file: &str, name: &str, span: Span, way: &mut Way) -> Result<(), Stopped> {
        if let Some(from) = way.iter().position(|(known, service, _)| known == file && service == name) {
            let round = way.get(from..).unwrap_or_default();
            let members = round.iter().map(|(file, service, _)| (file.clone(), service.clone()));
            if !self.rounds.insert(members.collect()) {
                return Err(Stopped);
            }
            let mut names: Vec<&str> = round.iter().map(|(_, service, _)| service.as_str()).collect();
            let message = format!("extends cycle: {}", cycle(&mut names));
            return self.stop(Problem::new(Reason::Cycle, span, message));
        }
        self.extended = self.extended.saturating_add(1);
        if way.len() >= MOST_CHAINED || self.extended > MOST_EXTENDED {
            let message =
                format!("more than {MOST_CHAINED} services extend each other in a row, or too many in all");
            return self.stop(Problem::new(Reason::Limit, span, message));
        }
        way.push((file.to_owned(), name.to_owned(), span));
        Ok(())
    }
}
