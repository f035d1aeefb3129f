//! What `verify` found, in words: who signed, when, says who, and what nobody asked about.

use std::fmt::Display;

use jiff::Timestamp;
use perry_sandbox_policy::{
    BuildFacts, Evidence, LogEntry, LogRule, Requirement, TimeSource, VerifiedIdentity, VerifiedSignature,
};
use perry_sandbox_reference::Digest;
use perry_sandbox_verifier::{BundleEvidence, Explanation, page};

/// An image that was verified.
pub(crate) fn image(subject: &str, evidence: &Evidence, requirement: &Requirement) -> String {
    let mut lines = vec![format!("verified  {subject}"), field("digest", &evidence.top)];
    if evidence.manifest != evidence.top {
        lines.push(field("runs", &format!("{} ({})", evidence.manifest, evidence.platform)));
    }
    let over = |digest: &Digest| (evidence.manifest != evidence.top).then(|| part(digest, evidence));
    for signature in &evidence.signatures {
        lines.extend(signed("signed by", signature, over(&signature.signed), evidence.verified_at));
    }
    if let Some(attestation) = &evidence.provenance {
        lines.extend(signed("attested by", attestation, over(&attestation.signed), evidence.verified_at));
        lines.extend(attestation.build.iter().flat_map(built));
    }
    lines.extend(evidence.not_checked.iter().map(|what| field("not checked", what)));
    lines.extend(not_asked(requirement, &evidence.signatures, true));
    lines.extend(evidence.trial.iter().map(|trial| field("trial", &trial.sentence())));
    lines.join("\n")
}

/// A bundle that was verified.
pub(crate) fn bundle(subject: &str, evidence: &BundleEvidence, requirement: &Requirement) -> String {
    let mut lines = vec![format!("verified  {subject}"), field("signs", &evidence.artifact)];
    lines.extend(evidence.predicate.iter().map(|predicate| field("predicate", predicate)));
    for signature in &evidence.signatures {
        lines.extend(signed("signed by", signature, None, evidence.verified_at));
        lines.extend(signature.build.iter().flat_map(built));
    }
    lines.extend(evidence.not_checked.iter().map(|what| field("not checked", what)));
    lines.extend(not_asked(requirement, &evidence.signatures, false));
    lines.join("\n")
}

/// The page of a code.
pub(crate) fn code(explanation: &Explanation) -> String {
    let mut text = format!("{}  {}\n", explanation.code, explanation.title);
    if let Some(page) = page(explanation.code) {
        text = format!("{text}\n{}\n", page.meaning);
        if !page.causes.is_empty() {
            text.push_str("\nMost often:\n");
            for cause in &page.causes {
                text = format!("{text}  - {cause}\n");
            }
        }
    }
    format!("{text}\nWhat to do: {}", explanation.remedy)
}

/// Which part of the image a signature is over.
fn part(signed: &Digest, evidence: &Evidence) -> &'static str {
    if *signed == evidence.top {
        "the index, which lists the manifest that runs"
    } else if *signed == evidence.manifest {
        "the manifest that runs"
    } else {
        "an index in between"
    }
}

fn signed(
    verb: &str,
    signature: &VerifiedSignature,
    over: Option<&'static str>,
    verified_at: i64,
) -> Vec<String> {
    let by = match &signature.by {
        VerifiedIdentity::Key { fingerprint } => format!("key {fingerprint}"),
        VerifiedIdentity::Keyless { issuer, subject } => format!("{subject}, by {issuer}"),
    };
    let mut lines = vec![field(verb, &format!("{}: {by}", signature.signer))];
    let claims = signature.claims.iter();
    lines.extend(claims.map(|claim| field("claim", &format!("{} = {}", claim.name, claim.value))));
    lines.extend(signature.authority.iter().map(|authority| field("authority", authority)));
    lines.extend(over.map(|over| field("over", &over)));
    if let Some(reference) = &signature.signed_reference {
        lines.push(field("as", reference));
    }
    lines.extend(signature.times.iter().map(|time| {
        let at = Timestamp::from_second(time.at).map_or_else(|_| time.at.to_string(), |at| at.to_string());
        let source = match (time.source, &time.authority) {
            (TimeSource::Log, _) => "the transparency log".to_owned(),
            (TimeSource::TimestampAuthority, None) => "a time stamp authority".to_owned(),
            (TimeSource::TimestampAuthority, Some(by)) => format!("the time stamp authority {by}"),
        };
        field("at", &format!("{at} ({}), says {source}", ago(verified_at.saturating_sub(time.at))))
    }));
    if let Some(LogEntry { log_id, index, url }) = &signature.log {
        let of = url.as_ref().map(|url| format!("{url}, ")).unwrap_or_default();
        lines.push(field("logged", &format!("entry {index} of {of}log {log_id}")));
    }
    if let Some((name, digest)) = &signature.root {
        lines.push(field("trust root", &format!("{name} ({digest})")));
    }
    lines
}

