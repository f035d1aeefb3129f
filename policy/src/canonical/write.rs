//! Texts and numbers as RFC 8785 wants them.

use std::fmt::Write as _;

pub(super) fn write_string(text: &mut String, string: &str) {
    let is_plain = |byte: &u8| *byte >= b' ' && !matches!(byte, b'"' | b'\\');
    text.push('"');
    let mut rest = string;
    loop {
        let plain = rest.bytes().take_while(is_plain).count();
        let (before, after) = rest.split_at_checked(plain).unwrap_or((rest, ""));
        text.push_str(before);
        let mut after = after.chars();
        let Some(special) = after.next() else { break };
        escape(text, special);
        rest = after.as_str();
    }
    text.push('"');
}

fn escape(text: &mut String, special: char) {
    match special {
        '\u{8}' => text.push_str("\\b"),
        '\t' => text.push_str("\\t"),
        '\n' => text.push_str("\\n"),
        '\u{c}' => text.push_str("\\f"),
        '\r' => text.push_str("\\r"),
        '"' | '\\' => text.extend(['\\', special]),
        // Writing into a string has no way to fail.
        control => {
            let _ = write!(text, "\\u{:04x}", u32::from(control));
        }
    }
}

/// An integer is a double like every number: those that doubles hold exactly are written as they are.
pub(super) fn write_integer(text: &mut String, value: i128) {
    /// Above, not every integer has a double of its own.
    const EXACT: u128 = 1 << 53;
    if value.unsigned_abs() <= EXACT
        && let Ok(value) = i64::try_from(value)
    {
        // Writing into a string has no way to fail.
        let _ = write!(text, "{value}");
        return;
    }
    let digits = value.to_string();
    match digits.parse() {
        Ok(nearest) => write_real(text, nearest),
        Err(_) => text.push_str(&digits),
    }
}

/// Numbers as ECMAScript writes them: all are doubles, and finite.
pub(super) fn write_real(text: &mut String, value: f64) {
    if value == 0.0 {
        text.push('0');
        return;
    }
    if value < 0.0 {
        text.push('-');
    }
    // `{:e}` gives the shortest digits that read back as the same double: `1.25e-7`.
    let shortest = format!("{:e}", value.abs());
    // Of two shortest texts ECMAScript takes the nearer one, and the even one of two equally near: that is the exact
    // value rounded to as many digits.
    let count = shortest.bytes().take_while(|b| *b != b'e').filter(u8::is_ascii_digit).count();
    let rounded = format!("{:.*e}", count.saturating_sub(1), value.abs());
    let scientific = if rounded.parse() == Ok(value.abs()) { rounded } else { shortest };
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    // The point stands after this many digits.
    let point = exponent.parse::<i32>().unwrap_or(0).saturating_add(1);
    text.push_str(&layout(&digits, point));
}

/// `Number::toString` of ECMA-262, section 6.1.6.1.20, from the digits and the place of the point.
fn layout(digits: &str, point: i32) -> String {
    let count = i32::try_from(digits.len()).unwrap_or(i32::MAX);
    let place = usize::try_from(point).unwrap_or(0);
    if point > 21 || point <= -6 {
        let (first, rest) = digits.split_at_checked(1).unwrap_or((digits, ""));
        let fraction = if rest.is_empty() { String::new() } else { format!(".{rest}") };
        let exponent = point.saturating_sub(1);
        return format!("{first}{fraction}e{}{exponent}", if exponent > 0 { "+" } else { "" });
    }
    if point >= count {
        return format!("{digits:0<place$}");
    }
    if point > 0 {
        let (whole, fraction) = digits.split_at_checked(place).unwrap_or((digits, ""));
        return format!("{whole}.{fraction}");
    }
    let zeros = usize::try_from(point.saturating_neg()).unwrap_or(0);
    format!("0.{}{digits}", "0".repeat(zeros))
}
