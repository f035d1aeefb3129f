//! Annotations of GitHub Actions.

use std::fmt::Write as _;

use crate::grade::Severity;
use crate::report::Report;

/// What the runner reads behind `::`.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// What it reads in front of it.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

impl Report {
    /// One workflow command a finding.
    pub fn to_github(&self) -> String {
        let mut text = String::new();
        for finding in self.counting() {
            let (start, end) = (self.texts.position(finding.place), self.texts.end_position(finding.place));
            let word = match finding.grade.severity() {
                None | Some(Severity::Critical | Severity::High) => "error",
                Some(Severity::Medium) => "warning",
                Some(Severity::Low | Severity::Info) => "notice",
            };
            let _ = writeln!(
                text,
                "::{word} file={},line={},col={},endLine={},endColumn={},title={}::{}",
                property(self.texts.name(finding.place.file)),
                start.line,
                start.column,
                end.line,
                end.column,
                property(&format!("{} {}", finding.rule.id, finding.rule.slug)),
                data(&format!("{}. {}", finding.message, finding.help)),
            );
        }
        let _ = writeln!(text, "::notice title=perry-sandbox audit::{}", data(&self.summary_line()));
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_cannot_end_its_command() {
        assert_eq!(data("50%\n::error::x"), "50%25%0A::error::x");
        assert_eq!(property("a:b,c"), "a%3Ab%2Cc");
    }
}
