use std::cmp::Ordering;

use crate::node::{Mapping, Node};

/// Entries in the order of Go's YAML writer: by letters, and numbers in them by size.
pub(super) fn natural(mapping: &Mapping) -> Vec<(&str, &Node)> {
    let mut entries: Vec<(&str, &Node)> =
        mapping.iter().map(|(key, node)| (key.name.as_str(), node)).collect();
    entries.sort_by_key(|(name, _)| *name);
    merge_sort(entries)
}

/// The order of [`before`] is none for some names, and the standard library's sort may panic on such a one. This one ends
/// whatever the answers are.
fn merge_sort<'a>(mut list: Vec<(&'a str, &'a Node)>) -> Vec<(&'a str, &'a Node)> {
    if list.len() < 2 {
        return list;
    }
    let right = merge_sort(list.split_off(list.len().div_euclid(2)));
    let left = merge_sort(list);
    let mut merged = Vec::with_capacity(left.len().saturating_add(right.len()));
    let (mut left, mut right) = (left.into_iter().peekable(), right.into_iter().peekable());
    while let (Some(one), Some(other)) = (left.peek(), right.peek()) {
        let next = if before(other.0, one.0) { right.next() } else { left.next() };
        merged.extend(next);
    }
    merged.extend(left);
    merged.extend(right);
    merged
}

/// Whether a name comes before another: the rule of go-yaml v3, word for word.
fn before(a: &str, b: &str) -> bool {
    let mut digits = false;
    let mut leading = true;
    let (mut left, mut right) = (a.chars(), b.chars());
    loop {
        let (rest_a, rest_b) = (left.as_str(), right.as_str());
        let (Some(one), Some(other)) = (left.next(), right.next()) else {
            return rest_a.is_empty() && !rest_b.is_empty();
        };
        if one == other {
            digits = one.is_numeric();
            leading = if digits { leading && one == '0' } else { true };
            continue;
        }
        match (one.is_alphabetic(), other.is_alphabetic()) {
            (true, true) => return one < other,
            (false, false) => {}
            (letter, _) => return if digits { letter } else { !letter },
        }
        // Behind digits that were equal a zero counts: 10 and 1 differ in size, not in spelling.
        let start = i64::from((one == '0' || other == '0') && digits && !leading);
        let (size_a, length_a) = number(rest_a, start);
        let (size_b, length_b) = number(rest_b, start);
        return match size_a.cmp(&size_b).then(length_a.cmp(&length_b)) {
            Ordering::Equal => one < other,
            order => order == Ordering::Less,
        };
    }
}

fn number(text: &str, start: i64) -> (i64, usize) {
    let mut size = start;
    let mut length = 0_usize;
    for digit in text.chars().map_while(|char| char.to_digit(10)) {
        size = size.wrapping_mul(10).wrapping_add(i64::from(digit));
        length = length.saturating_add(1);
    }
    (size, length)
}

#[cfg(test)]
mod tests {
    use super::before;

    #[test]
    fn numbers_in_names_go_by_size() {
        let names = ["A", "A_B", "A1", "A2", "A10", "AB", "a", "b"];
        for (at, one) in names.iter().enumerate() {
            for other in &names[at + 1..] {
                assert!(before(one, other) && !before(other, one), "{one} {other}");
            }
        }
    }
}
