//! The line that says how much was looked at.

use std::fmt::Write as _;

use crate::grade::Severity;
use crate::report::{Report, Summary};

fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

impl Report {
    /// `3 findings (1 critical, 2 low) in 1 file, 2 targets, by 40 rules`.
    pub fn summary_line(&self) -> String {
        let Summary { files, targets, rules, findings, refused, suppressed, left_out } = self.summary();
        let all: usize = findings.values().sum();
        let by_severity: Vec<String> = Severity::ALL
            .iter()
            .rev()
            .filter_map(|severity| Some(format!("{} {severity}", findings.get(severity)?)))
            .collect();
        let mut line = counted(all, "finding", "findings");
        if !by_severity.is_empty() {
            let _ = write!(line, " ({})", by_severity.join(", "));
        }
        let _ = write!(
            line,
            " in {}, {}, by {}",
            counted(files, "file", "files"),
            counted(targets, "target", "targets"),
            counted(rules, "rule", "rules")
        );
        if refused > 0 {
            let _ = write!(line, "; {refused} not graded");
        }
        if suppressed > 0 {
            let _ = write!(line, "; {suppressed} suppressed");
        }
        if left_out > 0 {
            let _ =
                write!(line, "; {} left out as nothing that is audited", counted(left_out, "file", "files"));
        }
        line
    }
}
