//! Whether the certificate's issuer, subject and claims are those of a signer.

use std::collections::BTreeMap;

use perry_sandbox_policy::{IssuerPattern, SubjectPattern};
use perry_sandbox_reference::Digest;
use regex::RegexBuilder;
use sigstore_verify::crypto::FulcioCiClaims;

use crate::codes::Code;
use crate::finding::Finding;
use crate::limits::MAX_REGEXP;

type Claim = fn(&FulcioCiClaims) -> Option<&String>;

/// The claims that a policy may name: the name, the extension's number under `1.3.6.1.4.1.57264.1`, the reader.
const CLAIMS: [(&str, u32, Claim); 21] = [
    ("github-trigger", 2, |it| it.deprecated_github.workflow_trigger.as_ref()),
    ("github-sha", 3, |it| it.deprecated_github.workflow_sha.as_ref()),
    ("github-workflow-name", 4, |it| it.deprecated_github.workflow_name.as_ref()),
    ("github-repository", 5, |it| it.deprecated_github.workflow_repository.as_ref()),
    ("github-ref", 6, |it| it.deprecated_github.workflow_ref.as_ref()),
    ("build-signer", 9, |it| it.build_signer_uri.as_ref()),
    ("build-signer-digest", 10, |it| it.build_signer_digest.as_ref()),
    ("runner", 11, |it| it.runner_environment.as_ref()),
    ("source-repository", 12, |it| it.source_repository_uri.as_ref()),
    ("source-digest", 13, |it| it.source_repository_digest.as_ref()),
    ("source-ref", 14, |it| it.source_repository_ref.as_ref()),
    ("source-repository-id", 15, |it| it.source_repository_identifier.as_ref()),
    ("source-owner", 16, |it| it.source_repository_owner_uri.as_ref()),
    ("source-owner-id", 17, |it| it.source_repository_owner_identifier.as_ref()),
    ("build-config", 18, |it| it.build_config_uri.as_ref()),
    ("build-config-digest", 19, |it| it.build_config_digest.as_ref()),
    ("build-trigger", 20, |it| it.build_trigger.as_ref()),
    ("run", 21, |it| it.run_invocation_uri.as_ref()),
    ("visibility", 22, |it| it.source_repository_visibility_at_signing.as_ref()),
    ("deployment-environment", 23, |it| it.deployment_environment.as_ref()),
    ("token-subject", 24, |it| it.token_subject.as_ref()),
];

/// The names of certificate claims that a policy may use, each with the number of its extension under
/// `1.3.6.1.4.1.57264.1` (Fulcio's `oid-info`). Each is compared exactly; none stands for another one.
///
/// | name | extension | for example |
/// | --- | --- | --- |
/// | `github-trigger`, `github-sha`, `github-workflow-name`, `github-repository`, `github-ref` | 2 to 6 | the older forms of GitHub's claims |
/// | `build-signer`, `build-signer-digest` | 9, 10 | the reusable workflow that signed, and its commit |
/// | `runner` | 11 | `github-hosted` |
/// | `source-repository`, `source-digest`, `source-ref` | 12, 13, 14 | `https://github.com/acme/tools`, a commit, `refs/heads/main` |
/// | `source-repository-id`, `source-owner`, `source-owner-id` | 15, 16, 17 | `12345`, `https://github.com/acme`, `678` |
/// | `build-config`, `build-config-digest` | 18, 19 | the workflow that ran, and its commit |
/// | `build-trigger` | 20 | `push` |
/// | `run` | 21 | `https://github.com/acme/tools/actions/runs/1/attempts/1` |
/// | `visibility` | 22 | `public` |
/// | `deployment-environment` | 23 | `production` |
/// | `token-subject` | 24 | `repo:acme/tools:ref:refs/heads/main` |
pub fn claim_names() -> impl Iterator<Item = (&'static str, u32)> {
    CLAIMS.iter().map(|(name, number, _)| (*name, *number))
}

/// What a certificate that was verified says about its holder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Holder {
    pub(crate) issuer: String,
    pub(crate) subject: String,
    pub(crate) claims: FulcioCiClaims,
    /// The certificate's serial number, as the deny list compares it.
    pub(crate) serial: String,
    /// Digest of the certificate's key.
    pub(crate) key: Digest,
}

impl Holder {
    /// Whether this is the signer: issuer, subject and every claim.
    pub(crate) fn is(
        &self,
        issuer: &IssuerPattern,
        subject: &SubjectPattern,
        claims: &BTreeMap<String, String>,
    ) -> Result<(), Finding> {
        let (right, expected) = match issuer {
            IssuerPattern::Exact(text) => (*text == self.issuer, text),
            IssuerPattern::WholeRegexp(text) => (whole(text, &self.issuer)?, text),
        };
        if !right {
            return Err(Finding::new(Code::IdIssuer, &self.issuer, expected));
        }
        let (right, expected) = match subject {
            SubjectPattern::WholeRegexp(text) => (whole(text, &self.subject)?, text),
            SubjectPattern::Exact(text) | SubjectPattern::Star(text) => {
                (subject.matches_literally(&self.subject) == Some(true), text)
            }
        };
        if !right {
            return Err(Finding::new(Code::IdSubject, &self.subject, expected));
        }
        claims.iter().try_for_each(|(name, expected)| self.claims(name, expected))
    }