/// A span of time for people, from seconds.
fn ago(seconds: i64) -> String {
    let units = [(86_400, "day"), (3_600, "hour"), (60, "minute")];
    let fits = |(size, _): &(i64, &str)| seconds >= *size;
    let Some((size, unit)) = units.into_iter().find(fits) else { return "just now".to_owned() };
    let count = seconds.checked_div(size).unwrap_or(0);
    format!("{count} {unit}{} ago", if count == 1 { "" } else { "s" })
}

fn built(build: &BuildFacts) -> Vec<String> {
    let mut lines = Vec::new();
    lines.extend(build.builder.as_ref().map(|builder| field("built by", builder)));
    let at = build.source_ref.as_ref().map(|at| format!(" at {at}")).unwrap_or_default();
    lines.extend(build.source.as_ref().map(|source| field("from", &format!("{source}{at}"))));
    lines
}

/// What could have been demanded and was not: no finding, and no promise either.
fn not_asked(requirement: &Requirement, signatures: &[VerifiedSignature], image: bool) -> Option<String> {
    let mut what = Vec::new();
    let keys = signatures.iter().any(|it| matches!(it.by, VerifiedIdentity::Key { .. }) && it.log.is_none());
    if requirement.log == LogRule::Optional && keys {
        what.push("a log entry");
    }
    if requirement.max_age.is_none() && requirement.signed_after.is_none() {
        what.push("the signature's age");
    }
    if requirement.provenance.is_none() && image {
        what.push("who built it (provenance)");
    }
    (!what.is_empty()).then(|| field("not asked", &what.join(", ")))
}

fn field(name: &str, value: &dyn Display) -> String {
    format!("  {name:<12}{value}")
}

#[cfg(test)]
mod tests {
    use perry_sandbox_policy::{Authority, Claim, SignatureFormat, VerifiedTime};

    use super::*;

    fn signature() -> VerifiedSignature {
        let named = |organization: &str| Authority {
            organization: Some(organization.to_owned()),
            common_name: Some("root".to_owned()),
            uri: Some("https://ca.example".to_owned()),
        };
        let stamp = VerifiedTime::new(TimeSource::TimestampAuthority, 0);
        VerifiedSignature {
            signer: "acme".parse().unwrap(),
            signed: Digest::of(b"signed"),
            format: SignatureFormat::Bundle,
            object: Digest::of(b"object"),
            by: VerifiedIdentity::Keyless { issuer: "https://i".into(), subject: "s".into() },
            claims: vec![Claim { name: "runner".into(), value: "github-hosted".into() }],
            authority: Some(named("certifier")),
            times: vec![
                VerifiedTime { authority: Some(named("stamper")), ..stamp.clone() },
                stamp,
                VerifiedTime::new(TimeSource::Log, 60),
            ],
            log: None,
            root: None,
            signed_reference: None,
            serial: None,
            build: None,
        }
    }

    #[test]
    fn a_report_names_the_claims_that_were_asked_for_and_the_authorities_that_vouched() {
        let lines = signed("signed by", &signature(), None, 3_600);
        assert_eq!(
            lines,
            [
                "  signed by   acme: s, by https://i",
                "  claim       runner = github-hosted",
                "  authority   certifier, root (https://ca.example)",
                "  at          1970-01-01T00:00:00Z (1 hour ago), says the time stamp authority stamper, root (https://ca.example)",
                "  at          1970-01-01T00:00:00Z (1 hour ago), says a time stamp authority",
                "  at          1970-01-01T00:01:00Z (59 minutes ago), says the transparency log",
            ]
        );
    }

    #[test]
    fn ages_are_told_in_their_largest_unit() {
        assert_eq!(ago(-5), "just now");
        assert_eq!(ago(59), "just now");
        assert_eq!(ago(60), "1 minute ago");
        assert_eq!(ago(7_200), "2 hours ago");
        assert_eq!(ago(40 * 86_400), "40 days ago");
    }
}
