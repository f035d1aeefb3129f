use super::cast::Cast;
use super::substitute::{Substitution, TemplateError, not_set};
use crate::error::{Problem, Reason, Report, shown};
use crate::node::{Node, Path, Span, Value};

/// Bytes of all texts of a project with their variables put in.
pub(crate) const MOST_BYTES: usize = 16 << 20;

/// What putting variables into a document needs and says.
pub(crate) struct Interpolation<'a> {
    lookup: &'a dyn Fn(&str) -> Option<String>,
    report: &'a mut Report,
    left: &'a mut usize,
}

impl std::fmt::Debug for Interpolation<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Interpolation").field("left", &self.left).finish_non_exhaustive()
    }
}

impl<'a> Interpolation<'a> {
    /// Takes what texts become from `left`.
    pub(crate) fn new(
        lookup: &'a dyn Fn(&str) -> Option<String>,
        left: &'a mut usize,
        report: &'a mut Report,
    ) -> Self {
        Self { lookup, report, left }
    }
}

/// Puts variables into every text of a tree, and gives it the type that its place asks for. Keys are left alone.
pub(crate) fn interpolate(node: &mut Node, mut with: Interpolation<'_>) {
    with.node(node, &Path::top());
}

impl Interpolation<'_> {
    fn node(&mut self, node: &mut Node, path: &Path<'_>) {
        match &mut node.value {
            Value::Text(text) => {
                if let Some(value) = self.text(text, node.span, path) {
                    node.value = value;
                }
            }
            Value::Sequence(items) => {
                let path = path.below(Path::ITEM);
                for item in items {
                    self.node(item, &path);
                }
            }
            Value::Mapping(entries) => {
                for (key, value) in entries.iter_mut() {
                    self.node(value, &path.below(&key.name));
                }
            }
            Value::Null | Value::Bool(_) | Value::Integer(_) | Value::Float(_) | Value::Timestamp(_) => {}
        }
    }

    fn text(&mut self, text: &str, span: Span, path: &Path<'_>) -> Option<Value> {
        let mut result = None;
        if text.contains('$') {
            let mut substitution = Substitution::new(self.lookup);
            let outcome = substitution.apply(text);
            for name in substitution.unset {
                self.report.warn(Some(span), not_set(&name));
            }
            match outcome {
                Ok(done) => result = Some(done),
                Err(error) => {
                    self.report.problem(problem(&error, span, path));
                    return None;
                }
            }
            let length = result.as_ref().map_or(0, String::len);
            if let Some(left) = self.left.checked_sub(length) {
                *self.left = left;
            } else {
                self.report.problem(problem(&TemplateError::Length, span, path));
                return None;
            }
        }
        let Some(cast) = Cast::at(path) else { return result.map(Value::Text) };
        let text = result.as_deref().unwrap_or(text);
        let Some((value, old)) = cast.apply(text) else {
            let message = format!("{path}: `{}` cannot be cast to {}", shown(text), cast.name());
            self.report.problem(Problem::new(Reason::Cast, span, message));
            return None;
        };
        if old {
            let now = value == Value::Bool(true);
            let message = format!("`{}` is no boolean of YAML 1.2, it is taken for `{now}`", shown(text));
            self.report.warn(Some(span), message);
        }
        Some(value)
    }
}

fn problem(error: &TemplateError, span: Span, path: &Path<'_>) -> Problem {
    let message = format!("{path}: {error}");
    let problem = Problem::new(error.reason(), span, message);
    match error {
        TemplateError::Invalid(_) => problem.help(
            "write `$$` for a plain `$`; a `}` closes a variable, and only `-` `:-` `+` `:+` `?` `:?` go behind its name",
        ),
        TemplateError::Required { .. } | TemplateError::Depth | TemplateError::Length => problem,
    }
}
