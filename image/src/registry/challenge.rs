//! What a registry wants before it answers: the `WWW-Authenticate` header.

/// A registry's demand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Challenge {
    /// Name and password with every request.
    Basic,
    /// A token from another service.
    Bearer {
        /// Where to get it.
        realm: String,
        /// What to call the registry there.
        service: Option<String>,
    },
}

/// The demand that is met: a token rather than a password, where both are offered.
pub(super) fn parse<'a>(headers: impl Iterator<Item = &'a str>) -> Option<Challenge> {
    let mut found = None;
    for header in headers {
        for challenge in split(header) {
            match challenge {
                Challenge::Bearer { .. } => return Some(challenge),
                Challenge::Basic => found = Some(challenge),
            }
        }
    }
    found
}

/// Whether a header holds a demand that is known.
pub(crate) fn understands(header: &str) -> bool {
    parse(std::iter::once(header)).is_some()
}

/// One header may hold several demands, each a scheme and `key=value` pairs.
fn split(header: &str) -> Vec<Challenge> {
    let mut list = Vec::new();
    let mut scheme = String::new();
    let mut pairs: Vec<(String, String)> = Vec::new();
    let mut rest = header.trim_start();
    while !rest.is_empty() {
        let (word, after) = token(rest);
        if word.is_empty() {
            break;
        }
        if let Some(value) = after.strip_prefix('=') {
            let (value, after) = value_of(value);
            pairs.push((word.to_ascii_lowercase(), value));
            rest = after;
        } else {
            list.extend(build(&scheme, &pairs));
            pairs.clear();
            scheme = word.to_ascii_lowercase();
            rest = after;
        }
        rest = rest.trim_start_matches([' ', '\t', ',']);
    }
    list.extend(build(&scheme, &pairs));
    list
}

fn build(scheme: &str, pairs: &[(String, String)]) -> Option<Challenge> {
    let value = |key: &str| pairs.iter().find(|(name, _)| name == key).map(|(_, value)| value.clone());
    match scheme {
        "basic" => Some(Challenge::Basic),
        "bearer" => Some(Challenge::Bearer { realm: value("realm")?, service: value("service") }),
        _ => None,
    }
}

fn token(text: &str) -> (&str, &str) {
    let end = text.find([' ', '\t', ',', '=', '"']).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

/// A value, quoted or not.
fn value_of(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let (value, rest) = token(text);
        return (value.to_owned(), rest);
    };
    let mut value = String::new();
    let mut letters = quoted.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => {
                let rest = quoted.get(at..).and_then(|rest| rest.strip_prefix('"'));
                return (value, rest.unwrap_or_default());
            }
            '\\' => value.extend(letters.next().map(|(_, letter)| letter)),
            other => value.push(other),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_preferred_to_a_password() {
        let headers =
            [r#"Basic realm="x", Bearer realm="https://auth.example/token",service="r.example",scope="a,b""#];
        let expected = Challenge::Bearer {
            realm: "https://auth.example/token".into(),
            service: Some("r.example".into()),
        };
        assert_eq!(parse(headers.into_iter()), Some(expected));
        assert_eq!(parse([r#"BASIC realm="x""#].into_iter()), Some(Challenge::Basic));
    }

    #[test]
    fn nonsense_is_no_demand() {
        for header in ["", "Negotiate", "Bearer", "Bearer realm", "=", "\"", "Bearer service=\"x\"", ",,,"] {
            assert_eq!(parse([header].into_iter()), None, "{header}");
        }
        let quoted = parse([r#"Bearer realm="a\"b"#].into_iter());
        assert_eq!(quoted, Some(Challenge::Bearer { realm: "a\"b".into(), service: None }));
    }
}
