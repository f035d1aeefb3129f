//! Refusals on a terminal, in rustc's look.

use std::fmt::Write as _;

use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Renderer, Snippet};

use crate::refusal::Refusal;
use crate::source::{Sources, Span};

/// More would not be read.
const MOST_SHOWN: usize = 100;

/// All refusals, each with the lines that it is about.
pub(crate) fn render(refusals: &[Refusal], sources: &Sources, colour: bool) -> String {
    let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
    let mut text = String::new();
    for refusal in refusals.iter().take(MOST_SHOWN) {
        let title = Level::ERROR.primary_title(refusal.message.as_str()).id(refusal.code.as_str());
        let mut group = Group::with_title(title).elements(snippets(refusal, sources));
        if let Some(help) = &refusal.help {
            group = group.element(Level::HELP.message(help.as_str()));
        }
        text.push_str(&renderer.render(&[group]));
        text.push_str("\n\n");
    }
    if let Some(more) = refusals.len().checked_sub(MOST_SHOWN).filter(|more| *more > 0) {
        let _ = writeln!(text, "… and {more} more");
    }
    text
}

/// One line for each refusal, for logs.
pub(crate) fn render_plain(refusals: &[Refusal], sources: &Sources) -> String {
    let lines: Vec<String> = refusals
        .iter()
        .take(MOST_SHOWN)
        .map(|refusal| {
            let place = sources.place(refusal.span).map_or_else(String::new, |place| format!("{place}: "));
            let help = refusal.help.as_deref().map_or_else(String::new, |help| format!(" ({help})"));
            format!("{place}{} {}{help}", refusal.code, refusal.message)
        })
        .collect();
    lines.join("\n")
}

fn snippets<'a>(refusal: &'a Refusal, sources: &'a Sources) -> Vec<Snippet<'a, Annotation<'a>>> {
    let mut snippets = Vec::new();
    let related = refusal.related.as_ref();
    if let Some((name, text)) = sources.file(refusal.span.source) {
        let mut snippet = Snippet::source(text).path(name.as_str()).annotation(
            AnnotationKind::Primary.span(range(refusal.span, text)).label(refusal.label.as_str()),
        );
        if let Some((span, label)) = related.filter(|(span, _)| span.source == refusal.span.source) {
            snippet =
                snippet.annotation(AnnotationKind::Context.span(range(*span, text)).label(label.as_str()));
        }
        snippets.push(snippet);
    }
    if let Some((span, label)) = related.filter(|(span, _)| span.source != refusal.span.source)
        && let Some((name, text)) = sources.file(span.source)
    {
        snippets.push(
            Snippet::source(text)
                .path(name.as_str())
                .annotation(AnnotationKind::Context.span(range(*span, text)).label(label.as_str())),
        );
    }
    snippets
}

/// The span as a range that lies inside the text and on character boundaries, whatever it says.
fn range(span: Span, text: &str) -> std::ops::Range<usize> {
    let inside = |offset: u32| {
        let mut at = usize::try_from(offset).unwrap_or(usize::MAX).min(text.len());
        while !text.is_char_boundary(at) {
            at = at.saturating_sub(1);
        }
        at
    };
    let start = inside(span.start);
    start..inside(span.end).max(start)
}
