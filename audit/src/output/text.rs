//! For people: grouped by rule, as rustc would show it.

use std::borrow::Cow;
use std::ops::Range;

use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Patch, Renderer, Snippet};
use perry_sandbox_compose::shown;

use super::clean::clean;
use crate::exposure::TargetExposure;
use crate::finding::{Finding, Fix, Safety};
use crate::grade::{Grade, Severity};
use crate::place::{FileId, Place, Texts};
use crate::report::Report;

/// Findings of one rule that are shown with their lines; of the others the targets are listed.
const MOST_SHOWN: usize = 3;

/// Targets whose exposure is shown.
const MOST_EXPOSED: usize = 10;

/// Targets of one rule that are listed.
const MOST_LISTED: usize = 40;

impl Report {
    /// The report as rustc would print it, with or without colour.
    pub fn to_text(&self, colour: bool) -> String {
        let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
        let sources: Vec<Cow<'_, str>> = self.texts.ids().map(|id| self.texts.shown(id)).collect();
        let shown = Shown { texts: &self.texts, sources: &sources };
        let mut text = String::new();
        let counting: Vec<&Finding> = self.counting().collect();
        let same = |a: &&Finding, b: &&Finding| a.rule.id == b.rule.id && a.grade == b.grade;
        for group in counting.chunk_by(same) {
            text.push_str(&renderer.render(&shown.group(group)));
            text.push_str("\n\n");
        }
        text.push_str(&self.exposure_line());
        text.push_str(&self.summary_line());
        text.push('\n');
        text
    }

    /// The most exposed targets with their numbers, on one line.
    fn exposure_line(&self) -> String {
        let mut all: Vec<&TargetExposure> = self.exposures.iter().collect();
        all.sort_by(|a, b| (b.exposure.len(), &b.exposure).cmp(&(a.exposure.len(), &a.exposure)));
        if all.is_empty() {
            return String::new();
        }
        let more = all.len().saturating_sub(MOST_EXPOSED);
        let listed =
            all.iter().take(MOST_EXPOSED).map(|one| format!("{} {}", shown(&one.target.name), one.exposure));
        let end = if more > 0 { format!(", and {more} more") } else { String::new() };
        format!("exposure of 10: {}{end}\n", listed.collect::<Vec<_>>().join(", "))
    }
}

fn level(grade: Grade) -> Level<'static> {
    match grade.severity() {
        None | Some(Severity::Critical | Severity::High) => Level::ERROR,
        Some(Severity::Medium) => Level::WARNING,
        Some(Severity::Low | Severity::Info) => Level::NOTE,
    }
}

struct Shown<'a> {
    texts: &'a Texts,
    sources: &'a [Cow<'a, str>],
}

impl<'a> Shown<'a> {
    fn group(&self, findings: &[&'a Finding]) -> Vec<Group<'a>> {
        let Some(first) = findings.first() else { return Vec::new() };
        let alone = findings.len() == 1;
        let heading = if alone { first.message.as_str() } else { first.rule.title };
        let title = level(first.grade)
            .with_name(first.grade.as_str())
            .primary_title(clean(heading))
            .id(first.rule.id.to_string());
        let seen = findings.get(..MOST_SHOWN.min(findings.len())).unwrap_or_default();
        let mut group = Group::with_title(title).elements(self.snippets(seen, alone));
        if findings.len() > seen.len() {
            group = group.element(Level::NOTE.message(listed(findings)));
        }
        let fix = seen.iter().find_map(|finding| finding.fix.as_ref());
        let mut groups = Vec::new();
        match fix {
            Some(fix) => {
                let patches = self.patches(&fix.edits);
                groups.push(group);
                groups
                    .push(Group::with_title(Level::HELP.secondary_title(self.offer(fix))).elements(patches));
            }
            None => groups.push(group.element(Level::HELP.message(clean(&first.help)))),
        }
        groups
    }

    /// What a fix does, how it is applied where there is a file to write, and what it can break.
    fn offer(&self, fix: &Fix) -> String {
        let in_a_file = fix.edits.iter().any(|edit| self.texts.path(edit.place.file).is_some());
        let (flags, breaks) = match fix.safety {
            Safety::Safe => ("--fix --write", None),
            Safety::Unsafe(breaks) => ("--fix --write --unsafe-fixes", Some(breaks)),
        };
        let how = if in_a_file { format!(": `{flags}`") } else { String::new() };
        let breaks = breaks.map(|breaks| format!("; {breaks}")).unwrap_or_default();
        format!("{}{how}{breaks}", fix.title)
    }

    fn source(&self, file: FileId) -> &'a str {
        let at = self.texts.ids().position(|id| id == file);
        at.and_then(|at| self.sources.get(at)).map_or("", |text| &**text)
    }

    fn snippets(&self, findings: &[&'a Finding], alone: bool) -> Vec<Snippet<'a, Annotation<'a>>> {
        let mut files: Vec<(FileId, Vec<Annotation<'a>>)> = Vec::new();
        let mut add = |place: Place, annotation: Annotation<'a>| match files
            .iter_mut()
            .find(|(file, _)| *file == place.file)
        {
            Some((_, known)) => known.push(annotation),
            None => files.push((place.file, vec![annotation])),
        };
        for finding in findings {
            let label = match (alone || finding.target.name.is_empty(), finding.label.is_empty()) {
                (true, _) => clean(&finding.label),
                (false, true) => shown(&finding.target.name),
                (false, false) => format!("{}: {}", shown(&finding.target.name), finding.label),
            };
            let range = self.first_line(finding.place);
            add(finding.place, AnnotationKind::Primary.span(range).label(label));
            for (place, label) in &finding.context {
                add(*place, AnnotationKind::Context.span(self.first_line(*place)).label(clean(label)));
            }
        }
        let snippet = |(file, annotations)| {
            Snippet::source(self.source(file)).path(shown(self.texts.name(file))).annotations(annotations)
        };
        files.into_iter().map(snippet).collect()
    }

    fn patches(&self, edits: &'a [crate::finding::Edit]) -> Vec<Snippet<'a, Patch<'a>>> {
        let Some(first) = edits.first() else { return Vec::new() };
        let patches =
            edits.iter().map(|edit| Patch::new(edit.place.start..edit.place.end, edit.text.as_str()));
        let file = first.place.file;
        vec![Snippet::source(self.source(file)).path(shown(self.texts.name(file))).patches(patches)]
    }

    /// A place's first line: a whole mapping would bury the message.
    fn first_line(&self, place: Place) -> Range<usize> {
        let text = self.source(place.file);
        let start = place.start.min(text.len());
        let end = place.end.min(text.len()).max(start);
        let length = text.get(start..end).and_then(|part| part.find(['\n', '\r']));
        start..length.map_or(end, |length| start.saturating_add(length))
    }
}

/// All targets of a rule's findings.
fn listed(findings: &[&Finding]) -> String {
    let mut names: Vec<String> = findings.iter().map(|finding| shown(&finding.target.name)).collect();
    names.sort();
    names.dedup();
    let kind = findings.first().map_or("target", |finding| finding.target.kind.as_str());
    let count = names.len();
    let more = count.saturating_sub(MOST_LISTED);
    names.truncate(MOST_LISTED);
    let end = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{} findings on {count} {kind}s: {}{end}", findings.len(), names.join(", "))
}
