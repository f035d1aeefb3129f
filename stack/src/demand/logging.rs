//! `logging`: what of a service's output is kept. It is our own log, whatever the file calls it.

use perry_sandbox_compose::{Mapping, Node, Span};
use perry_sandbox_runner::LogBounds;

use super::asker::Asker;

/// Words behind a number of bytes, which docker reads as powers of ten here.
const UNITS: [(&str, u64); 4] = [("k", 1_000), ("m", 1_000_000), ("g", 1_000_000_000), ("", 1)];

pub(super) fn logging(asker: &mut Asker<'_>, span: Span, node: &Node) {
    let driver = node.get("driver").and_then(Node::text).unwrap_or("json-file");
    if !matches!(driver, "json-file" | "local") {
        let instead = "leave it out: output is kept, and shown by `logs`";
        return asker.not_yet(span, &format!("logging.driver: {driver}"), instead);
    }
    let usual = LogBounds::default();
    let (mut size, mut files) = (usual.size(), usual.files());
    for (key, value) in node.get("options").and_then(Node::mapping).into_iter().flat_map(Mapping::iter) {
        let text = value.text().unwrap_or_default();
        let attribute = format!("logging.options.{}: {text}", key.name);
        match key.name.as_str() {
            // Without a bound of the file, ours holds.
            "max-size" if text == "-1" => {}
            "max-size" => match bytes(text) {
                Some(found) => size = found,
                None => return asker.never(value.span, &attribute, "it is no size", "write it as `10m`"),
            },
            "max-file" => match text.parse() {
                Ok(found) => files = found,
                Err(_) => return asker.never(value.span, &attribute, "it is no number", "write it as `3`"),
            },
            _ => asker.not_yet(
                key.span,
                &attribute,
                "leave it out: of a log `max-size` and `max-file` are said",
            ),
        }
    }
    match LogBounds::new(size, files) {
        Ok(bounds) => asker.demand.log = bounds,
        Err(error) => {
            let instead = "write other sizes, or leave them out";
            asker.never(node.span, "logging.options", &error.to_string(), instead);
        }
    }
}

/// `10m`, `10mb`, `500K`, `1000`.
fn bytes(text: &str) -> Option<u64> {
    let text = text.to_ascii_lowercase();
    let number = text.trim_end_matches(|char: char| char.is_ascii_alphabetic());
    let unit = text.strip_prefix(number)?;
    let unit = unit.strip_suffix('b').unwrap_or(unit);
    let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit)?;
    let digits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    number.parse::<u64>().ok().filter(|_| digits)?.checked_mul(*factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_those_that_docker_reads() {
        for (text, size) in [
            ("1000", 1000),
            ("10k", 10_000),
            ("10KB", 10_000),
            ("2m", 2_000_000),
            ("1g", 1_000_000_000),
            ("7b", 7),
        ] {
            assert_eq!(bytes(text), Some(size), "{text}");
        }
        for text in ["", "m", "-1", "1.5m", "1t", "1bb", "1 m", "+1", "99999999999g"] {
            assert_eq!(bytes(text), None, "{text}");
        }
    }
}
