//! Whether the certificate's issuer, subject and claims are those of a signer.

use std::collections::BTreeMap;

use perry_sandbox_policy::{IssuerPattern, SubjectPattern};
use perry_sandbox_reference::Digest;
use sigstore_verify::crypto::FulcioCiClaims;

use crate::codes::Code;
use crate::finding::Finding;

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
/// `1.3.6.1.4.1.57264.1` (Fulcio's `docs/oid-info.md`). Each is compared exactly; none stands for another one. What each
/// says stands in `policy/docs/SIGNATURES.md`.
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
        if !issuer.matches(&self.issuer) {
            return Err(Finding::new(Code::IdIssuer, &self.issuer, issuer.as_str()));
        }
        if !subject.matches(&self.subject) {
            return Err(Finding::new(Code::IdSubject, &self.subject, subject.as_str()));
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

#[cfg(test)]
mod tests {
    use perry_sandbox_policy::Expression;

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
    fn an_expression_must_match_the_whole_of_issuer_and_subject() {
        let is = |issuer: &str, subject: &str| {
            let expression = |text: &str| Expression::new(text).unwrap();
            let subject = SubjectPattern::WholeRegexp(expression(subject));
            let issuer = IssuerPattern::WholeRegexp(expression(issuer));
            holder().is(&issuer, &subject, &BTreeMap::new()).err().map(|finding| finding.code)
        };
        assert_eq!(is("https://issuer\\.example", "https://github\\.com/acme/.*"), None);
        assert_eq!(is("https://issuer", "https://github\\.com/acme/.*"), Some(Code::IdIssuer));
        assert_eq!(is("https://issuer\\.example", "https://github\\.com/acme/app"), Some(Code::IdSubject));
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
