use std::fmt::Write as _;

use super::{Node, Value};

impl Node {
    /// The value as Go prints it (`%v`): what the reference makes of a value where it wants text.
    pub(crate) fn printed(&self) -> String {
        let mut text = String::new();
        print(&self.value, &mut text);
        text
    }
}

fn print(value: &Value, text: &mut String) {
    match value {
        Value::Null => text.push_str("<nil>"),
        Value::Bool(value) => {
            let _ = write!(text, "{value}");
        }
        Value::Integer(number) => {
            let _ = write!(text, "{number}");
        }
        Value::Float(number) => text.push_str(&float(*number)),
        Value::Timestamp(inner) | Value::Text(inner) => text.push_str(inner),
        Value::Sequence(items) => {
            text.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    text.push(' ');
                }
                print(&item.value, text);
            }
            text.push(']');
        }
        Value::Mapping(mapping) => {
            let mut entries: Vec<_> = mapping.iter().collect();
            entries.sort_by(|a, b| a.0.name.cmp(&b.0.name));
            text.push_str("map[");
            for (at, (key, item)) in entries.into_iter().enumerate() {
                if at > 0 {
                    text.push(' ');
                }
                text.push_str(&key.name);
                text.push(':');
                print(&item.value, text);
            }
            text.push(']');
        }
    }
}

/// A number as Go's `%v` writes it: the shortest that reads back, with an exponent below -4 and from six digits on.
pub(crate) fn float(number: f64) -> String {
    if number.is_nan() {
        return "NaN".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "+Inf".to_owned() } else { "-Inf".to_owned() };
    }
    let scientific = format!("{number:e}");
    let Some((digits, exponent)) = scientific.split_once('e') else { return scientific };
    let exponent: i32 = exponent.parse().unwrap_or_default();
    if (-4..6).contains(&exponent) {
        return format!("{number}");
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::float;

    #[test]
    fn floats_follow_go() {
        let cases = [
            (0.5, "0.5"),
            (8.0, "8"),
            (123_456.0, "123456"),
            (1_234_567.0, "1.234567e+06"),
            (1e20, "1e+20"),
            (1.5e-7, "1.5e-07"),
            (0.0001, "0.0001"),
            (0.0, "0"),
        ];
        for (value, text) in cases {
            assert_eq!(float(value), text);
        }
    }
}
