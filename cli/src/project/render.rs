//! Findings for people, in rustc's look, and for scripts.

use std::fmt::Write as _;
use std::path::Path;

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};
use serde_json::{Value, json as value};

use super::examine::Report;
use super::finding::Finding;

/// Findings that are shown to people; scripts get them all.
const MOST_SHOWN: usize = 200;

/// The report for people, with paths as seen from where the project was named.
pub(crate) fn text(report: &Report, project: &Path, colour: bool) -> String {
    let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
    let mut text = String::new();
    for finding in report.findings.iter().take(MOST_SHOWN) {
        text.push_str(&renderer.render(&[group(finding, project)]));
        text.push_str("\n\n");
    }
    if let Some(more) = report.findings.len().checked_sub(MOST_SHOWN).filter(|more| *more > 0) {
        let _ = writeln!(text, "… and {more} more; --json has them all\n");
    }
    for (file, why) in report.unread.iter().take(MOST_SHOWN) {
        let _ = writeln!(text, "not looked at: {}: {why}", project.join(file).display());
    }
    let files = plural(report.files, "file");
    let _ = match report.findings.len() {
        0 => writeln!(text, "{files} read, nothing dead found"),
        found => writeln!(text, "{files} read, {} found", plural(found, "problem")),
    };
    text
}

fn plural(count: usize, thing: &str) -> String {
    if count == 1 { format!("1 {thing}") } else { format!("{count} {thing}s") }
}

fn group<'a>(finding: &'a Finding, project: &Path) -> Group<'a> {
    let place = &finding.place;
    let path = project.join(&place.file).display().to_string();
    let title = Level::ERROR.primary_title(finding.message.as_str()).id(finding.code.name());
    let mut group = Group::with_title(title);
    group = match &place.excerpt {
        Some(excerpt) => {
            let annotation = AnnotationKind::Primary.span(excerpt.span.clone()).label(finding.label.as_str());
            let snippet = Snippet::source(excerpt.line.as_str()).line_start(place.line).path(path);
            group.element(snippet.annotation(annotation))
        }
        None => group.element(Origin::path(path).line(place.line).char_column(place.column)),
    };
    if let Some(line) = &finding.replacement {
        group = group.element(Level::HELP.message(format!("write instead: {line}")));
    }
    finding.help.iter().fold(group, |group, line| group.element(Level::HELP.message(line.as_str())))
}

/// The report for scripts.
pub(crate) fn json(report: &Report, project: &Path, exit: u8) -> Value {
    let unread: Vec<_> =
        report.unread.iter().map(|(file, why)| value!({ "file": file, "why": why })).collect();
    value!({
        "schema": "perry-sandbox/doctor-project/v1",
        "project": project.display().to_string(),
        "exit": exit,
        "files": report.files,
        "findings": report.findings,
        "not-looked-at": unread,
    })
}
