use super::scan::{Found, Kind, Operator, Scanner};
use crate::error::Reason;

/// Defaults inside defaults.
const MOST_NESTED: usize = 50;

/// Bytes of one text with its variables put in.
const MOST_BYTES: usize = 1 << 20;

/// Variables of one text that are remembered for not being set.
const MOST_UNSET: usize = 50;

/// Why a text's variables cannot be put in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TemplateError {
    #[error("invalid interpolation format: `{0}` holds a `${{` that begins no variable")]
    Invalid(String),
    #[error("required variable `{name}` is missing a value{}", said(.why))]
    Required { name: String, why: String },
    #[error("more than {MOST_NESTED} defaults inside each other")]
    Depth,
    #[error("more than {MOST_BYTES} bytes once the variables are put in")]
    Length,
}

impl TemplateError {
    /// The kind of problem that it is.
    pub(crate) fn reason(&self) -> Reason {
        match self {
            Self::Invalid(_) => Reason::Interpolation,
            Self::Required { .. } => Reason::MissingVariable,
            Self::Depth | Self::Length => Reason::Limit,
        }
    }
}

fn said(why: &str) -> String {
    if why.is_empty() { String::new() } else { format!(": {}", crate::error::shown(why)) }
}

/// Puts variables into texts, and remembers those that were not set.
pub(crate) struct Substitution<'a> {
    lookup: &'a dyn Fn(&str) -> Option<String>,
    /// Variables that stood without a default and were not set, in the order in which they were met.
    pub(crate) unset: Vec<String>,
}

impl std::fmt::Debug for Substitution<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Substitution").field("unset", &self.unset).finish_non_exhaustive()
    }
}

impl<'a> Substitution<'a> {
    pub(crate) fn new(lookup: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self { lookup, unset: Vec::new() }
    }

    /// The text with its variables put in.
    pub(crate) fn apply(&mut self, template: &str) -> Result<String, TemplateError> {
        self.nested(template, 0)
    }

    fn nested(&mut self, template: &str, depth: usize) -> Result<String, TemplateError> {
        if depth > MOST_NESTED {
            return Err(TemplateError::Depth);
        }
        let mut out = String::with_capacity(template.len());
        let mut scanner = Scanner::new(template);
        while let Some((stretch, found)) = scanner.next() {
            out.push_str(stretch);
            match found {
                None => {}
                Some(Found::Escaped) => out.push('$'),
                Some(Found::Name(name)) => out.push_str(&self.value(name)),
                Some(Found::Operator(name, operator, argument)) => {
                    out.push_str(&self.operator(name, operator, argument, depth)?);
                }
                Some(Found::Invalid) => return Err(TemplateError::Invalid(crate::error::shown(template))),
            }
            if out.len() > MOST_BYTES.max(template.len()) {
                return Err(TemplateError::Length);
            }
        }
        Ok(out)
    }

    fn value(&mut self, name: &str) -> String {
        (self.lookup)(name).unwrap_or_else(|| {
            if self.unset.len() < MOST_UNSET && !self.unset.iter().any(|known| known == name) {
                self.unset.push(name.to_owned());
            }
            String::new()
        })
    }

    fn operator(
        &mut self,
        name: &str,
        operator: Operator,
        argument: &str,
        depth: usize,
    ) -> Result<String, TemplateError> {
        // The argument is read even if it is not needed: what is wrong in it is an error at any time.
        let argument = self.nested(argument, depth.saturating_add(1))?;
        let value = (self.lookup)(name);
        let set = value.as_ref().is_some_and(|value| !(operator.empty_is_unset && value.is_empty()));
        match (operator.kind, set) {
            (Kind::Default, false) | (Kind::Replacement, true) => Ok(argument),
            (Kind::Demand, false) => Err(TemplateError::Required { name: name.to_owned(), why: argument }),
            (Kind::Default | Kind::Demand, true) | (Kind::Replacement, false) => {
                Ok(value.unwrap_or_default())
            }
        }
    }
}

/// What is said of a variable that is not set.
pub(crate) fn not_set(name: &str) -> String {
    format!("variable `{}` is not set, an empty text takes its place", crate::error::shown(name))
}
