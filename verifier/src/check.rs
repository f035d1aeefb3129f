//! One candidate against one signer: signature, time, log, certificate, identity.

use std::iter;

use jiff::Timestamp;
use perry_sandbox_policy::{
    Authority, Claim, DenyFacts, DenyList, IssuerPattern, LogEntry, LogRule, Moment, Requirement, Signer,
    SignerIdentity, SigningWindow, SubjectPattern, TimeSource, TrustRootName, VerifiedIdentity, VerifiedTime,
};
use perry_sandbox_reference::Digest;
use sigstore_verify::crypto::KeyAlgorithm;
use sigstore_verify::types::{
    Artifact, Bundle, PublicKeyIdentifier, SignatureContent, VerificationMaterialContent,
};
use sigstore_verify::{PublicKeyVerificationPolicy, VerificationPolicy, VerificationResult};

use crate::codes::Code;
use crate::finding::Finding;
use crate::identity::Holder;
use crate::key::{Form, ManagedKey, hash_fits};
use crate::parsed::{Content, Parsed};
use crate::root::PreparedRoot;
use crate::{authority, certificate, core, log};

/// A signer whose key or trust root has been read.
#[derive(Debug)]
pub(crate) struct PreparedSigner<'a> {
    pub(crate) signer: &'a Signer,
    proof: ProofKind<'a>,
}

#[derive(Debug)]
enum ProofKind<'a> {
    Key {
        key: ManagedKey,
        roots: Vec<PreparedRoot>,
    },
    Keyless {
        issuer: &'a IssuerPattern,
        subject: &'a SubjectPattern,
        claims: &'a Claims,
        roots: Vec<PreparedRoot>,
    },
}

type Claims = std::collections::BTreeMap<String, String>;

/// What every check of one verification has in common.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules<'a> {
    pub(crate) now: Timestamp,
    pub(crate) requirement: &'a Requirement,
}

/// What a check proved.
#[derive(Debug, Clone)]
pub(crate) struct Proof {
    pub(crate) by: VerifiedIdentity,
    /// The claims that were asked for.
    pub(crate) claims: Vec<Claim>,
    /// Who vouched for the certificate.
    pub(crate) authority: Option<Authority>,
    pub(crate) times: Vec<VerifiedTime>,
    pub(crate) log: Option<LogEntry>,
    pub(crate) root: Option<(TrustRootName, Digest)>,
    /// Serial number and key of the certificate, where one was verified.
    pub(crate) certificate: Option<(String, Digest)>,
    /// What was there and not checked.
    pub(crate) note: Option<&'static str>,
}

impl<'a> PreparedSigner<'a> {
    /// Reads the signer's key or trust root.
    pub(crate) fn read(signer: &'a Signer, log: LogRule) -> Result<Self, Finding> {
        let proof = match &signer.identity {
            SignerIdentity::Key { pem, root } => {
                let roots = root.as_ref().map(PreparedRoot::read).transpose()?.unwrap_or_default();
                if roots.is_empty() && log == LogRule::Required {
                    let found = "a key without a trust root, and a log entry is required";
                    return Err(Finding::new(Code::RootMissing, found, "a trust root that knows the log"));
                }
                ProofKind::Key { key: ManagedKey::read(pem)?, roots }
            }
            SignerIdentity::Keyless { issuer, subject, claims, root } => {
                ProofKind::Keyless { issuer, subject, claims, roots: PreparedRoot::read(root)? }
            }
        };
        Ok(Self { signer, proof })
    }

    /// Whether this signer made this signature.
    pub(crate) fn check(
        &self,
        parsed: &Parsed,
        artifact: &Artifact<'_>,
        rules: Rules<'_>,
    ) -> Result<Proof, Finding> {
        let proof = match &self.proof {
            ProofKind::Key { key, roots } if roots.is_empty() => managed(key, None, parsed, artifact, rules)?,
            ProofKind::Key { key, roots } => {
                within_one(roots, |root| managed(key, Some(root), parsed, artifact, rules))?
            }
            ProofKind::Keyless { issuer, subject, claims, roots } => {
                let (proof, holder) = within_one(roots, |root| keyless(root, parsed, artifact))?;
                holder.is(issuer, subject, claims)?;
                let held =
                    claims.iter().map(|(name, value)| Claim { name: name.clone(), value: value.clone() });
                Proof { claims: held.collect(), ..proof }
            }
        };
        in_time(&proof.times, rules)?;
        in_window(&self.signer.window, &proof.times, rules.now)?;
        not_denied(&proof, &parsed.bundle, &rules.requirement.denied)?;
        Ok(proof)
    }
}

