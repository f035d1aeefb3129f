use super::Problem;
use crate::node::Span;

/// What the steps of the loader have to say: they go on after a problem where that makes sense, so that one run names
/// them all.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// What is wrong.
    pub problems: Vec<Problem>,
    /// What the author should know.
    pub warnings: Vec<Warning>,
}

/// Something that is allowed, and yet worth a line.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Warning {
    /// Where; nothing if it is in no file.
    pub span: Option<Span>,
    /// What was found, and what happens.
    pub message: String,
}

impl Report {
    /// Adds a problem.
    pub fn problem(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    /// Adds a warning.
    pub fn warn(&mut self, span: Option<Span>, message: impl Into<String>) {
        self.warnings.push(Warning { span, message: message.into() });
    }

    /// Whether anything is wrong.
    pub fn failed(&self) -> bool {
        !self.problems.is_empty()
    }
}
