use std::fmt;

use super::render::{line, render};
use super::{Problem, Sources};

/// Everything that is wrong, in the order of files and places, together with the files' texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems {
    list: Vec<Problem>,
    sources: Sources,
}

impl Problems {
    /// Sorts the problems and drops those that came twice.
    pub fn new(mut list: Vec<Problem>, sources: Sources) -> Self {
        list.sort();
        list.dedup();
        Self { list, sources }
    }

    /// The problems; never empty.
    pub fn list(&self) -> &[Problem] {
        &self.list
    }

    /// The files that were read.
    pub fn sources(&self) -> &Sources {
        &self.sources
    }

    /// The problems as rustc would show them, with or without colour.
    pub fn render(&self, colour: bool) -> String {
        render(&self.list, &self.sources, colour)
    }
}

impl fmt::Display for Problems {
    /// One line a problem.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, problem) in self.list.iter().enumerate() {
            if at > 0 {
                f.write_str("\n")?;
            }
            f.write_str(&line(problem, &self.sources))?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}