/// Checks with each trust root by itself until one says yes. Of several that say no, the first that knows the log or
/// the authority says the most.
// SECURITY: what one root vouches for in part and another in the rest, nobody vouches for.
fn within_one<T>(
    roots: &[PreparedRoot],
    check: impl Fn(&PreparedRoot) -> Result<T, Finding>,
) -> Result<T, Finding> {
    let mut findings = Vec::new();
    for root in roots {
        match check(root) {
            Ok(proof) => return Ok(proof),
            Err(finding) => findings.push(finding),
        }
    }
    let knows = |it: &Finding| !matches!(it.code, Code::LogUnknown | Code::CertChain | Code::CertSct);
    let at = findings.iter().position(knows).unwrap_or(0);
    Err(findings.into_iter().nth(at).unwrap_or_else(|| {
        Finding::new(Code::RootMissing, "no trust root", "a trust root that knows the log")
    }))
}

/// A signature by a certificate's key. Who holds the certificate is still to be compared.
fn keyless(
    root: &PreparedRoot,
    parsed: &Parsed,
    artifact: &Artifact<'_>,
) -> Result<(Proof, Holder), Finding> {
    let bundle = &parsed.bundle;
    let Some(leaf) = bundle.signing_certificate() else {
        return Err(Finding::new(Code::SigNeedsKey, "a signature without a certificate", "a certificate"));
    };
    let (holder, algorithm) = certificate::read(leaf)?;
    own_hash(algorithm, &bundle.content)?;
    log::form(bundle, root)?;
    let policy = VerificationPolicy::any_identity();
    let result = core::run(&root.verifier, artifact.clone(), bundle, &policy)?;
    // INVARIANT: `any_identity` asks for the chain, the SCT, and the log; a core that skipped one must not pass.
    if !result.certificate_verified()
        || !result.sct_verified()
        || bundle.verification_material.tlog_entries.is_empty()
    {
        return Err(Finding::new(Code::CoreBroke, "a check that was left out", "chain, SCT and log checked"));
    }
    let stamped_by = authority::of_stamps(root, bundle);
    let times = verified_times(stamped_by, &result, true);
    if times.is_empty() {
        return Err(Finding::new(Code::TimeNone, "no verified time", "a log's promise or a time stamp"));
    }
    log::provenance(bundle, root, result.verified_timestamps())?;
    let by = VerifiedIdentity::Keyless { issuer: holder.issuer.clone(), subject: holder.subject.clone() };
    let authority = authority::of_certificate(root, artifact, bundle, &policy, result.verified_timestamps());
    let proof = Proof {
        by,
        claims: Vec::new(),
        authority,
        times,
        log: log::recorded(bundle, root),
        root: Some(root.identity.clone()),
        certificate: Some((holder.serial.clone(), holder.key.clone())),
        note: None,
    };
    Ok((proof, holder))
}

