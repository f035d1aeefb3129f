//! Entries meet findings.

use jiff::civil::Date;

use super::Ignores;
use super::comment::comments;
use super::entry::Entry;
use crate::finding::{Finding, SuppressedBy, Target, TargetKind};
use crate::grade::Grade;
use crate::place::{Place, Texts};
use crate::rule::{Reporter, RuleId};
use crate::rules::rule;

/// Rules about entries.
const UNUSED: RuleId = RuleId(901);
const WITHOUT_REASON: RuleId = RuleId(902);
const EXPIRED: RuleId = RuleId(903);
const OTHER_VERSION: RuleId = RuleId(904);

/// Marks the findings that somebody has answered for, and adds those about entries that do not hold.
pub(crate) fn suppress(ignores: &Ignores, today: Date, texts: &mut Texts, findings: &mut Vec<Finding>) {
    let mut entries: Vec<Entry> = texts.ids().flat_map(|file| comments(file, texts)).collect();
    if let Some(settings) = &ignores.settings {
        let file = texts.add(settings.name.as_str(), None, settings.text.as_str());
        entries.extend(settings.entries(file));
    }
    let mut about = Vec::new();
    if let Some(baseline) = &ignores.baseline {
        let file = texts.add(baseline.name.as_str(), None, baseline.text.as_str());
        entries.extend(baseline.entries(file));
        if let Some(version) = baseline.other_version() {
            let target = Target::new(TargetKind::File, baseline.name.as_str());
            let place = Place { file, start: 0, end: 1 };
            let message =
                format!("the baseline was written by version {}", perry_sandbox_compose::shown(version));
            say(OTHER_VERSION, &target, place, version, message, texts, &mut about);
        }
    }
    for entry in entries {
        apply(&entry, today, texts, findings, &mut about);
    }
    findings.append(&mut about);
}

fn apply(entry: &Entry, today: Date, texts: &Texts, findings: &mut [Finding], about: &mut Vec<Finding>) {
    let target = entry.target(texts);
    let id = entry.rule.to_string();
    if entry.reason.is_empty() {
        let message = format!("the ignore of {id} gives no reason, and is not honoured");
        return say(WITHOUT_REASON, &target, entry.place, &id, message, texts, about);
    }
    if let Some(until) = entry.until.filter(|until| *until < today) {
        let message = match until {
            Date::MIN => format!("the ignore of {id} ends on a day that is none, and is not honoured"),
            until => format!("the ignore of {id} ended on {until}, and is no longer honoured"),
        };
        return say(EXPIRED, &target, entry.place, &id, message, texts, about);
    }
    let mut used = false;
    for finding in findings.iter_mut().filter(|finding| entry.means(finding, texts)) {
        used = true;
        // SECURITY: what could not be graded cannot be answered for; only a gap can, by name.
        let gap = finding.rule.id == crate::report::GAP && entry.by != SuppressedBy::Baseline;
        if finding.suppressed.is_none() && (finding.grade != Grade::Refused || gap) {
            finding.suppressed = Some(entry.suppression());
        }
    }
    if !used {
        let message = match entry.by {
            SuppressedBy::Baseline => format!("the baseline's entry for {id} matches no finding any more"),
            SuppressedBy::Comment | SuppressedBy::Settings => {
                format!("the ignore of {id} matches no finding")
            }
        };
        say(UNUSED, &target, entry.place, &id, message, texts, about);
    }
}

fn say(
    id: RuleId,
    target: &Target,
    place: Place,
    evidence: &str,
    message: String,
    texts: &Texts,
    about: &mut Vec<Finding>,
) {
    if let Some(rule) = rule(id)
        && let Some(grade) = rule.grades.first()
    {
        Reporter::new(rule, texts, about).found(*grade, target, place, evidence, message);
    }
}