    fn claims(&self, name: &str, expected: &str) -> Result<(), Finding> {
        let Some((_, _, read)) = CLAIMS.iter().find(|(known, _, _)| *known == name) else {
            let names = CLAIMS.iter().map(|(name, _, _)| *name).collect::<Vec<_>>();
            return Err(Finding::new(Code::IdClaimName, name, names.join(", ")));
        };
        match read(&self.claims) {
            Some(found) if found == expected => Ok(()),
            found => {
                let found = found.map_or("nothing", String::as_str);
                Err(Finding::new(Code::IdClaim, format!("{name} = {found}"), format!("{name} = {expected}")))
            }
        }
    }
}

/// Whether an expression for an issuer or a subject is one that is accepted, so that a mistake in it is told before
/// anything is verified.
///
/// # Errors
/// What is wrong with it, with the code `V-ID-05`.
pub fn check_expression(expression: &str) -> Result<(), Finding> {
    whole(expression, "").map(drop)
}

/// Matches an expression against the whole text, in linear time.
// SECURITY: cosign's own expression is a substring match, so `https://github.com/acme/app` accepts
// `https://github.com/acme/app-evil/…` there.
fn whole(expression: &str, text: &str) -> Result<bool, Finding> {
    let refuse =
        |error: regex::Error| Finding::new(Code::IdPattern, error.to_string(), "a regular expression");
    // The expression must be complete by itself, so that it cannot close the group that anchors it; `\n` before
    // the closing bracket ends a comment of the `x` flag.
    RegexBuilder::new(expression).size_limit(MAX_REGEXP).build().map_err(refuse)?;
    let anchored = format!("\\A(?:{expression}\n)\\z");
    let plain = format!("\\A(?:{expression})\\z");
    let build = |text: &str| RegexBuilder::new(text).size_limit(MAX_REGEXP).build();
    // With the `x` flag on at the end the line break is no part of the expression; otherwise it would be, and the
    // plain form is the right one.
    match build(&plain) {
        Ok(regex) => Ok(regex.is_match(text)),
        Err(_) => Ok(build(&anchored).map_err(refuse)?.is_match(text)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holder() -> Holder {
        let mut claims = FulcioCiClaims::default();
        claims.runner_environment = Some("github-hosted".to_owned());
        Holder {
            issuer: "https://issuer.example".into(),
            subject: "https://github.com/acme/app/w.yml@refs/heads/main".into(),
            claims,
            serial: "1".into(),
            key: Digest::of(b"key"),
        }
    }

    fn check(issuer: &str, subject: &SubjectPattern, claims: &[(&str, &str)]) -> Option<Code> {
        let claims = claims.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        holder().is(&IssuerPattern::Exact(issuer.into()), subject, &claims).err().map(|finding| finding.code)
    }

    #[test]
    fn issuer_and_subject_are_both_needed() {
        let exact = || SubjectPattern::Exact(holder().subject);
        assert_eq!(check("https://issuer.example", &exact(), &[]), None);
        assert_eq!(check("https://issuer.example.evil", &exact(), &[]), Some(Code::IdIssuer));
        let other = SubjectPattern::Exact("https://github.com/acme/app/w.yml@refs/heads/dev".into());
        assert_eq!(check("https://issuer.example", &other, &[]), Some(Code::IdSubject));
    }

    #[test]
    fn an_expression_matches_the_whole_subject_only() {
        let check =
            |text: &str| check("https://issuer.example", &SubjectPattern::WholeRegexp(text.into()), &[]);
        assert_eq!(check("https://github\\.com/acme/.*"), None);
        assert_eq!(check("https://github\\.com/acme/app"), Some(Code::IdSubject));
        assert_eq!(check("github\\.com/acme/.*"), Some(Code::IdSubject));
        assert_eq!(check("x|https://github\\.com/acme/.*"), None);
        assert_eq!(check("nothing|https://github"), Some(Code::IdSubject));
    }

    #[test]
    fn an_expression_cannot_leave_its_anchors() {
        let check =
            |text: &str| check("https://issuer.example", &SubjectPattern::WholeRegexp(text.into()), &[]);
        assert_eq!(check("nothing)|(?:https"), Some(Code::IdPattern));
        assert_eq!(check("(?m)^https://github.com"), Some(Code::IdSubject));
        assert_eq!(check("(?x)https://github.com # tail"), Some(Code::IdSubject));
        assert_eq!(check("(?x)https://github\\.com/.* # tail"), None);
        assert_eq!(check("a{1000}{1000}{1000}"), Some(Code::IdPattern));
        for bad in ["(", "nothing)|(?:https", "a{1000}{1000}{1000}"] {
            assert_eq!(check_expression(bad).unwrap_err().code, Code::IdPattern, "{bad}");
        }
        assert!(check_expression("https://github\\.com/acme/.*").is_ok());
    }

    #[test]
    fn claims_are_exact_and_unknown_names_deny() {
        let exact = || SubjectPattern::Exact(holder().subject);
        let check = |claims: &[(&str, &str)]| check("https://issuer.example", &exact(), claims);
        assert_eq!(check(&[("runner", "github-hosted")]), None);
        assert_eq!(check(&[("runner", "self-hosted")]), Some(Code::IdClaim));
        assert_eq!(check(&[("source-ref", "refs/heads/main")]), Some(Code::IdClaim));
        assert_eq!(check(&[("runner-environment", "github-hosted")]), Some(Code::IdClaimName));
    }
}