/// A signature by a managed key.
fn managed(
    key: &ManagedKey,
    root: Option<&PreparedRoot>,
    parsed: &Parsed,
    artifact: &Artifact<'_>,
    rules: Rules<'_>,
) -> Result<Proof, Finding> {
    let material = &parsed.bundle.verification_material;
    if !parsed.legacy && parsed.bundle.signing_certificate().is_some() {
        return Err(Finding::new(
            Code::SigNeedsIdentity,
            "a bundle with a certificate",
            "a bundle signed by a key",
        ));
    }
    direct(key, parsed, artifact)?;
    let by = VerifiedIdentity::Key { fingerprint: key.fingerprint() };
    let logged = !material.tlog_entries.is_empty();
    let stamped = !material.timestamp_verification_data.rfc3161_timestamps.is_empty();
    if !logged && rules.requirement.log == LogRule::Required {
        return Err(Finding::new(Code::LogNone, "a signature without a log entry", "a log entry"));
    }
    let Some(root) = root.filter(|_| logged || stamped) else {
        let note = (logged || stamped)
            .then_some("a log entry or time stamp of a managed key was not checked: no trust root was given");
        return Ok(Proof {
            by,
            claims: Vec::new(),
            authority: None,
            times: Vec::new(),
            log: None,
            root: None,
            certificate: None,
            note,
        });
    };
    let mut bundle = parsed.bundle.clone();
    if parsed.legacy {
        // cosign 2 may store a certificate beside a key's signature; the key is what is asked for.
        bundle.verification_material.content =
            VerificationMaterialContent::PublicKey(PublicKeyIdentifier::new(""));
    }
    log::form(&bundle, root)?;
    let mut policy = PublicKeyVerificationPolicy::new(key.der().clone());
    if !logged {
        policy = policy.skip_tlog_unsafe();
    }
    let result = core::run(&root.verifier, artifact.clone(), &bundle, &policy)?;
    log::provenance(&bundle, root, result.verified_timestamps())?;
    let times = verified_times(authority::of_stamps(root, &bundle), &result, false);
    let log = log::recorded(&bundle, root);
    let root = Some(root.identity.clone());
    Ok(Proof { by, claims: Vec::new(), authority: None, times, log, root, certificate: None, note: None })
}

/// The signature itself, with the key's own algorithm; needs neither log nor time.
fn direct(key: &ManagedKey, parsed: &Parsed, artifact: &Artifact<'_>) -> Result<(), Finding> {
    own_hash(key.algorithm(), &parsed.bundle.content)?;
    let form = if parsed.legacy { Form::Legacy } else { Form::Envelope };
    match (&parsed.content, &parsed.bundle.content) {
        (_, SignatureContent::DsseEnvelope(envelope)) => {
            key.verify(form, &envelope.pae(), &envelope.signature.sig)
        }
        (Content::Simple { payload, .. }, SignatureContent::MessageSignature(message)) => {
            key.verify(form, payload, &message.signature)
        }
        (_, SignatureContent::MessageSignature(message)) => key.verify_message(message, artifact),
        _ => Err(Finding::new(
            Code::ParseVersion,
            "content of an unknown kind",
            "an envelope or a message signature",
        )),
    }
}

/// Whether the hash that a message names is the key's own. Statements name none.
fn own_hash(algorithm: KeyAlgorithm, content: &SignatureContent) -> Result<(), Finding> {
    let SignatureContent::MessageSignature(message) = content else { return Ok(()) };
    match &message.message_digest {
        Some(digest) if !hash_fits(algorithm, digest.algorithm) => {
            let found = format!("{} with a key of the kind {algorithm:?}", digest.algorithm);
            Err(Finding::new(Code::SigAlgorithm, found, "the hash that goes with the key"))
        }
        _ => Ok(()),
    }
}

/// The core's times with their sources. The core lists the time stamps first for certificates and last for keys.
fn verified_times(
    stamped_by: Vec<Option<Authority>>,
    result: &VerificationResult,
    stamps_first: bool,
) -> Vec<VerifiedTime> {
    let times = result.verified_timestamps();
    let logged = times.len().saturating_sub(stamped_by.len());
    let stamps = stamped_by.into_iter().map(|by| (TimeSource::TimestampAuthority, by));
    let logs = iter::repeat_n((TimeSource::Log, None), logged);
    let sources: Vec<_> =
        if stamps_first { stamps.chain(logs).collect() } else { logs.chain(stamps).collect() };
    times
        .iter()
        .zip(sources)
        .map(|(time, (source, authority))| VerifiedTime { source, at: time.as_second(), authority })
        .collect()
}

/// Whether every verified time lies in the past, and none longer ago than is allowed.
fn in_time(times: &[VerifiedTime], rules: Rules<'_>) -> Result<(), Finding> {
    let now = rules.now.as_second();
    if let Some(time) = times.iter().find(|time| time.at > now) {
        return Err(Finding::new(Code::TimeFuture, shown(time.at), format!("a time up to {}", rules.now)));
    }
    let age = rules.requirement.max_age;
    let youngest = age.map(|most| now.saturating_sub(i64::try_from(most.as_secs()).unwrap_or(i64::MAX)));
    from_on(times, youngest, Code::TimeTooOld)?;
    let start = rules.requirement.signed_after.map(Moment::as_second);
    from_on(times, start, Code::TimeBeforeStart)
}

