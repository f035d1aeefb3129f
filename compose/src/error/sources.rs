use std::sync::Arc;

use crate::node::{FileId, Span};

/// The files that were read, by the order in which they were read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sources {
    files: Vec<(String, Arc<str>)>,
}

impl Sources {
    /// Keeps a file, under the name by which messages call it.
    pub fn add(&mut self, name: impl Into<String>, text: impl Into<Arc<str>>) -> FileId {
        let id = FileId(u32::try_from(self.files.len()).unwrap_or(u32::MAX));
        self.files.push((name.into(), text.into()));
        id
    }

    /// A file's name.
    pub fn name(&self, file: FileId) -> Option<&str> {
        self.file(file).map(|(name, _)| name)
    }

    /// A file's name and text.
    pub fn file(&self, file: FileId) -> Option<(&str, &str)> {
        let place = usize::try_from(file.0).ok()?;
        self.files.get(place).map(|(name, text)| (name.as_str(), &**text))
    }

    /// `name:line:column`.
    pub fn place(&self, span: Span) -> Option<String> {
        self.name(span.file).map(|name| format!("{name}:{}:{}", span.start.line, span.start.column))
    }
}
