//! Canonical JSON (RFC 8785): one text for one value, so that a digest means the value.

use std::fmt::Write as _;

use perry_sandbox_reference::Digest;
use serde::Serialize;
use serde_json::{Number, Value};

/// The canonical JSON of a value.
///
/// Values that JSON cannot hold (a map whose keys are not text) become `null`: no type of this crate has one, and a
/// test of every digest would show it.
pub(crate) fn canonical_json<T: Serialize + ?Sized>(value: &T) -> String {
    let value = serde_json::to_value(value).unwrap_or(Value::Null);
    let mut text = String::new();
    write_value(&mut text, &value);
    text
}

/// The SHA-256 digest of the canonical JSON of a value.
pub(crate) fn digest_of<T: Serialize + ?Sized>(value: &T) -> Digest {
    Digest::of(canonical_json(value).as_bytes())
}

fn write_value(text: &mut String, value: &Value) {
    match value {
        Value::Null => text.push_str("null"),
        Value::Bool(truth) => text.push_str(if *truth { "true" } else { "false" }),
        Value::Number(number) => write_number(text, number),
        Value::String(string) => write_string(text, string),
        Value::Array(items) => {
            text.push('[');
            for (item, at) in items.iter().zip(0_usize..) {
                if at > 0 {
                    text.push(',');
                }
                write_value(text, item);
            }
            text.push(']');
        }
        Value::Object(members) => {
            // RFC 8785 orders keys by UTF-16 units, which differs from bytes outside of the basic plane.
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
            text.push('{');
            for ((key, value), at) in members.into_iter().zip(0_usize..) {
                if at > 0 {
                    text.push(',');
                }
                write_string(text, key);
                text.push(':');
                write_value(text, value);
            }
            text.push('}');
        }
    }
}

fn write_string(text: &mut String, string: &str) {
    text.push('"');
    for c in string.chars() {
        match c {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\u{8}' => text.push_str("\\b"),
            '\t' => text.push_str("\\t"),
            '\n' => text.push_str("\\n"),
            '\u{c}' => text.push_str("\\f"),
            '\r' => text.push_str("\\r"),
            // Writing into a string has no way to fail.
            c if c < ' ' => {
                let _ = write!(text, "\\u{:04x}", u32::from(c));
            }
            c => text.push(c),
        }
    }
    text.push('"');
}

/// Numbers as ECMAScript writes them: all are doubles.
fn write_number(text: &mut String, number: &Number) {
    // INVARIANT: JSON numbers are finite, so every one has a double.
    let value = number.as_f64().unwrap_or(0.0);
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

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(json: &str) -> String {
        canonical_json(&serde_json::from_str::<Value>(json).unwrap())
    }

    #[test]
    fn the_example_of_section_3_2_4_comes_out_as_printed() {
        // Not read from text: `serde_json` rounds the first number otherwise than ECMAScript does.
        let input = serde_json::json!({
            "numbers": [f64::from_bits(0x41b3_de43_5555_5555), 1E30, 4.50, 2e-3, 0.000_000_000_000_000_000_000_000_001],
            "string": "\u{20ac}$\u{f}\u{a}A'\u{42}\u{22}\u{5c}\\\"/",
            "literals": [null, true, false]
        });
        let expected = "{\"literals\":[null,true,false],\"numbers\":[333333333.3333333,1e+30,4.5,0.002,1e-27],\"string\":\"€$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}";
        assert_eq!(canonical_json(&input), expected);
    }

    #[test]
    fn keys_are_ordered_by_utf_16_units_as_in_section_3_2_3() {
        let input = r#"{"\u20ac":"Euro Sign","\r":"Carriage Return","\ufb33":"Hebrew Letter Dalet With Dagesh","1":"One",
            "\ud83d\ude00":"Emoji: Grinning Face","\u0080":"Control","\u00f6":"Latin Small Letter O With Diaeresis"}"#;
        let text = canonical(input);
        let order = ["Carriage", "One", "Control", "Latin", "Euro", "Emoji", "Hebrew"];
        let places: Vec<_> = order.iter().map(|word| text.find(word).unwrap()).collect();
        assert!(places.is_sorted(), "{text}");
    }

    #[test]
    fn numbers_follow_appendix_b() {
        for (bits, expected) in [
            (0x0000_0000_0000_0000_u64, "0"),
            (0x8000_0000_0000_0000, "0"),
            (0x0000_0000_0000_0001, "5e-324"),
            (0x8000_0000_0000_0001, "-5e-324"),
            (0x7fef_ffff_ffff_ffff, "1.7976931348623157e+308"),
            (0x4340_0000_0000_0000, "9007199254740992"),
            (0xc340_0000_0000_0000, "-9007199254740992"),
            (0x4430_0000_0000_0000, "295147905179352830000"),
            (0x44b5_2d02_c7e1_4af5, "9.999999999999997e+22"),
            (0x44b5_2d02_c7e1_4af6, "1e+23"),
            (0x44b5_2d02_c7e1_4af7, "1.0000000000000001e+23"),
            (0x444b_1ae4_d6e2_ef4e, "999999999999999700000"),
            (0x444b_1ae4_d6e2_ef4f, "999999999999999900000"),
            (0x444b_1ae4_d6e2_ef50, "1e+21"),
            (0x3eb0_c6f7_a0b5_ed8c, "9.999999999999997e-7"),
            (0x3eb0_c6f7_a0b5_ed8d, "0.000001"),
            (0x41b3_de43_5555_5553, "333333333.3333332"),
            (0x41b3_de43_5555_5554, "333333333.33333325"),
            (0x41b3_de43_5555_5555, "333333333.3333333"),
            (0x41b3_de43_5555_5556, "333333333.3333334"),
            (0x41b3_de43_5555_5557, "333333333.33333343"),
            (0x4314_3ff3_c1cb_0959, "1424953923781206.2"),
        ] {
            let number = Number::from_f64(f64::from_bits(bits)).unwrap();
            assert_eq!(canonical_json(&Value::Number(number)), expected, "{bits:x}");
        }
    }
}
