//! Markdown, for comments on pull requests.

use std::fmt::Write as _;

use super::clean::clean;
use crate::finding::Finding;
use crate::report::Report;

/// Targets of a row.
const MOST_LISTED: usize = 20;

/// A text in a cell of a table, as it is.
fn cell(text: &str) -> String {
    let mut made = String::with_capacity(text.len());
    for char in clean(text).chars() {
        if "\\|<>[]*_#!".contains(char) {
            made.push('\\');
        }
        made.push(char);
    }
    made
}

impl Report {
    /// A table of what counts, by rule.
    pub fn to_markdown(&self) -> String {
        let mut text = String::from("## Audit\n\n");
        let counting: Vec<&Finding> = self.counting().collect();
        if !counting.is_empty() {
            text.push_str(
                "| severity | rule | what | where | what to do |\n| --- | --- | --- | --- | --- |\n",
            );
        }
        for group in counting.chunk_by(|a, b| a.rule.id == b.rule.id && a.grade == b.grade) {
            let Some(first) = group.first() else { continue };
            let places: Vec<String> = group
                .iter()
                .take(MOST_LISTED)
                .map(|finding| {
                    let line = self.texts.position(finding.place).line;
                    format!(
                        "{} ({}:{line})",
                        cell(&finding.target.name),
                        cell(self.texts.name(finding.place.file))
                    )
                })
                .collect();
            let more = group.len().saturating_sub(MOST_LISTED);
            let more = if more > 0 { format!(", and {more} more") } else { String::new() };
            let _ = writeln!(
                text,
                "| {} | {} {} | {} | {}{more} | {} |",
                first.grade,
                first.rule.id,
                first.rule.slug,
                cell(if group.len() == 1 { &first.message } else { first.rule.title }),
                places.join(", "),
                cell(&first.help),
            );
        }
        let _ = writeln!(text, "\n{}", self.summary_line());
        text
    }
}
