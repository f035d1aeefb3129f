use std::fmt::Display;

/// A text as TOML writes it.
pub(super) fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

/// A list of texts.
pub(super) fn list<T: Display>(items: impl IntoIterator<Item = T>) -> String {
    let mut items: Vec<String> = items.into_iter().map(|item| quoted(&item.to_string())).collect();
    items.sort();
    items.dedup();
    format!("[{}]", items.join(", "))
}

/// A name for something new in a policy: in its grammar, and not taken.
pub(super) fn free_name(wanted: &str, taken: impl Fn(&str) -> bool) -> String {
    let plain: String = wanted
        .to_ascii_lowercase()
        .chars()
        .map(|c| {
            if c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '_' | '-') { c } else { '-' }
        })
        .skip_while(|c| !c.is_ascii_alphanumeric())
        .take(56)
        .collect();
    let plain = if plain.is_empty() { "service".to_owned() } else { plain };
    let numbered = (2..1_000_u32).map(|number| format!("{plain}-{number}"));
    let free = std::iter::once(plain.clone()).chain(numbered).find(|name| !taken(name));
    free.unwrap_or(plain)
}

/// The lines as comments: what cannot be added as it stands.
pub(super) fn commented(text: &str) -> String {
    text.lines().map(|line| format!("# {line}").trim_end().to_owned() + "\n").collect()
}
