//! `JUnit`, for the test pages of build servers: one case a rule and target, so that "passed" is visible too.

use std::fmt::Write as _;

use crate::finding::Finding;
use crate::grade::Grade;
use crate::report::Report;
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

impl Report {
    /// The report as `JUnit`'s XML.
    pub fn to_junit(&self) -> String {
        let mut text = String::from(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"perry-sandbox audit\">\n",
        );
        for file in self.texts.ids() {
            let cases = self.cases(file);
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

    fn cases(&self, file: crate::place::FileId) -> Vec<String> {
        let mut cases = Vec::new();
        let mut told: Vec<(RuleId, &str)> = Vec::new();
        for ran in self.ran.iter().filter(|ran| ran.file == file) {
            for id in &ran.rules {
                let about = |finding: &&Finding| finding.rule.id == *id && finding.target == ran.target;
                let found: Vec<&Finding> = self.findings.iter().filter(about).collect();
                told.push((*id, &ran.target.name));
                cases.push(self.case(*id, &ran.target.name, &found));
            }
        }
        let rest = self.findings.iter().filter(|finding| finding.place.file == file);
        for finding in rest {
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
