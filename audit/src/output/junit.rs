//! `JUnit`, for the test pages of build servers: one case a rule and target, so that "passed" is visible too.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::finding::{Finding, Target};
use crate::grade::Grade;
use crate::place::FileId;
use crate::report::{Ran, Report};
use crate::rule::RuleId;
use crate::rules::rule;

/// A text in XML, without the characters that XML cannot have.
fn escaped(text: &str) -> String {
    let mut made = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '<' => made.push_str("&lt;"),
            '>' => made.push_str("&gt;"),
            '&' => made.push_str("&amp;"),
            '"' => made.push_str("&quot;"),
            '\n' => made.push_str("&#10;"),
            '\t' => made.push_str("&#9;"),
            '\u{fffe}' | '\u{ffff}' => made.push('\u{fffd}'),
            other if other.is_control() => made.push('\u{fffd}'),
            other => made.push(other),
        }
    }
    made
}

/// What a report holds, by what cases ask for.
struct Found<'a> {
    ran: BTreeMap<FileId, Vec<&'a Ran>>,
    about: BTreeMap<(RuleId, &'a Target), Vec<&'a Finding>>,
    within: BTreeMap<FileId, Vec<&'a Finding>>,
}

impl<'a> Found<'a> {
    fn of(report: &'a Report) -> Self {
        let mut found = Self { ran: BTreeMap::new(), about: BTreeMap::new(), within: BTreeMap::new() };
        for ran in &report.ran {
            found.ran.entry(ran.file).or_default().push(ran);
        }
        for finding in &report.findings {
            found.about.entry((finding.rule.id, &finding.target)).or_default().push(finding);
            found.within.entry(finding.place.file).or_default().push(finding);
        }
        found
    }
}

impl Report {
    /// The report as `JUnit`'s XML.
    pub fn to_junit(&self) -> String {
        let mut text = String::from(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"perry-sandbox audit\">\n",
        );
        let found = Found::of(self);
        for file in self.texts.ids() {
            let cases = self.cases(file, &found);
            if cases.is_empty() {
                continue;
            }
            let count = |word: &str| cases.iter().filter(|case| case.contains(word)).count();
            let _ = writeln!(
                text,
                "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\">",
                escaped(self.texts.name(file)),
                cases.len(),
                count("<failure "),
                count("<error "),
                count("<skipped "),
            );
            text.extend(cases);
            text.push_str("  </testsuite>\n");
        }
        text.push_str("</testsuites>\n");
        text
    }

    fn cases(&self, file: FileId, all: &Found<'_>) -> Vec<String> {
        let mut cases = Vec::new();
        let mut told: BTreeSet<(RuleId, &str)> = BTreeSet::new();
        for ran in all.ran.get(&file).into_iter().flatten() {
            for id in &ran.rules {
                let found = all.about.get(&(*id, &ran.target)).map_or(&[][..], Vec::as_slice);
                told.insert((*id, &ran.target.name));
                cases.push(self.case(*id, &ran.target.name, found));
            }
        }
        for finding in all.within.get(&file).into_iter().flatten() {
            if !told.contains(&(finding.rule.id, &finding.target.name)) {
                cases.push(self.case(finding.rule.id, &finding.target.name, &[finding]));
            }
        }
        cases
    }

    fn case(&self, id: RuleId, target: &str, found: &[&Finding]) -> String {
        let slug = rule(id).map_or("", |rule| rule.slug);
        let mut text = format!("    <testcase classname=\"{}\" name=\"{id} {slug}\">", escaped(target));
        for finding in found {
            let at = self.texts.position(finding.place);
            let place = format!("{}:{}:{}", self.texts.name(finding.place.file), at.line, at.column);
            let message = escaped(&finding.message);
            let (word, kind) = match (&finding.suppressed, finding.grade) {
                (Some(_), _) => ("skipped", "suppressed"),
                (None, Grade::Refused) => ("error", "refused"),
                (None, grade) => ("failure", grade.as_str()),
            };
            if word == "skipped" {
                let _ = write!(text, "<skipped message=\"{message}\"/>");
            } else {
                let body = escaped(&format!("{place}: {}", finding.help));
                let _ = write!(text, "<{word} type=\"{kind}\" message=\"{message}\">{body}</{word}>");
            }
        }
        text.push_str("</testcase>\n");
        text
    }
}
