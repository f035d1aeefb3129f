//! Which images a rule of another tool is for, in our words: a repository, and a digest or none.

use crate::input::TrustForm;

/// A repository, and what is told about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Scope {
    pub(super) repository: String,
    pub(super) digest: Option<String>,
    /// Whether the original is for the repository alone, and not for what lies below it.
    pub(super) is_alone: bool,
}

/// The scope in our words, or why it has none.
pub(super) fn scope(form: TrustForm, text: &str) -> Result<Scope, &'static str> {
    let (name, digest) = match text.split_once('@') {
        Some((name, digest)) => (name, Some(digest.to_owned())),
        None => (text, None),
    };
    let (name, is_alone) = match form {
        TrustForm::PolicyJson => (name, false),
        TrustForm::ClusterImagePolicy => match name.strip_suffix("/**") {
            Some(above) => (above, false),
            None => (name, true),
        },
    };
    if name.contains('*') {
        return Err("a pattern inside a name: a rule here is for a repository and what lies below it");
    }
    let name = match name.strip_prefix("index.docker.io/") {
        Some(path) => format!("docker.io/{path}"),
        None => name.to_owned(),
    };
    let Some((host, path)) = name.split_once('/') else {
        let is_host = name.contains(['.', ':']) || name.is_empty() || form == TrustForm::PolicyJson;
        if is_host {
            return Err("a whole registry: a rule here names a repository");
        }
        return Ok(Scope { repository: format!("docker.io/library/{name}"), digest, is_alone });
    };
    if path.is_empty() {
        return Err("a whole registry: a rule here names a repository");
    }
    if path.rsplit('/').next().unwrap_or_default().contains(':') {
        return Err("a tag: a rule here is for a repository, whatever the tag");
    }
    let is_host = host.contains(['.', ':']) || host == "localhost";
    let repository = if is_host { name } else { format!("docker.io/{name}") };
    Ok(Scope { repository, digest, is_alone })
}

/// Whether `inner` is `outer`, or lies below it by whole components.
pub(super) fn lies_within(inner: &str, outer: &str) -> bool {
    inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repository(form: TrustForm, text: &str) -> Option<String> {
        scope(form, text).ok().map(|scope| scope.repository)
    }

    #[test]
    fn names_become_repositories_and_patterns_do_not() {
        let cip = |text| repository(TrustForm::ClusterImagePolicy, text);
        assert_eq!(cip("ghcr.io/acme/**").as_deref(), Some("ghcr.io/acme"));
        assert_eq!(cip("index.docker.io/library/nginx").as_deref(), Some("docker.io/library/nginx"));
        assert_eq!(cip("acme/tools").as_deref(), Some("docker.io/acme/tools"));
        assert_eq!(cip("nginx").as_deref(), Some("docker.io/library/nginx"));
        for text in ["**", "*", "ghcr.io/**", "ghcr.io/acme/*", "ghcr.io/acme/t*", "ghcr.io/acme/tools:v1"] {
            assert_eq!(cip(text), None, "{text}");
        }
        let json = |text| repository(TrustForm::PolicyJson, text);
        assert_eq!(json("registry.example:5000/acme").as_deref(), Some("registry.example:5000/acme"));
        for text in ["", "registry.example", "*.example.org", "registry.example/acme/tools:v1"] {
            assert_eq!(json(text), None, "{text}");
        }
    }

    #[test]
    fn below_is_by_whole_components() {
        assert!(lies_within("a.b/c/d", "a.b/c") && lies_within("a.b/c", "a.b/c"));
        assert!(!lies_within("a.b/cd", "a.b/c") && !lies_within("a.b/c", "a.b/c/d"));
    }
}
