//! The end of a file whose last line is not ended.
//!
//! The parser that we use expects every line to be ended, so a line's end is put behind such a file, and taken out of a
//! block scalar that reaches to it.

use std::borrow::Cow;

/// The text with its last line ended.
pub(super) fn ended(text: &str) -> Cow<'_, str> {
    if text.is_empty() || text.ends_with(['\n', '\r']) {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(format!("{text}\n"))
    }
}

/// Takes the end that [`ended`] put behind `text` out of the value of a block scalar that reaches to it.
pub(super) fn without_end(value: &mut String, text: &str) {
    let last_line = text.rsplit(['\n', '\r']).next().unwrap_or_default();
    let Some(content) = value.strip_suffix('\n') else { return };
    // A last line of spaces alone is content only if it is indented more than the scalar; the end of an empty one stays
    // in the value only if the scalar keeps all of them.
    let blank = last_line.bytes().all(|byte| byte == b' ');
    let last_content = content.rsplit('\n').next().unwrap_or_default();
    let spaces = !last_content.is_empty() && last_content.bytes().all(|byte| byte == b' ');
    if !blank || spaces || last_content.is_empty() {
        value.pop();
    }
}
