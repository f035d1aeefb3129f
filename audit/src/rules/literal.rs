//! Which variables hold a credential that is written down.

use super::written::{is_only_variables, passwords};
use crate::launch::{Origin, Variable};
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

/// Where the value of a credential stands, if the variable holds one that is written down.
pub(super) fn literal(variable: &Variable, origin: Origin, texts: &Texts) -> Option<Place> {
    let place = secret(variable, origin, texts)?;
    // Where a file is, is no secret; it stays hidden all the same.
    (!variable.value.as_deref().is_some_and(|value| is_path(value.trim()))).then_some(place)
}

/// The same, and also where it may be no more than the path of a file.
pub(super) fn secret(variable: &Variable, origin: Origin, texts: &Texts) -> Option<Place> {
    let value = variable.value.as_deref()?.trim();
    if value.is_empty() || SWITCHES.contains(&value.to_lowercase().as_str()) {
        return None;
    }
    let place = value_place(variable, texts);
    let raw = unquoted(texts.at(place));
    // SECURITY: only a stack's variables are put in by its engine; elsewhere `$` is a character of the credential.
    let interpolates = origin == Origin::Compose;
    let from_variables =
        |text: &str| interpolates && is_only_variables(text) || origin == Origin::Pod && is_expanded(text);
    let urls = passwords(raw, interpolates);
    let is_literal = if urls.is_empty() {
        let is_secret = is_credential(&variable.name) || !passwords(value, false).is_empty();
        is_secret && !from_variables(raw)
    } else {
        urls.into_iter().any(|range| !from_variables(raw.get(range).unwrap_or_default()))
    };
    is_literal.then_some(place)
}

/// Whether it is another variable of the same container, as Pods write it.
fn is_expanded(text: &str) -> bool {
    text.strip_prefix("$(").and_then(|rest| rest.strip_suffix(')')).is_some_and(|name| {
        !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c))
    })
}

/// Whether a value looks like the path of a file; base64 may begin with `/` too.
fn is_path(value: &str) -> bool {
    let Some(rest) = value.strip_prefix('/') else { return false };
    let first = rest.split('/').next().unwrap_or_default();
    let is_name = |c: char| c.is_ascii_alphanumeric() || "._-/".contains(c);
    let is_first = |c: char| c.is_ascii_lowercase() || "._-".contains(c);
    !first.is_empty() && first.chars().all(is_first) && rest.chars().all(is_name)
}

/// A scalar without its quotes.
fn unquoted(raw: &str) -> &str {
    let raw = raw.trim();
    let within = |quote: char| raw.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote));
    within('"').or_else(|| within('\'')).unwrap_or(raw)
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
    fn a_path_is_told_from_base64() {
        assert!(is_path("/run/secrets/Db_1") && is_path("/data"));
        assert!(!is_path("/9j/4AAQSkZJRg==") && !is_path("/aB3xQ") && !is_path("/run/x+y=") && !is_path("/"));
    }
}
