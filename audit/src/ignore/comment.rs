//! `# perry-sandbox: ignore[PSB410] reason…`, beside what it is about or alone on the line above it.

use jiff::civil::Date;

use super::entry::{Entry, Scope};
use crate::finding::SuppressedBy;
use crate::place::{FileId, Place, Texts};
use crate::rule::RuleId;

const SIGN: &str = "perry-sandbox: ignore[";

/// Entries of all comments of a file.
pub(super) fn comments(file: FileId, texts: &Texts) -> Vec<Entry> {
    if !texts.text(file).contains(SIGN) {
        return Vec::new();
    }
    let lines = (1..=texts.line_count(file)).filter_map(|number| Some((number, texts.line(file, number)?)));
    lines.flat_map(|(number, line)| comment(number, line, texts)).collect()
}

/// Where a comment of a line begins: a `#` at its start or behind a blank.
fn hash(line: &str) -> Option<usize> {
    let sign = line.find(SIGN)?;
    let before = line.get(..sign)?;
    let at = before.rfind('#')?;
    let starts = before.get(..at).is_some_and(|text| text.is_empty() || text.ends_with([' ', '\t']));
    (starts && before.get(at.saturating_add(1)..)?.trim().is_empty()).then_some(at)
}

fn comment(number: usize, line: Place, texts: &Texts) -> Vec<Entry> {
    let text = texts.at(line);
    let Some(at) = hash(text) else { return Vec::new() };
    let rest = text.get(at..).and_then(|comment| comment.split_once(SIGN)).map_or("", |(_, rest)| rest);
    let (rules, reason) = rest.split_once(']').unwrap_or((rest, ""));
    let alone = text.get(..at).is_some_and(|before| before.trim().is_empty());
    let lines = if alone { vec![below(number, line.file, texts)] } else { vec![number] };
    let (reason, owner, until) = parts(reason);
    let place = Place { start: line.start.saturating_add(at), ..line };
    rules
        .split(',')
        .filter_map(|rule| rule.trim().strip_prefix("PSB")?.parse().ok())
        .map(|rule| Entry {
            by: SuppressedBy::Comment,
            rule: RuleId(rule),
            scope: Scope::Lines(lines.clone()),
            reason: reason.clone(),
            owner: owner.clone(),
            until,
            place,
        })
        .collect()
}

/// The next line that is no comment.
fn below(number: usize, file: FileId, texts: &Texts) -> usize {
    let mut next = number.saturating_add(1);
    while texts.line(file, next).is_some_and(|line| texts.at(line).trim_start().starts_with('#')) {
        next = next.saturating_add(1);
    }
    next
}

/// The reason, without `owner=…` and `until=…`. A day that is none never comes: the entry does not hold.
fn parts(text: &str) -> (String, Option<String>, Option<Date>) {
    let (mut owner, mut until) = (None, None);
    let mut reason = Vec::new();
    for word in text.split_whitespace() {
        let bare = word.trim_end_matches([',', ';']);
        if let Some(name) = bare.strip_prefix("owner=") {
            owner = Some(name.to_owned());
        } else if let Some(day) = bare.strip_prefix("until=") {
            until = Some(day.parse().unwrap_or(Date::MIN));
        } else {
            reason.push(word);
        }
    }
    (reason.join(" "), owner, until)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comment_is_beside_its_line_or_above_it() {
        let mut texts = Texts::default();
        let text = "a: 1 # perry-sandbox: ignore[PSB401] why owner=ops, until=2027-01-31\n\
                    # perry-sandbox: ignore[PSB402,PSB403]\n# more\nb: 2\nc: 'x#perry-sandbox: ignore[PSB404] no'\n";
        let file = texts.add("a", None, text);
        let found = comments(file, &texts);
        let lines: Vec<_> = found
            .iter()
            .map(|entry| match &entry.scope {
                Scope::Lines(lines) => (entry.rule.0, lines[0], entry.reason.as_str()),
                _ => panic!("a comment is about lines"),
            })
            .collect();
        assert_eq!(lines, [(401, 1, "why"), (402, 4, ""), (403, 4, "")]);
        assert_eq!(found[0].owner.as_deref(), Some("ops"));
        assert_eq!(found[0].until.map(|day| day.to_string()).as_deref(), Some("2027-01-31"));
    }
}
