//! Credentials, from docker's own file. Helper programs are not started: nothing but the sandbox is.

use std::fmt;
use std::path::Path;

use base64::Engine as _;
use thiserror::Error;

use crate::files::read_small;
use crate::json::{JsonError, MAX_DEPTH, Object, parse_strict};
use crate::limits::MIB;
use crate::source::ReadError;

/// Something that is never shown: it has no way to be printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes a secret.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub(super) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// As whom a registry is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credentials {
    /// As nobody.
    None,
    /// With a name and a password or token.
    Basic {
        /// The name.
        user: String,
        /// The password or token.
        password: Secret,
    },
    /// A helper program keeps them, which is not started.
    Helper {
        /// The helper's name, the part after `docker-credential-`.
        name: String,
    },
}

/// Why a credential file cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CredentialError {
    /// The file cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The file is not docker's `config.json`.
    #[error("the credential file {path} cannot be used: {source}")]
    Json {
        /// The file.
        path: String,
        /// What is wrong.
        source: JsonError,
    },
    /// An entry is not `name:password` in base64.
    #[error("the credential file {path} has an entry for {registry} that is not `name:password` in base64")]
    Entry {
        /// The file.
        path: String,
        /// The registry.
        registry: String,
    },
}

/// Docker's `config.json`.
#[derive(Debug)]
pub struct CredentialFile {
    path: String,
    value: serde_json::Value,
}

impl CredentialFile {
    /// Reads the file; one that is not there has no credentials.
    ///
    /// # Errors
    /// [`CredentialError`].
    pub fn read(path: &Path) -> Result<Self, CredentialError> {
        let shown = path.display().to_string();
        let bytes = match std::fs::File::open(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => b"{}".to_vec(),
            Err(source) => return Err(ReadError::Io { what: shown, source }.into()),
            Ok(file) => read_small(file, &shown, MIB)?,
        };
        // The parser's own words could quote a secret.
        let unreadable = |_| CredentialError::Json {
            path: shown.clone(),
            source: JsonError::Syntax { reason: "it is not JSON, or repeats a key".to_owned() },
        };
        let value = parse_strict(&bytes, MAX_DEPTH).map_err(unreadable)?;
        Ok(Self { path: shown, value })
    }

    /// The credentials for a registry, such as `docker.io` or `localhost:5000`.
    ///
    /// # Errors
    /// [`CredentialError`].
    pub fn for_registry(&self, registry: &str) -> Result<Credentials, CredentialError> {
        let json = |source| CredentialError::Json { path: self.path.clone(), source };
        let file = Object::new("credential file", &self.value).map_err(json)?;
        let helpers = file.string_map("credHelpers", 1024).map_err(json)?;
        let names = names_of(registry);
        if let Some(name) = names.iter().find_map(|name| helpers.get(name)) {
            return Ok(Credentials::Helper { name: name.clone() });
        }
        let nothing = serde_json::json!({});
        let entries = Object::new("auths", file.get("auths").unwrap_or(&nothing)).map_err(json)?;
        for name in &names {
            let Some(entry) = entries.get(name) else { continue };
            let entry = Object::new("auths", entry).map_err(json)?;
            if let Some(found) = self.entry(registry, &entry)? {
                return Ok(found);
            }
        }
        let store = file.optional_string("credsStore").map_err(json)?;
        Ok(store.map_or(Credentials::None, |name| Credentials::Helper { name: name.to_owned() }))
    }

    fn entry(&self, registry: &str, entry: &Object<'_>) -> Result<Option<Credentials>, CredentialError> {
        let json = |source| CredentialError::Json { path: self.path.clone(), source };
        let bad = || CredentialError::Entry { path: self.path.clone(), registry: registry.to_owned() };
        if let Some(auth) = entry.optional_string("auth").map_err(json)? {
            let bytes = base64::engine::general_purpose::STANDARD.decode(auth).map_err(|_| bad())?;
            let text = String::from_utf8(bytes).map_err(|_| bad())?;
            let (user, password) = text.split_once(':').ok_or_else(bad)?;
            let password = Secret::new(password.trim_end_matches('\0'));
            return Ok(Some(Credentials::Basic { user: user.to_owned(), password }));
        }
        let user = entry.optional_string("username").map_err(json)?;
        let password = entry.optional_string("password").map_err(json)?;
        Ok(user.zip(password).map(|(user, password)| Credentials::Basic {
            user: user.to_owned(),
            password: Secret::new(password),
        }))
    }
}

/// The keys under which docker's file may have a registry.
fn names_of(registry: &str) -> Vec<String> {
    let mut names = Vec::new();
    if registry == "docker.io" {
        names.push("https://index.docker.io/v1/".to_owned());
        names.push("index.docker.io".to_owned());
    }
    for form in ["{}", "https://{}", "https://{}/", "https://{}/v1/", "https://{}/v2/", "http://{}"] {
        names.push(form.replace("{}", registry));
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> CredentialFile {
        CredentialFile { path: "config.json".to_owned(), value: serde_json::from_str(text).unwrap() }
    }

    #[test]
    fn entries_are_found_by_any_of_docker_s_names() {
        let file = file(
            r#"{"auths": {"https://index.docker.io/v1/": {"auth": "aHViOnB3OjE="},
                "localhost:5000": {"username": "me", "password": "pw"},
                "empty.example": {}}, "credHelpers": {"gcr.io": "gcloud"}, "credsStore": "desktop"}"#,
        );
        let basic = |user: &str, password: &str| Credentials::Basic {
            user: user.to_owned(),
            password: Secret::new(password),
        };
        assert_eq!(file.for_registry("docker.io").unwrap(), basic("hub", "pw:1"));
        assert_eq!(file.for_registry("localhost:5000").unwrap(), basic("me", "pw"));
        assert_eq!(file.for_registry("gcr.io").unwrap(), Credentials::Helper { name: "gcloud".into() });
        assert_eq!(
            file.for_registry("empty.example").unwrap(),
            Credentials::Helper { name: "desktop".into() }
        );
    }

    #[test]
    fn a_registry_without_an_entry_has_no_credentials() {
        assert_eq!(file("{}").for_registry("r.example").unwrap(), Credentials::None);
        let file = file(r#"{"auths": {"r.example": {"auth": "eA=="}}}"#);
        assert!(matches!(file.for_registry("r.example"), Err(CredentialError::Entry { .. })));
        assert_eq!(file.for_registry("other.r.example").unwrap(), Credentials::None);
    }

    #[test]
    fn a_secret_is_not_printed() {
        let basic = Credentials::Basic { user: "me".to_owned(), password: Secret::new("hunter2") };
        assert!(!format!("{basic:?}").contains("hunter2"));
    }
}
