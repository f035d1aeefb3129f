//! Numbers of limits, as engines read them.

/// A size with a unit of 1024: `512m`, `1.5GiB`, `0`.
pub(super) fn size(text: &str) -> Option<f64> {
    let text = text.trim();
    let end = text.rfind(|c: char| c.is_ascii_digit() || c == '.').map_or(0, |at| at.saturating_add(1));
    let (number, unit) = text.split_at_checked(end)?;
    let number: f64 = number.parse().ok()?;
    let power = match unit.trim().to_lowercase().trim_end_matches("ib").trim_end_matches('b') {
        "" => 0,
        "k" => 1,
        "m" => 2,
        "g" => 3,
        "t" => 4,
        "p" => 5,
        _ => return None,
    };
    Some(number * 1024_f64.powi(power))
}

/// A number of processors, as Kubernetes writes it too: `0.5`, `500m`.
pub(super) fn cpus(text: &str) -> Option<f64> {
    match text.trim().strip_suffix('m') {
        Some(thousandths) => thousandths.parse().ok().map(|number: f64| number / 1000.0),
        None => text.trim().parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_processors_are_read() {
        assert_eq!(size("512m"), Some(536_870_912.0));
        assert_eq!(size("1.5GiB"), Some(1_610_612_736.0));
        assert_eq!(size("64Mi"), None);
        assert_eq!(size("-1"), Some(-1.0));
        assert_eq!(cpus("500m"), Some(0.5));
        assert_eq!(cpus("2"), Some(2.0));
    }
}
