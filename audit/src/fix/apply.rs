//! Applying fixes to texts.

use std::collections::BTreeMap;

use super::diff::unified;
use super::tree::changes_one_field;
use crate::finding::{Edit, Finding, Safety, TargetKind};
use crate::place::{FileId, Texts};
use crate::report::Report;

/// Fixes of one file: each is checked by reading the whole file again.
const MOST_FIXES: usize = 500;

/// Which fixes may be applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Allowed {
    /// Those that break nothing.
    Safe,
    /// All.
    All,
}

/// A fix that was applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// Which finding it ends: the rule and the target.
    pub finding: String,
    /// What it does.
    pub title: String,
    /// What it can break.
    pub breaks: Option<&'static str>,
}

/// A file that fixes have changed.
#[derive(Debug, Clone)]
pub struct Changed {
    /// The file's name.
    pub name: String,
    /// Where it can be written; a command line cannot.
    pub path: Option<String>,
    /// Its text before; who writes makes sure that the file still has it.
    pub before: String,
    /// Its new text.
    pub text: String,
    /// What was done.
    pub applied: Vec<Applied>,
    /// Fixes that met another one: they can be applied to the new text.
    pub left: usize,
    /// The change as a diff, without secrets.
    pub diff: String,
}

/// Applies the fixes of all findings that count. One that would change anything but the field that it is about is left out.
pub fn apply(report: &Report, allowed: Allowed) -> Vec<Changed> {
    let mut by_file: BTreeMap<FileId, Vec<(&Finding, &[Edit])>> = BTreeMap::new();
    for finding in report.counting() {
        let Some(fix) = &finding.fix else { continue };
        let may = fix.safety == Safety::Safe || allowed == Allowed::All;
        let one_file = fix.edits.iter().all(|edit| edit.place.file == finding.place.file);
        if may && one_file && !fix.edits.is_empty() {
            by_file.entry(finding.place.file).or_default().push((finding, &fix.edits));
        }
    }
    by_file.into_iter().filter_map(|(file, fixes)| changed(file, fixes, &report.texts)).collect()
}

fn start(edits: &[Edit]) -> usize {
    edits.iter().map(|edit| edit.place.start).min().unwrap_or_default()
}

fn end(edits: &[Edit]) -> usize {
    edits.iter().map(|edit| edit.place.end).max().unwrap_or_default()
}

/// From the end of the file to its start, so that places in front of a fix stay right.
fn changed(file: FileId, mut fixes: Vec<(&Finding, &[Edit])>, texts: &Texts) -> Option<Changed> {
    fixes.sort_by_key(|(_, edits)| std::cmp::Reverse(start(edits)));
    let before = texts.text(file).to_owned();
    let mut text = before.clone();
    let mut applied = Vec::new();
    let mut kept: Vec<Edit> = Vec::new();
    let mut free = usize::MAX;
    let mut left = 0_usize;
    for (finding, edits) in fixes.into_iter().take(MOST_FIXES) {
        // Two insertions at one place do not meet; anything else there does.
        if end(edits) > free || kept.iter().any(|known| edits.contains(known)) {
            left = left.saturating_add(1);
            continue;
        }
        let Some(next) = with(&text, edits) else { continue };
        let by_words = finding.target.kind == TargetKind::Invocation;
        if !by_words && !changes_one_field(&text, &next, &finding.target.name) {
            continue;
        }
        text = next;
        free = start(edits);
        kept.extend_from_slice(edits);
        applied.push(said(finding));
    }
    if applied.is_empty() {
        return None;
    }
    applied.reverse();
    let diff = unified(texts.name(file), &texts.shown(file), &kept);
    Some(Changed {
        name: texts.name(file).to_owned(),
        path: texts.path(file).map(str::to_owned),
        before,
        text,
        applied,
        left,
        diff,
    })
}

fn said(finding: &Finding) -> Applied {
    let fix = finding.fix.as_ref();
    Applied {
        finding: format!("{} {}", finding.rule.id, finding.target.name),
        title: fix.map_or_else(String::new, |fix| fix.title.clone()),
        breaks: fix.and_then(|fix| match fix.safety {
            Safety::Safe => None,
            Safety::Unsafe(breaks) => Some(breaks),
        }),
    }
}

/// A text with edits; nothing if they do not fit.
pub(super) fn with(text: &str, edits: &[Edit]) -> Option<String> {
    let mut ordered: Vec<&Edit> = edits.iter().collect();
    ordered.sort_by_key(|edit| (edit.place.start, edit.place.end));
    let mut made = String::with_capacity(text.len());
    let mut at = 0;
    for edit in ordered {
        made.push_str(text.get(at..edit.place.start)?);
        made.push_str(&edit.text);
        at = edit.place.end;
    }
    made.push_str(text.get(at..)?);
    Some(made)
}
