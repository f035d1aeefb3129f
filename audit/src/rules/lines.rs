//! Credentials in a text that could not be read as what it is.

use std::ops::Range;

use super::literal::is_credential;
use super::written::passwords;

/// A word of a name in front of `:` or `=`, without quotes.
fn name(before: &str) -> &str {
    let before = before.trim_end().trim_end_matches(['"', '\'']);
    let start = before.rfind(|c: char| !c.is_alphanumeric() && !"_.-".contains(c));
    let from = start.map_or(0, |at| at.saturating_add(before.get(at..).map_or(0, first_length)));
    before.get(from..).unwrap_or_default()
}

fn first_length(text: &str) -> usize {
    text.chars().next().map_or(0, char::len_utf8)
}

/// Behind the name of the first credential of a line.
fn value(line: &str) -> Option<usize> {
    let mut last = 0;
    for (at, sign) in line.match_indices([':', '=']) {
        // Each name is looked for between two signs, so that a line costs its length.
        let name = name(line.get(last..at).unwrap_or_default());
        last = at.saturating_add(sign.len());
        // `secrets:` is a section of every stack.
        if name != "secrets" && is_credential(name) {
            return Some(last);
        }
    }
    None
}

fn indent(line: &str) -> usize {
    line.len().saturating_sub(line.trim_start().len())
}

/// Where values of credentials stand, by lines: behind `KEY:` and `KEY=`, below such a key, and in URLs.
pub(crate) fn credentials(text: &str) -> Vec<Range<usize>> {
    let mut found = passwords(text, true);
    let mut start = 0_usize;
    // The indentation of a key whose value stands below it.
    let mut below: Option<usize> = None;
    // Whether the line before was `name: KEY`.
    let mut is_named = false;
    for line in text.split_inclusive('\n') {
        let end = start.saturating_add(line.len());
        let is_blank = line.trim().is_empty();
        below = below.filter(|depth| is_blank || indent(line) > *depth);
        let said = line.trim_start().trim_start_matches("- ");
        if below.is_some() || is_named && said.trim_start_matches('"').starts_with("value") {
            found.push(start.saturating_add(indent(line))..end);
        } else if let Some(at) = value(line) {
            found.push(start.saturating_add(at)..end);
            let rest = line.get(at..).unwrap_or_default().trim();
            if rest.is_empty() || rest.starts_with(['|', '>', '&', '!', '"', '\'']) {
                below = Some(indent(line));
            }
        }
        let named = said.trim_start_matches('"').strip_prefix("name").and_then(|rest| rest.split_once(':'));
        is_named =
            named.is_some_and(|(_, name)| is_credential(name.trim().trim_matches(['"', '\'', ',', ' '])));
        start = end;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::credentials;

    /// The text with stars for what is hidden.
    fn shown(text: &str) -> String {
        let hidden = credentials(text);
        let star = |(at, c): (usize, char)| {
            if c != '\n' && hidden.iter().any(|range| range.contains(&at)) { '*' } else { c }
        };
        text.char_indices().map(star).collect()
    }

    #[test]
    fn values_of_credentials_are_hidden_whatever_the_form() {
        for text in [
            "POSTGRES_PASSWORD: hunter2",
            "  - DB_PASS=hunter2",
            "{a: {\"API_KEY\" : \"hunter2\"",
            "docker run -e TOKEN=hunter2",
            "x: [postgres://u:hunter2@db/x",
            "PASSWORD: |\n  hunter2\n\n  hunter2",
            "PASSWORD:\n  hunter2",
            "PASSWORD: \"a\n  hunter2",
            "- name: DB_PASSWORD\n  value: hunter2",
            "password = 'hunter2",
            "é: 1, SECRET: hunter2",
        ] {
            assert!(!shown(text).contains("hunter2") && shown(text).contains('*'), "{text}");
        }
    }

    #[test]
    fn everything_else_stays() {
        for text in [
            "services:\n  web:\n    image: a:1\n",
            "secrets: [db",
            "TOKEN_TTL: 3",
            "- name: A\n  value: b",
            "é=1",
        ] {
            assert_eq!(shown(text), text);
        }
        assert!(credentials(&"a:".repeat(1 << 20)).is_empty(), "and it ends in time");
    }
}
