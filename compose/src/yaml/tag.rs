//! A tag directly before a comma: the parser that we use gives up there by a panic, the standard's reader by an error.
//!
//! Whether such text is a tag, and not in quotes, a comment or a scalar, only the parser knows. So it is asked about the text
//! up to there, with a character for the comma that no tag may be followed by either, but without a panic.

use libyaml_safer::{EventData, Parser};

/// How many bytes may be read for that, for each byte of the text and beyond that.
const MOST_TIMES: usize = 8;
const MOST_BESIDE: usize = 64 * 1024;

/// The text up to its first tag before a comma, to be read in place of it: it is refused at the same character. None is looked
/// for any longer once that took as much as it may; a panic is caught then.
pub(super) fn before_comma(text: &str, most_depth: usize) -> Option<String> {
    let mut left = text.len().saturating_mul(MOST_TIMES).saturating_add(MOST_BESIDE);
    for comma in candidates(text) {
        left = left.checked_sub(comma)?;
        let part = format!("{}^\n", text.get(..comma)?);
        if is_refused(&part, comma, most_depth) {
            return Some(part);
        }
    }
    None
}

/// The commas that may stand behind a tag, `!tag` or `!<tag>`.
fn candidates(text: &str) -> impl Iterator<Item = usize> {
    let (mut in_tag, mut in_verbatim, mut behind_verbatim, mut last) = (false, false, false, 0);
    text.bytes().enumerate().filter_map(move |(at, byte)| {
        let is_of_tag = byte.is_ascii_alphanumeric() || b"_-;/?:@&=+$.%!~*'()".contains(&byte);
        let found = byte == b',' && (in_tag || behind_verbatim);
        in_tag = is_of_tag && (in_tag || byte == b'!');
        behind_verbatim = byte == b'>' && in_verbatim;
        in_verbatim = in_verbatim && (is_of_tag || b",[]".contains(&byte)) || byte == b'<' && last == b'!';
        last = byte;
        found.then_some(at)
    })
}

/// Whether reading comes to this place, and ends there for what stands behind a tag.
fn is_refused(text: &str, at: usize, most_depth: usize) -> bool {
    // The parser counts from behind a byte order mark.
    let at = at.saturating_sub(if text.starts_with('\u{feff}') { 3 } else { 0 });
    let mut bytes = text.as_bytes();
    let mut parser = Parser::new();
    parser.set_input_string(&mut bytes);
    let mut depth = 0_usize;
    loop {
        match parser.parse().map(|event| event.data) {
            Ok(EventData::SequenceStart { .. } | EventData::MappingStart { .. }) => {
                depth = depth.saturating_add(1);
                if depth > most_depth {
                    return false;
                }
            }
            Ok(EventData::SequenceEnd | EventData::MappingEnd) => depth = depth.saturating_sub(1),
            Ok(EventData::StreamEnd) => return false,
            Ok(_) => {}
            Err(error) => {
                let is_here = error.problem_mark().is_some_and(|mark| usize::try_from(mark.index) == Ok(at));
                return is_here && error.context() == Some("while scanning a tag");
            }
        }
    }
}
