use super::duration;
use crate::node::{Node, Value};

/// Reads a size: bytes as a number or as a text with a unit of 1024.
pub(super) fn bytes(node: &Node) -> Option<i64> {
    match &node.value {
        Value::Integer(number) => Some(*number),
        Value::Text(text) => size(text),
        // The reference reads any other number as nothing.
        Value::Float(_) => Some(0),
        _ => None,
    }
}

fn size(text: &str) -> Option<i64> {
    let last = text.rfind(|c: char| c.is_ascii_digit() || c == '.' || c == ' ')?;
    let (number, unit) = text.split_at_checked(last.saturating_add(1))?;
    let number: f64 = number.strip_suffix(' ').unwrap_or(number).parse().ok()?;
    if number < 0.0 {
        return None;
    }
    let unit = unit.to_lowercase();
    let mut letters = unit.chars();
    let power = match letters.next() {
        None => return whole(number),
        Some('b') => return letters.next().is_none().then(|| whole(number)).flatten(),
        Some('k') => 1,
        Some('m') => 2,
        Some('g') => 3,
        Some('t') => 4,
        Some('p') => 5,
        Some(_) => return None,
    };
    if !matches!(letters.as_str(), "" | "b" | "ib") {
        return None;
    }
    whole(number * 1024_f64.powi(power))
}

#[expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    reason = "the fraction of a byte is dropped, and the bounds are checked"
)]
fn whole(number: f64) -> Option<i64> {
    /// The first that does not fit.
    const END: f64 = 9_223_372_036_854_775_808.0;
    (number.is_finite() && number < END).then_some(number as i64)
}

/// Reads a whole number.
pub(super) fn integer(node: &Node) -> Option<i64> {
    match &node.value {
        Value::Integer(number) => Some(*number),
        Value::Float(number) => {
            whole(number.abs()).map(|whole| if *number < 0.0 { whole.wrapping_neg() } else { whole })
        }
        Value::Text(text) => go_integer(text, 10),
        _ => None,
    }
}

/// A whole number that is not negative, of so many bits. A text is none.
pub(super) fn unsigned(node: &Node, bits: u32) -> Option<i64> {
    let number = match &node.value {
        Value::Integer(number) => *number,
        Value::Float(number) => whole(*number)?,
        _ => return None,
    };
    let fits = bits >= 63 || number.checked_shr(bits).unwrap_or(0) == 0;
    (number >= 0 && fits).then_some(number)
}

fn go_integer(text: &str, radix: u32) -> Option<i64> {
    i64::from_str_radix(text, radix).ok()
}

/// Reads a fraction, exact to 32 bits.
pub(super) fn float(node: &Node) -> Option<f64> {
    let number = match &node.value {
        Value::Integer(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        Value::Text(text) => text.clone(),
        _ => return None,
    };
    let exact: f64 = number.parse().ok()?;
    shortest(exact)
}

#[expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    reason = "the reference holds these numbers in 32 bits, and so prints them"
)]
fn shortest(exact: f64) -> Option<f64> {
    (exact as f32).to_string().parse().ok()
}

/// Reads a boolean: YAML 1.1's words too, in a text.
pub(super) fn boolean(node: &Node) -> Option<bool> {
    match &node.value {
        Value::Bool(value) => Some(*value),
        Value::Text(text) => match text.to_lowercase().as_str() {
            "true" | "y" | "yes" | "on" => Some(true),
            "false" | "n" | "no" | "off" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

/// Reads a text; a whole number is one too.
pub(super) fn text(node: &Node) -> Option<String> {
    match &node.value {
        Value::Text(text) => Some(text.clone()),
        Value::Integer(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Reads a time and prints it again; nothing at all for no time.
pub(super) fn time(node: &Node) -> Option<i64> {
    duration::parse_duration(&node.printed())
}

/// Reads a number of devices: -1 for all.
pub(super) fn count(node: &Node) -> Option<i64> {
    match &node.value {
        Value::Integer(number) => Some(*number),
        Value::Text(text) if text.eq_ignore_ascii_case("all") => Some(-1),
        Value::Text(text) => go_integer(text, 10),
        _ => None,
    }
}

/// Reads a file's mode, and prints it in octal.
pub(super) fn mode(node: &Node) -> Option<String> {
    let mode = match &node.value {
        Value::Integer(number) => *number,
        Value::Text(text) => go_integer(text, 8)?,
        _ => return None,
    };
    let sign = if mode < 0 { "-" } else { "" };
    Some(format!("0{sign}{:o}", mode.unsigned_abs()))
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn sizes_are_read_with_units_of_1024() {
        for (text, bytes) in [
            ("1", 1),
            ("1b", 1),
            ("1.5k", 1536),
            ("64 MiB", 64 << 20),
            ("2gb", 2 << 30),
            ("1T", 1 << 40),
            ("1e3", 1000),
        ] {
            assert_eq!(size(text), Some(bytes), "{text}");
        }
        for text in ["", "x", "-1", "1x", "1kbb", "1bb", "1 gig", "g", "8589934592g", "9223372036854775808"] {
            assert_eq!(size(text), None, "{text}");
        }
    }
}
