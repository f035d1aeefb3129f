//! Which variables hold a credential that is written down.

use perry_sandbox_compose::{FileId, Mark, Node, Span, Value, variables};

use crate::launch::Variable;
use crate::place::{Place, Texts};

/// Parts of names that mean a credential.
const WORDS: [&str; 12] = [
    "PASSWORD",
    "PASSWD",
    "PASSPHRASE",
    "SECRET",
    "TOKEN",
    "CREDENTIAL",
    "CREDENTIALS",
    "APIKEY",
    "PWD",
    "PASS",
    "PASSWORDS",
    "SECRETS",
];

/// The same, of two parts.
const PAIRS: [&str; 6] =
    ["API_KEY", "PRIVATE_KEY", "ACCESS_KEY", "ENCRYPTION_KEY", "SIGNING_KEY", "AUTH_KEY"];

/// Last parts of names that speak about a credential and hold none.
const ABOUT: [&str; 29] = [
    "FILE",
    "PATH",
    "DIR",
    "ID",
    "NAME",
    "URL",
    "URI",
    "HOST",
    "TTL",
    "EXPIRY",
    "EXPIRATION",
    "LENGTH",
    "HEADER",
    "ENABLED",
    "TYPE",
    "ALGORITHM",
    "POLICY",
    "COUNT",
    "TIMEOUT",
    "ISSUER",
    "ENDPOINT",
    "LIFETIME",
    "SECONDS",
    "MINUTES",
    "HOURS",
    "DAYS",
    "SIZE",
    "COST",
    "ROUNDS",
];

/// Values that are a switch, and no credential.
const SWITCHES: [&str; 10] = ["true", "false", "yes", "no", "on", "off", "null", "none", "0", "1"];

/// Parts of names that ask for a credential to be made up, or for there to be none.
const ASKED: [[&str; 2]; 2] = [["RANDOM", "ROOT"], ["ALLOW", "EMPTY"]];

/// Whether a name says that its value is a credential.
pub(super) fn is_credential(name: &str) -> bool {
    let name = name.to_uppercase().replace(['-', '.'], "_");
    let parts: Vec<&str> = name.split('_').collect();
    if parts.last().is_some_and(|last| ABOUT.contains(last)) || name == "PWD" || name == "OLDPWD" {
        return false;
    }
    if ASKED.iter().any(|asked| asked.iter().all(|part| parts.contains(part))) {
        return false;
    }
    parts.iter().any(|part| WORDS.contains(part)) || PAIRS.iter().any(|pair| name.contains(pair))
}

/// Whether a value is a URL with a password in it.
fn has_password(value: &str) -> bool {
    let Some((_, rest)) = value.split_once("://") else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let Some((user, _)) = authority.rsplit_once('@') else { return false };
    user.split_once(':').is_some_and(|(_, password)| !password.is_empty())
}

/// Whether a text is written down: not a variable's value, unless it is the variable's default.
fn is_literal(raw: &str) -> bool {
    let start = Mark { offset: 0, line: 1, column: 1 };
    let span = Span { file: FileId(0), start, end: start };
    let used = variables(&Node::new(span, Value::Text(raw.to_owned())));
    used.is_empty() || used.values().any(|variable| !variable.default.is_empty())
}

/// Where the value of a credential stands, if the variable holds one that is written down.
pub(super) fn literal(variable: &Variable, texts: &Texts) -> Option<Place> {
    let value = variable.value.as_deref()?.trim();
    if value.is_empty() || value.starts_with('/') || SWITCHES.contains(&value.to_lowercase().as_str()) {
        return None;
    }
    let place = value_place(variable, texts);
    let dangerous = is_credential(&variable.name) || has_password(value);
    (dangerous && is_literal(texts.at(place))).then_some(place)
}

/// Behind the `=` of a list's item.
fn value_place(variable: &Variable, texts: &Texts) -> Place {
    let raw = texts.at(variable.place);
    let sign = format!("{}=", variable.name);
    let start = raw.find(&sign).map_or(0, |at| at.saturating_add(sign.len()));
    let quoted = start > 0 && raw.ends_with(['"', '\'']);
    let end = variable.place.end.saturating_sub(usize::from(quoted));
    Place { start: variable.place.start.saturating_add(start), end, ..variable.place }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_credentials_are_told_from_names_about_them() {
        for name in
            ["POSTGRES_PASSWORD", "API_KEY", "github.token", "DB_PASS", "AWS_SECRET_ACCESS_KEY", "jwt-secret"]
        {
            assert!(is_credential(name), "{name}");
        }
        for name in [
            "POSTGRES_PASSWORD_FILE",
            "TOKEN_TTL",
            "PASSENGER_APP",
            "AWS_ACCESS_KEY_ID",
            "PWD",
            "COMPASS",
            "KEY",
            "MYSQL_RANDOM_ROOT_PASSWORD",
            "MYSQL_ALLOW_EMPTY_PASSWORD",
            "ACCESS_TOKEN_EXPIRE_MINUTES",
            "TOKEN_LIFETIME",
            "PASSWORD_HASH_ROUNDS",
        ] {
            assert!(!is_credential(name), "{name}");
        }
    }

    #[test]
    fn a_default_is_written_down_and_a_variable_is_not() {
        assert!(is_literal("hunter2") && is_literal("${A:-hunter2}") && is_literal("pa$$word"));
        assert!(
            !is_literal("${A}")
                && !is_literal("$A")
                && !is_literal("${A:?must be set}")
                && !is_literal("${A:-}")
        );
        assert!(
            has_password("postgres://u:p@db/x")
                && !has_password("https://db:80/a@b")
                && !has_password("http://u@db")
        );
    }
}