/// Whether no verified time lies before `from`, and there is one.
fn from_on(times: &[VerifiedTime], from: Option<i64>, code: Code) -> Result<(), Finding> {
    let Some(from) = from else { return Ok(()) };
    let expected = format!("a verified time from {} on", shown(from));
    match times.iter().map(|time| time.at).min() {
        None => Err(Finding::new(code, "no verified time, so when it was signed is not proved", expected)),
        Some(time) if time < from => Err(Finding::new(code, shown(time), expected)),
        Some(_) => Ok(()),
    }
}

/// Whether it was signed while the signer counted.
// SECURITY: a key that was lost or replaced still verifies; only the time tells old signatures from new ones
// (CVE-2026-54787).
fn in_window(window: &SigningWindow, times: &[VerifiedTime], now: Timestamp) -> Result<(), Finding> {
    window.admits(times.iter().map(|time| time.at), now.as_second()).map_err(|outside| {
        let times = times.iter().map(|time| shown(time.at)).collect::<Vec<_>>().join(" and ");
        let found = format!("signed {times}{}{outside}", if times.is_empty() { "" } else { ": " });
        Finding::new(Code::TimeWindow, found, "a verified time within the signer's window")
    })
}

/// Whether nothing about the signature is on the deny list.
fn not_denied(proof: &Proof, bundle: &Bundle, denied: &DenyList) -> Result<(), Finding> {
    let entries = log::all(bundle);
    let certificate = proof.certificate.as_ref();
    let facts = DenyFacts {
        by: &proof.by,
        certificate_key: certificate.map(|(_, key)| key),
        serial: certificate.map(|(serial, _)| serial.as_str()),
        entries: &entries,
    };
    denied.signature(facts).map_or(Ok(()), |entry| {
        let found = format!("{}: {}", entry.what, entry.reason);
        Err(Finding::new(Code::DenySignature, found, "a signature that is not denied"))
    })
}

fn shown(seconds: i64) -> String {
    Timestamp::from_second(seconds).map_or_else(|_| seconds.to_string(), |it| it.to_string())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn judged(times: &[i64], age: Option<u64>, after: Option<i64>) -> Option<Code> {
        let mut requirement = Requirement::signed_by(vec![]);
        requirement.max_age = age.map(Duration::from_secs);
        requirement.signed_after = after.map(|at| Moment::of(Timestamp::from_second(at).unwrap()));
        let rules = Rules { now: Timestamp::from_second(1_000_000).unwrap(), requirement: &requirement };
        in_time(&at(times), rules).err().map(|finding| finding.code)
    }

    fn at(seconds: &[i64]) -> Vec<VerifiedTime> {
        seconds.iter().map(|at| VerifiedTime::new(TimeSource::Log, *at)).collect()
    }

    #[test]
    fn every_time_must_lie_in_the_past_and_be_young_enough() {
        let code = |times: &[i64], age| judged(times, age, None);
        assert_eq!(code(&[1_000_000], None), None);
        assert_eq!(code(&[999_999, 1_000_001], None), Some(Code::TimeFuture));
        assert_eq!(code(&[999_900, 999_000], Some(1000)), None);
        assert_eq!(code(&[999_900, 998_999], Some(1000)), Some(Code::TimeTooOld));
        assert_eq!(code(&[], Some(u64::MAX)), Some(Code::TimeTooOld));
        assert_eq!(code(&[], None), None);
    }

    #[test]
    fn cve_2024_23332_a_signature_from_before_the_start_is_refused() {
        assert_eq!(judged(&[500, 600], None, Some(500)), None);
        assert_eq!(judged(&[499, 600], None, Some(500)), Some(Code::TimeBeforeStart));
        assert_eq!(judged(&[], None, Some(500)), Some(Code::TimeBeforeStart));
    }
}
