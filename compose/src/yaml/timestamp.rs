//! Plain scalars that YAML 1.1 takes for points in time.

use std::fmt::Write as _;

/// The text as RFC 3339, if it is one of the four forms that go-yaml knows: a date; a date and a time with a zone,
/// parted by `T` or `t`; a date and a time without one, parted by a space.
pub(super) fn timestamp(text: &str) -> Option<String> {
    let (year, rest) = text.split_at_checked(4).filter(|(year, _)| all_digits(year))?;
    let (month, rest) = number(rest.strip_prefix('-')?)?;
    let (day, rest) = number(rest.strip_prefix('-')?)?;
    if !(1..=12).contains(&month) || day < 1 || day > days(year.parse().ok()?, month) {
        return None;
    }
    let mut out = format!("{year}-{month:02}-{day:02}T");
    if rest.is_empty() {
        out.push_str("00:00:00Z");
        return Some(out);
    }
    let zoned = rest.starts_with(['T', 't']);
    let rest = rest.strip_prefix(['T', 't', ' '])?;
    let (hour, rest) = number(rest)?;
    let (minute, rest) = number(rest.strip_prefix(':')?)?;
    let (second, rest) = number(rest.strip_prefix(':')?)?;
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let _ = write!(out, "{hour:02}:{minute:02}:{second:02}");
    let rest = fraction(rest, &mut out);
    let zone = if zoned { zone(rest)? } else { Some("Z").filter(|_| rest.is_empty())? };
    out.push_str(zone);
    Some(out)
}

fn all_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|c| c.is_ascii_digit())
}

/// One digit or two.
fn number(text: &str) -> Option<(u32, &str)> {
    let length = text.bytes().take(2).take_while(u8::is_ascii_digit).count();
    let (digits, rest) = text.split_at_checked(length)?;
    Some((digits.parse().ok()?, rest))
}

/// Up to nine digits behind a point, without zeros at the end.
fn fraction<'a>(text: &'a str, out: &mut String) -> &'a str {
    let Some(after) = text.strip_prefix(['.', ',']) else { return text };
    let length = after.bytes().take_while(u8::is_ascii_digit).count();
    let Some((digits, rest)) = after.split_at_checked(length).filter(|_| length > 0) else { return text };
    let kept = digits.get(..9).unwrap_or(digits).trim_end_matches('0');
    if !kept.is_empty() {
        let _ = write!(out, ".{kept}");
    }
    rest
}

fn zone(text: &str) -> Option<&str> {
    if text == "Z" {
        return Some(text);
    }
    let rest = text.strip_prefix(['+', '-'])?;
    let (hours, minutes) = rest.split_once(':')?;
    let fine = hours.len() == 2 && minutes.len() == 2 && all_digits(hours) && all_digits(minutes);
    fine.then_some(if rest == "00:00" { "Z" } else { text })
}

fn days(year: u32, month: u32) -> u32 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        _ => 31,
    }
}
