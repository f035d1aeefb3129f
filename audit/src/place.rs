//! Places in files, and the files' texts.

use std::borrow::Cow;
use std::sync::Arc;

/// One of the files that were read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(u32);

/// A range of bytes in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The file.
    pub file: FileId,
    /// The first byte.
    pub start: usize,
    /// Behind the last byte.
    pub end: usize,
}

/// A value, and where it was written.
#[derive(Debug, Clone, PartialEq)]
pub struct Placed<T> {
    /// The value.
    pub value: T,
    /// Where.
    pub place: Place,
}

impl<T> Placed<T> {
    /// A value at a place.
    pub const fn new(value: T, place: Place) -> Self {
        Self { value, place }
    }

    /// Another value at the same place.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Placed<U> {
        Placed { value: change(self.value), place: self.place }
    }
}

/// Line and column, both from 1; the column counts characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

#[derive(Debug, Clone)]
struct File {
    name: String,
    path: Option<String>,
    text: Arc<str>,
    /// Where each line begins.
    lines: Vec<usize>,
    hidden: Vec<(usize, usize)>,
}

/// The texts of all files that were read.
#[derive(Debug, Clone, Default)]
pub struct Texts {
    files: Vec<File>,
}

impl Texts {
    /// Keeps a file under the name by which reports call it; `path` is where it can be written back.
    pub fn add(
        &mut self,
        name: impl Into<String>,
        path: Option<String>,
        text: impl Into<Arc<str>>,
    ) -> FileId {
        let id = FileId(u32::try_from(self.files.len()).unwrap_or(u32::MAX));
        let text = text.into();
        let after = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let lines = std::iter::once(0).chain(after.map(|(at, _)| at.saturating_add(1))).collect();
        self.files.push(File { name: name.into(), path, text, lines, hidden: Vec::new() });
        id
    }

    fn file(&self, id: FileId) -> Option<&File> {
        self.files.get(usize::try_from(id.0).ok()?)
    }

    /// How many files there are.
    pub(crate) fn count(&self) -> u32 {
        u32::try_from(self.files.len()).unwrap_or(u32::MAX)
    }

    /// Every file, in the order in which they were read.
    pub fn ids(&self) -> impl Iterator<Item = FileId> + use<> {
        self.ids_from(0)
    }

    /// The files that were read after so many.
    pub(crate) fn ids_from(&self, known: u32) -> impl Iterator<Item = FileId> + use<> {
        (known..self.count()).map(FileId)
    }

    /// A file's name.
    pub fn name(&self, id: FileId) -> &str {
        self.file(id).map_or("", |file| file.name.as_str())
    }

    /// Where a file can be written back.
    pub fn path(&self, id: FileId) -> Option<&str> {
        self.file(id)?.path.as_deref()
    }

    /// A file's whole text. For what is printed there is [`Texts::shown`].
    pub fn text(&self, id: FileId) -> &str {
        self.file(id).map_or("", |file| &*file.text)
    }

    /// The whole of a file.
    pub fn whole(&self, file: FileId) -> Place {
        Place { file, start: 0, end: self.text(file).len() }
    }

    /// The text at a place.
    pub fn at(&self, place: Place) -> &str {
        self.text(place.file).get(place.start..place.end).unwrap_or_default()
    }

    /// Line and column of the place's start.
    pub fn position(&self, place: Place) -> Position {
        self.position_of(place.file, place.start)
    }

    /// Line and column behind the place's end.
    pub fn end_position(&self, place: Place) -> Position {
        self.position_of(place.file, place.end)
    }

    fn position_of(&self, id: FileId, offset: usize) -> Position {
        let Some(file) = self.file(id) else { return Position { line: 1, column: 1 } };
        let line = file.lines.partition_point(|start| *start <= offset).max(1);
        let start = file.lines.get(line.saturating_sub(1)).copied().unwrap_or(0);
        let column = file.text.get(start..offset).map_or(1, |text| text.chars().count().saturating_add(1));
        Position { line, column }
    }

    /// The bytes of a line, counted from 1, without its end.
    pub fn line(&self, id: FileId, line: usize) -> Option<Place> {
        let file = self.file(id)?;
        let start = *file.lines.get(line.checked_sub(1)?)?;
        let end = file.lines.get(line).map_or(file.text.len(), |next| next.saturating_sub(1));
        Some(Place { file: id, start, end })
    }

    /// How many lines a file has.
    pub fn line_count(&self, id: FileId) -> usize {
        self.file(id).map_or(0, |file| file.lines.len())
    }

    /// Keeps what stands at a place out of everything that is printed.
    pub fn hide(&mut self, place: Place) {
        if let Some(file) = usize::try_from(place.file.0).ok().and_then(|at| self.files.get_mut(at)) {
            file.hidden.push((place.start, place.end));
        }
    }

    /// A file's text with stars for what is hidden, of the same length, so that all places stay right.
    pub fn shown(&self, id: FileId) -> Cow<'_, str> {
        let Some(file) = self.file(id) else { return Cow::Borrowed("") };
        if file.hidden.is_empty() {
            return Cow::Borrowed(&file.text);
        }
        let mut hidden = file.hidden.clone();
        hidden.sort_unstable();
        let mut hidden = hidden.into_iter().peekable();
        let mut shown = String::with_capacity(file.text.len());
        // Behind the last byte of all ranges that have begun.
        let mut until = 0;
        for (at, char) in file.text.char_indices() {
            while let Some((_, end)) = hidden.next_if(|(start, _)| *start <= at) {
                until = end.max(until);
            }
            if at >= until || matches!(char, '\n' | '\r') {
                shown.push(char);
            } else {
                (0..char.len_utf8()).for_each(|_| shown.push('*'));
            }
        }
        Cow::Owned(shown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_characters_from_one() {
        let mut texts = Texts::default();
        let id = texts.add("a", None, "ab\nçd\n");
        let place = |start, end| Place { file: id, start, end };
        assert_eq!(texts.position(place(0, 1)), Position { line: 1, column: 1 });
        assert_eq!(texts.position(place(5, 6)), Position { line: 2, column: 2 });
        assert_eq!(texts.at(place(3, 6)), "çd");
        assert_eq!(texts.line(id, 2), Some(place(3, 6)));
        assert_eq!(texts.line(id, 3), Some(place(7, 7)));
        assert_eq!(texts.line(id, 4), None);
    }

    #[test]
    fn what_is_hidden_is_not_shown_and_moves_nothing() {
        let mut texts = Texts::default();
        let id = texts.add("a", None, "key: hüt\nnext");
        texts.hide(Place { file: id, start: 5, end: 9 });
        assert_eq!(texts.shown(id), "key: ****\nnext");
        assert_eq!(texts.text(id), "key: hüt\nnext");
        // Ranges that meet, contain each other, or hold nothing.
        for (start, end) in [(12, 13), (0, 3), (1, 2), (2, 4), (11, 11)] {
            texts.hide(Place { file: id, start, end });
        }
        assert_eq!(texts.shown(id), "**** ****\nne*t");
    }
}
