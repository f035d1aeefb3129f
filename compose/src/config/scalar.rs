use std::fmt::Write as _;

use crate::node::Value;
use crate::yaml::plain;

/// How a text is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    Plain,
    Single,
    Double,
    Literal,
}

/// Writes a text in YAML. `indent` is where the lines of a literal begin; keys are never literals.
pub(super) fn text(text: &str, key: bool, indent: usize, out: &mut String) {
    match style(text, key) {
        Style::Plain => out.push_str(text),
        Style::Single => {
            out.push('\'');
            out.push_str(&text.replace('\'', "''"));
            out.push('\'');
        }
        Style::Double => double(text, out),
        Style::Literal => literal(text, indent, out),
    }
}

fn style(text: &str, key: bool) -> Style {
    let found = Found::of(text);
    if text.contains('\n') {
        return if found.literal && !key { Style::Literal } else { Style::Double };
    }
    // What would read as a number or the like needs quotes.
    if !matches!(plain(text), Value::Text(_))
        || is_large_number(text)
        || is_old_boolean(text)
        || is_sexagesimal(text)
    {
        return Style::Double;
    }
    match (found.plain, found.single) {
        (true, _) => Style::Plain,
        (false, true) => Style::Single,
        (false, false) => Style::Double,
    }
}

/// The reader keeps a number that is too large as a text.
fn is_large_number(text: &str) -> bool {
    text.len() > 18 && text.parse::<u64>().is_ok()
}

fn is_old_boolean(text: &str) -> bool {
    matches!(
        text,
        "y" | "Y"
            | "yes"
            | "Yes"
            | "YES"
            | "on"
            | "On"
            | "ON"
            | "n"
            | "N"
            | "no"
            | "No"
            | "NO"
            | "off"
            | "Off"
            | "OFF"
    )
}

/// `22:22` was a number once, of base 60.
fn is_sexagesimal(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let mut parts = unsigned.split(':');
    let first = parts.next().unwrap_or_default();
    let rest: Vec<&str> = parts.collect();
    let Some((last, middle)) = rest.split_last() else { return false };
    let digits = |part: &str| part.bytes().all(|c| c.is_ascii_digit() || c == b'_');
    let sixty = |part: &str| match part.as_bytes() {
        [one] => one.is_ascii_digit(),
        [ten, one] => matches!(ten, b'0'..=b'5') && one.is_ascii_digit(),
        _ => false,
    };
    let (last, fraction) = last.split_once('.').unwrap_or((last, ""));
    first.starts_with(|c: char| c.is_ascii_digit())
        && digits(first)
        && middle.iter().all(|part| sixty(part))
        && sixty(last)
        && digits(fraction)
}

/// What libyaml's emitter allows for a text.
struct Found {
    plain: bool,
    single: bool,
    literal: bool,
}

impl Found {
    fn of(text: &str) -> Self {
        let mut found = Self { plain: true, single: true, literal: true };
        if text.starts_with("---") || text.starts_with("...") {
            found.plain = false;
        }
        let (mut after_space, mut after_break, mut after_blank) = (false, false, true);
        let mut chars = text.chars().peekable();
        let mut first = true;
        while let Some(char) = chars.next() {
            let blank_next = chars.peek().is_none_or(|next| matches!(next, ' ' | '\t' | '\n' | '\r'));
            let indicator = match char {
                '#' => first || after_blank,
                ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%' | '@' | '`' => {
                    first
                }
                '?' | '-' => first && blank_next,
                ':' => blank_next,
                _ => false,
            };
            let is_break = is_break(char);
            let special = char != '\t' && !is_printable(char);
            if indicator || is_break || special || char == '\t' {
                found.plain = false;
            }
            if special || char == '\t' || (char == ' ' && after_break) || (is_break && after_space) {
                found.single = false;
                found.plain = false;
            }
            if special || (is_break && after_space) || (char == ' ' && chars.peek().is_none()) {
                found.literal = false;
            }
            if char == ' ' && (first || chars.peek().is_none()) {
                found.plain = false;
            }
            after_space = char == ' ';
            after_break = is_break;
            after_blank = char == ' ' || char == '\t' || is_break;
            first = false;
        }
        found
    }
}

fn is_break(char: char) -> bool {
    matches!(char, '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// Go's copy of libyaml writes only characters of at most three bytes as they are.
fn is_printable(char: char) -> bool {
    matches!(char, '\n' | ' '..='~' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}') && char != '\u{feff}'
}

fn double(text: &str, out: &mut String) {
    out.push('"');
    for char in text.chars() {
        let short = match char {
            '\0' => '0',
            '\u{7}' => 'a',
            '\u{8}' => 'b',
            '\t' => 't',
            '\n' => 'n',
            '\u{b}' => 'v',
            '\u{c}' => 'f',
            '\r' => 'r',
            '\u{1b}' => 'e',
            '"' => '"',
            '\\' => '\\',
            '\u{85}' => 'N',
            '\u{a0}' if !is_printable(char) => '_',
            '\u{2028}' => 'L',
            '\u{2029}' => 'P',
            _ if is_printable(char) => {
                out.push(char);
                continue;
            }
            _ => {
                let code = u32::from(char);
                let _ = match code {
                    0..=0xff => write!(out, "\\x{code:02X}"),
                    0x100..=0xffff => write!(out, "\\u{code:04X}"),
                    _ => write!(out, "\\U{code:08X}"),
                };
                continue;
            }
        };
        out.push('\\');
        out.push(short);
    }
    out.push('"');
}

fn literal(text: &str, indent: usize, out: &mut String) {
    out.push('|');
    if text.starts_with([' ', '\n', '\r']) {
        out.push('2');
    }
    match text.strip_suffix('\n') {
        None => out.push('-'),
        Some(rest) if rest.is_empty() || rest.ends_with('\n') => out.push('+'),
        Some(_) => {}
    }
    let body = text.strip_suffix('\n').unwrap_or(text);
    for line in body.split('\n') {
        out.push('\n');
        if !line.is_empty() {
            for _ in 0..indent {
                out.push(' ');
            }
            out.push_str(line);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::text;

    #[test]
    fn texts_are_quoted_as_go_quotes_them() {
        for (plain, written) in [
            ("a", "a"),
            ("", "\"\""),
            ("1", "\"1\""),
            ("1.5", "\"1.5\""),
            ("true", "\"true\""),
            ("yes", "\"yes\""),
            ("22:22", "\"22:22\""),
            ("8080:80", "8080:80"),
            ("2020-01-01", "\"2020-01-01\""),
            ("#x", "'#x'"),
            ("a: b", "'a: b'"),
            ("a:b", "a:b"),
            ("a #b", "'a #b'"),
            ("- a", "'- a'"),
            ("-a", "-a"),
            (" a", "' a'"),
            ("it's", "it's"),
            ("'q", "'''q'"),
            ("a\tb", "\"a\\tb\""),
            ("😀", "\"\\U0001F600\""),
            ("é", "é"),
            ("<<", "<<"),
            ("18446744073709551615", "\"18446744073709551615\""),
            ("~", "\"~\""),
            ("a\nb", "|-\n  a\n  b"),
            ("a\nb\n", "|\n  a\n  b"),
            ("a\n\n", "|+\n  a\n"),
            ("a \nb", "\"a \\nb\""),
        ] {
            let mut out = String::new();
            text(plain, false, 2, &mut out);
            assert_eq!(out, written);
        }
    }
}
