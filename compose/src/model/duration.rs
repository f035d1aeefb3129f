use std::fmt::Write as _;

const UNITS: [(&str, u64); 9] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
    ("d", 86_400_000_000_000),
    ("w", 604_800_000_000_000),
];

/// Reads a time as Go does, with days and weeks: `1w2d`, `1.5h`, `-1s`, `0`. In nanoseconds.
pub(super) fn duration(text: &str) -> Option<i64> {
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Some(0);
    }
    if rest.is_empty() {
        return None;
    }
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let (whole, after) = digits(rest);
        let (fraction, after) = match after.strip_prefix('.') {
            Some(after) => digits(after),
            None => ("", after),
        };
        if whole.is_empty() && fraction.is_empty() {
            return None;
        }
        let end = after.find(|c: char| c == '.' || c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, after) = after.split_at_checked(end)?;
        let unit = if unit == "μs" { "µs" } else { unit };
        let (_, nanoseconds) = UNITS.iter().find(|(name, _)| *name == unit)?;
        let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
        let part = whole.checked_mul(*nanoseconds)?.checked_add(share(fraction, *nanoseconds))?;
        total = total.checked_add(part)?;
        rest = after;
    }
    let total = i64::try_from(total).ok()?;
    Some(if negative { total.wrapping_neg() } else { total })
}

fn digits(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

/// The fraction of a unit, cut to whole nanoseconds.
fn share(fraction: &str, unit: u64) -> u64 {
    let mut total = 0_u128;
    let mut scale = 1_u128;
    // More digits than these are below a nanosecond, whatever the unit.
    for digit in fraction.bytes().take(18) {
        total = total.saturating_mul(10).saturating_add(u128::from(digit.saturating_sub(b'0')));
        scale = scale.saturating_mul(10);
    }
    let share = total.saturating_mul(u128::from(unit)).checked_div(scale).unwrap_or(0);
    u64::try_from(share).unwrap_or(u64::MAX)
}

/// A time as Go prints it: `1h0m0s`, `1.5s`, `500ms`, `0s`.
pub(super) fn printed(nanoseconds: i64) -> String {
    let sign = if nanoseconds < 0 { "-" } else { "" };
    let total = nanoseconds.unsigned_abs();
    if total == 0 {
        return "0s".to_owned();
    }
    if total < 1_000 {
        return format!("{sign}{total}ns");
    }
    if total < 1_000_000 {
        return format!("{sign}{}µs", decimal(total, 1_000));
    }
    if total < 1_000_000_000 {
        return format!("{sign}{}ms", decimal(total, 1_000_000));
    }
    let seconds = total.wrapping_div(1_000_000_000);
    let rest = decimal(total.wrapping_rem(60_000_000_000), 1_000_000_000);
    let (minutes, hours) = (seconds.wrapping_div(60), seconds.wrapping_div(3600));
    let mut text = sign.to_owned();
    if hours > 0 {
        let _ = write!(text, "{hours}h");
    }
    if minutes > 0 {
        let _ = write!(text, "{}m", minutes.wrapping_rem(60));
    }
    text.push_str(&rest);
    text.push('s');
    text
}

fn decimal(total: u64, unit: u64) -> String {
    let whole = total.checked_div(unit).unwrap_or(0);
    let rest = total.checked_rem(unit).unwrap_or(0);
    if rest == 0 {
        return whole.to_string();
    }
    let width = unit.to_string().len().saturating_sub(1);
    let fraction = format!("{rest:0width$}");
    format!("{whole}.{}", fraction.trim_end_matches('0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_printed_as_go_prints_them() {
        for (text, wanted) in [
            ("1.5h", "1h30m0s"),
            ("1w2d", "216h0m0s"),
            ("1m90s", "2m30s"),
            ("0", "0s"),
            ("-1s", "-1s"),
            (".5s", "500ms"),
            ("1us", "1µs"),
            ("1.5us", "1.5µs"),
            ("1h", "1h0m0s"),
            ("61.25s", "1m1.25s"),
            ("7ns", "7ns"),
        ] {
            assert_eq!(duration(text).map(printed).as_deref(), Some(wanted), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in ["", "10", "1h30", "1.5.5s", "1S", "1e3s", "100000w", "s", "-", ".s"] {
            assert_eq!(duration(text), None, "{text}");
        }
    }
}
