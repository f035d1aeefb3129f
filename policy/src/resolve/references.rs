//! Names that an entry mentions and its file does not define.

use crate::refusal::{Refusal, RefusalCode, suggestion};
use crate::source::Span;

/// A name that stands for nothing in its own file. Another file may define it where the kind is open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Missing {
    /// The kind, as in `open`.
    pub(crate) kind: &'static str,
    pub(crate) name: String,
    pub(crate) span: Span,
}

impl Missing {
    pub(crate) fn refusal<'a>(&self, known: impl IntoIterator<Item = &'a str>) -> Refusal {
        let what = match self.kind {
            "trust-root" => "trust root",
            "image" => "image rule",
            other => other,
        };
        Refusal::new(RefusalCode::UnknownName, self.span, format!("there is no {what} `{}`", self.name))
            .help(suggestion(&self.name, known))
    }
}
