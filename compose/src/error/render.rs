use std::fmt::Write as _;
use std::ops::Range;

use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Renderer, Snippet};

use super::{Note, Problem, Sources};
use crate::node::{FileId, Span};

/// More would not be read.
const MOST_SHOWN: usize = 100;

/// The problems, each with the lines that it is about.
pub(super) fn render(problems: &[Problem], sources: &Sources, colour: bool) -> String {
    let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
    let mut text = String::new();
    for problem in problems.iter().take(MOST_SHOWN) {
        let title = Level::ERROR.primary_title(problem.message.as_str());
        let mut group = Group::with_title(title).elements(snippets(problem, sources));
        for note in &problem.notes {
            if let Note::Help(help) = note {
                group = group.element(Level::HELP.message(help.as_str()));
            }
        }
        text.push_str(&renderer.render(&[group]));
        text.push_str("\n\n");
    }
    if let Some(more) = problems.len().checked_sub(MOST_SHOWN).filter(|more| *more > 0) {
        let _ = writeln!(text, "… and {more} more");
    }
    text
}

/// A problem as one line: `file:line:column: message (help)`.
pub(super) fn line(problem: &Problem, sources: &Sources) -> String {
    let place = problem.span.and_then(|span| sources.place(span));
    let mut text = place.map_or_else(String::new, |place| format!("{place}: "));
    text.push_str(&problem.message);
    for note in &problem.notes {
        match note {
            Note::Place(span, label) => {
                let place = sources.place(*span).unwrap_or_default();
                let _ = write!(text, " ({label}: {place})");
            }
            Note::Help(help) => {
                let _ = write!(text, " ({help})");
            }
        }
    }
    text
}

fn snippets<'a>(problem: &'a Problem, sources: &'a Sources) -> Vec<Snippet<'a, Annotation<'a>>> {
    let main = problem.span;
    let others = problem.notes.iter().filter_map(|note| match note {
        Note::Place(span, label) => Some((*span, label.as_str())),
        Note::Help(_) => None,
    });
    let mut files: Vec<(FileId, Vec<Annotation<'a>>)> = Vec::new();
    let mut add = |span: Span, annotation: Annotation<'a>| {
        if let Some((_, known)) = files.iter_mut().find(|(file, _)| *file == span.file) {
            known.push(annotation);
        } else {
            files.push((span.file, vec![annotation]));
        }
    };
    if let Some(span) = main
        && let Some((_, text)) = sources.file(span.file)
    {
        add(span, AnnotationKind::Primary.span(range(span, text)));
    }
    for (span, label) in others {
        if let Some((_, text)) = sources.file(span.file) {
            add(span, AnnotationKind::Context.span(range(span, text)).label(label));
        }
    }
    files
        .into_iter()
        .filter_map(|(file, annotations)| {
            let (name, text) = sources.file(file)?;
            Some(Snippet::source(text).path(name).annotations(annotations))
        })
        .collect()
}

/// The first line of the span, as a range inside the text and on character boundaries whatever it says: a whole mapping
/// would bury the message.
fn range(span: Span, text: &str) -> Range<usize> {
    let inside = |offset: u32| {
        let mut at = usize::try_from(offset).unwrap_or(usize::MAX).min(text.len());
        while !text.is_char_boundary(at) {
            at = at.saturating_sub(1);
        }
        at
    };
    let start = inside(span.start.offset);
    let end = inside(span.end.offset).max(start);
    let first_line = text.get(start..end).and_then(|part| part.find(['\n', '\r']));
    start..first_line.map_or(end, |length| start.saturating_add(length))
}
