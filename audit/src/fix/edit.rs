//! Changes of text that keep everything else as it is. Where the text has a form that is not certain, there is none.

use crate::finding::Edit;
use crate::launch::{Launch, Origin};
use crate::place::{Place, Texts};

/// The line that a place begins on: its number, and where it is.
fn line_of(texts: &Texts, place: Place) -> Option<(usize, Place)> {
    let number = texts.position(place).line;
    Some((number, texts.line(place.file, number)?))
}

fn indent(line: &str) -> &str {
    let end = line.find(|c: char| c != ' ').unwrap_or(line.len());
    line.get(..end).unwrap_or_default()
}

/// A line with its end.
fn whole_line(texts: &Texts, line: Place) -> Place {
    let next = line.end.saturating_add(1).min(texts.text(line.file).len());
    Place { end: next, ..line }
}

fn without_comment(line: &str) -> &str {
    line.split(" #").next().unwrap_or(line).trim_end()
}

/// SECURITY: what an anchor, a merge key or a variable makes is written elsewhere too: a change there would change more.
fn is_plain(text: &str) -> bool {
    !text.contains(['&', '*', '$']) && !text.contains("<<:")
}

/// Takes an item out of a list of YAML; with its last item the list goes too.
pub(crate) fn remove_item(texts: &Texts, place: Place) -> Option<Vec<Edit>> {
    let (number, line) = line_of(texts, place)?;
    let text = texts.at(line);
    let item = text.trim_start().strip_prefix("- ").map(without_comment)?;
    if item.trim() != texts.at(place) || !is_plain(text) {
        return None;
    }
    let own = indent(text);
    let is_sibling = |number: usize| {
        let other = texts.line(place.file, number).map(|line| texts.at(line));
        other.is_some_and(|other| indent(other) == own && other.trim_start().starts_with("- "))
    };
    let mut edits = vec![Edit { place: whole_line(texts, line), text: String::new() }];
    let above = number.checked_sub(1)?;
    if !is_sibling(above) && !is_sibling(number.saturating_add(1)) {
        let key = texts.line(place.file, above)?;
        let key_text = without_comment(texts.at(key));
        if !key_text.ends_with(':') || !is_plain(key_text) || key_text.trim_start().starts_with('#') {
            return None;
        }
        edits.insert(0, Edit { place: whole_line(texts, key), text: String::new() });
    }
    Some(edits)
}

/// Adds an item to a list of YAML, in front of one that is there.
pub(crate) fn add_item(texts: &Texts, beside: Place, item: &str) -> Option<Vec<Edit>> {
    let (_, line) = line_of(texts, beside)?;
    let text = texts.at(line);
    if !text.trim_start().starts_with("- ") || !is_plain(text) {
        return None;
    }
    let place = Place { start: line.start, end: line.start, ..line };
    Some(vec![Edit { place, text: format!("{}- {item}\n", indent(text)) }])
}

/// Adds a key to a service, in front of those that it has.
pub(crate) fn add_key(texts: &Texts, launch: &Launch, key: &str, items: &[&str]) -> Option<Vec<Edit>> {
    if launch.origin != Origin::Compose {
        return None;
    }
    let (number, line) = line_of(texts, launch.place)?;
    let head = without_comment(texts.at(line));
    if !head.ends_with(':') || !is_plain(head) {
        return None;
    }
    let mut inner = None;
    for next in number.saturating_add(1)..=texts.line_count(launch.place.file) {
        let below = texts.line(launch.place.file, next)?;
        let text = texts.at(below);
        if text.trim().is_empty() || text.trim_start().starts_with('#') {
            continue;
        }
        if indent(text).len() <= indent(head).len() {
            break;
        }
        if text.contains("<<:") {
            return None;
        }
        inner.get_or_insert((below, indent(text)));
    }
    let (below, own) = inner?;
    let mut text = format!("{own}{key}\n");
    for item in items {
        text.push_str(own);
        text.push_str("  - ");
        text.push_str(item);
        text.push('\n');
    }
    Some(vec![Edit { place: Place { start: below.start, end: below.start, ..below }, text }])
}

/// Adds words to a command line, behind the one that says "run".
pub(crate) fn add_words(launch: &Launch, words: &str) -> Option<Vec<Edit>> {
    let Origin::Argv(_) = launch.origin else { return None };
    let at = launch.place.end;
    Some(vec![Edit { place: Place { start: at, end: at, ..launch.place }, text: format!(" {words}") }])
}

/// Takes words out of a command line, with the blank in front of them.
pub(crate) fn remove_words(launch: &Launch, place: Place) -> Option<Vec<Edit>> {
    let Origin::Argv(_) = launch.origin else { return None };
    let start = place.start.checked_sub(1)?;
    Some(vec![Edit { place: Place { start, ..place }, text: String::new() }])
}
