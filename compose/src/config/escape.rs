use std::fmt::Write as _;

/// A text in JSON, as Go's encoder writes it: what HTML would read is escaped.
pub(super) fn json(text: &str, out: &mut String) {
    out.push('"');
    for char in text.chars() {
        match char {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\0'..='\u{1f}' => {
                let _ = write!(out, "\\u{:04x}", u32::from(char));
            }
            _ => out.push(char),
        }
    }
    out.push('"');
}

/// A finite number in JSON, as Go's encoder writes it.
pub(super) fn number(number: f64, out: &mut String) {
    let size = number.abs();
    if size > 0.0 && !(1e-6..1e21).contains(&size) {
        let text = format!("{number:e}");
        // Go writes the sign of an exponent, but no zero before a single digit.
        let text = if text.contains("e-") { text } else { text.replace('e', "e+") };
        out.push_str(&text);
    } else {
        let _ = write!(out, "{number}");
    }
}
