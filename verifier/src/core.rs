//! The one call into the core, its errors turned into findings, and the net under everything that reads hostile
//! bytes.

use std::panic::{AssertUnwindSafe, catch_unwind};

use jiff::Timestamp;
use sigstore_verify::types::{Artifact, Bundle, KindVersion, MessageSignature, SignatureContent};
use sigstore_verify::{
    CertificateError, Error, Policy, TimestampError, TransparencyLogError, VerificationResult, Verifier,
};

use crate::codes::Code;
use crate::finding::Finding;

/// Runs the core.
pub(crate) fn run(
    verifier: &Verifier,
    artifact: Artifact<'_>,
    bundle: &Bundle,
    policy: &dyn Policy,
) -> Result<VerificationResult, Finding> {
    let by_hash = by_hash(bundle);
    let (artifact, bundle) =
        by_hash.as_ref().map_or((artifact, bundle), |(signed, bundle)| (Artifact::Blob(signed), bundle));
    verifier.verify(artifact, bundle, policy).map_err(|error| {
        let found = finding(&error);
        if by_hash.is_some() && found.code == Code::BindDigest {
            return Finding::new(Code::LogForeign, found.found, "an entry of this very envelope");
        }
        let stamps = &bundle.verification_material.timestamp_verification_data.rfc3161_timestamps;
        let fraction = stamps.iter().any(|it| has_fraction(it.signed_timestamp.as_bytes()));
        if found.code == Code::TimeStamp && fraction {
            let text = "a time stamp with a fraction of a second, which the checking library does not read";
            return Finding::new(Code::TimeStamp, text, "a time stamp in whole seconds");
        }
        found
    })
}

/// A statement that its log knows by hash alone (`hashedrekord` 0.0.1, which Sigstore's client specification allows for
/// envelopes), in a form that the core reads: a signature over bare bytes, which are the envelope's encoding. What the
/// statement is about is not the core's to check then; ours has done so before.
fn by_hash(bundle: &Bundle) -> Option<(Vec<u8>, Bundle)> {
    let SignatureContent::DsseEnvelope(envelope) = &bundle.content else { return None };
    let entries = &bundle.verification_material.tlog_entries;
    if entries.is_empty() || entries.iter().any(|it| it.kind_version != KindVersion::HashedRekordV001) {
        return None;
    }
    let message = MessageSignature::new(envelope.signature.sig.clone());
    let content = SignatureContent::MessageSignature(message);
    Some((envelope.pae(), Bundle::new(bundle.media_type, bundle.verification_material.clone(), content)))
}

/// Whether a token holds a time with a fraction (RFC 3161 allows one; it is signed, so nothing here can leave it out).
/// Only the words of a denial depend on this.
fn has_fraction(token: &[u8]) -> bool {
    const GENERALIZED_TIME: u8 = 0x18;
    token.windows(17).any(|bytes| match bytes {
        [GENERALIZED_TIME, _, digits @ .., b'.'] => digits.iter().all(u8::is_ascii_digit),
        _ => false,
    })
}

/// Runs something that may unwind and turns that into a denial.
// SECURITY: a panic on hostile input must deny, not end the program with whatever code (CVE-2026-44310).
pub(crate) fn guarded<T>(work: impl FnOnce() -> Result<T, Finding>) -> Result<T, Finding> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
        Err(Finding::new(Code::CoreBroke, "a panic while checking", "a check that comes to an end"))
    })
}

fn finding(error: &Error) -> Finding {
    let found = error.to_string();
    let found = out_of_time(&found).unwrap_or(found);
    let (code, expected) = match error {
        Error::SignatureInvalid(_) => {
            (Code::SigInvalid, "a signature by the key of the certificate or policy")
        }
        Error::ArtifactMismatch(_) => (Code::BindDigest, "a signature over this content"),
        Error::UnsupportedArtifact(_) | Error::ArtifactRead(_) => (Code::BindNeedsBytes, "the file itself"),
        Error::Certificate(error) => certificate(error),
        Error::TransparencyLog(error) => log(error),
        Error::Timestamp(error) => time(error),
        Error::InvalidBundle(_) | Error::Types(_) => (Code::ParseField, "a complete bundle"),
        Error::UnsupportedBundle(_) => {
            (Code::ParseVersion, "content and entries of a known kind that go together")
        }
        Error::InvalidTrustRoot(_) | Error::TrustRoot(_) | Error::TrustedCertificate(_) => {
            (Code::RootMalformed, "a usable trust root")
        }
        Error::Crypto(_) => (Code::SigAlgorithm, "the algorithm that goes with the key"),
        Error::Bundle(error) => bundle(error),
        Error::IdentityMismatch { .. } => (Code::IdSubject, "the identity asked for"),
        Error::IssuerMismatch { .. } => (Code::IdIssuer, "the issuer asked for"),
        _ => (Code::CoreBroke, "an error of a known kind"),
    };
    Finding::new(code, found, expected)
}

/// In words, what webpki says of a certificate that is used outside its validity: the time, and the end that it is beyond.
fn out_of_time(text: &str) -> Option<String> {
    let is_over = text.contains("CertExpired");
    if !is_over && !text.contains("CertNotValidYet") {
        return None;
    }
    let mut times = text.split("UnixTime(").skip(1).map(|rest| {
        let seconds = rest.split(')').next()?.parse().ok()?;
        Timestamp::from_second(seconds).ok()
    });
    let (used, bound) = (times.next()??, times.next()??);
    let how = if is_over { "after it expired at" } else { "before it was valid, from" };
    Some(format!("the certificate, or one above it, was used at {used}, {how} {bound}"))
}

fn certificate(error: &CertificateError) -> (Code, &'static str) {
    match error {
        CertificateError::Malformed(_) => (Code::CertMalformed, "an X.509 certificate"),
        // webpki's own words; only the code depends on them, not the verdict.
        CertificateError::ChainInvalid(text)
            if text.contains("CertExpired") || text.contains("CertNotValidYet") =>
        {
            (Code::TimeOutside, "a time within the certificate's validity")
        }
        CertificateError::ChainInvalid(_) => (Code::CertChain, "a chain to an authority of the trust root"),
        CertificateError::NoValidAuthority { .. } => {
            (Code::TimeOutside, "a time at which an authority was valid")
        }
        CertificateError::NotYetValid { .. } | CertificateError::Expired { .. } => {
            (Code::TimeOutside, "a time within the certificate's validity")
        }
        CertificateError::Sct(_) => (Code::CertSct, "an SCT of a certificate log of the trust root"),
        _ => (Code::CoreBroke, "an error of a known kind"),
    }
}

fn log(error: &TransparencyLogError) -> (Code, &'static str) {
    match error {
        TransparencyLogError::UnknownLog { .. } => (Code::LogUnknown, "a log of the trust root"),
        TransparencyLogError::InclusionProof(_) => {
            (Code::LogProof, "a proof that leads to the log's checkpoint")
        }
        TransparencyLogError::Checkpoint(_) => (Code::LogCheckpoint, "a checkpoint signed by the log"),
        TransparencyLogError::InclusionPromise(_) => (Code::LogPromise, "a promise signed by the log"),
        TransparencyLogError::EntryMismatch(_) => (Code::LogForeign, "an entry of this very signature"),
        TransparencyLogError::IntegratedTime(_) => {
            (Code::TimeOutside, "a time within the certificate's validity")
        }
        TransparencyLogError::MalformedEntry(_) => (Code::LogBody, "a log entry of a known form"),
        _ => (Code::CoreBroke, "an error of a known kind"),
    }
}

fn time(error: &TimestampError) -> (Code, &'static str) {
    match error {
        TimestampError::Invalid(_) => (Code::TimeStamp, "a time stamp of an authority of the trust root"),
        TimestampError::OutsideAuthorityValidity { .. } => {
            (Code::TimeOutside, "a time at which the authority was valid")
        }
        TimestampError::NoVerifiedTimestamp(_) => (Code::TimeNone, "a log's promise or a time stamp"),
        _ => (Code::CoreBroke, "an error of a known kind"),
    }
}

fn bundle(error: &sigstore_verify::bundle::Error) -> (Code, &'static str) {
    use sigstore_verify::bundle::Error as Fault;
    match error {
        Fault::MissingInclusionProof(_) => (Code::LogProof, "an inclusion proof"),
        Fault::MissingInclusionPromise(_) => (Code::LogPromise, "a promise (SET)"),
        Fault::MissingSigningTimeEvidence => (Code::LogNone, "a log entry"),
        Fault::UnsupportedMediaType(_) => (Code::ParseVersion, "a bundle 0.1, 0.2 or 0.3"),
        Fault::UnsupportedVerificationMaterial
        | Fault::CertificateChainNotAllowed(_)
        | Fault::MissingTimestamp
        | Fault::MissingCheckpoint
        | Fault::LogIndexOutOfRange { .. }
        | Fault::CheckpointRootMismatch
        | _ => (Code::ParseField, "a bundle as its version wants it"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_out_of_time_is_said_in_words() {
        let text = "bad: CertExpired { time: UnixTime(1735690201), not_after: UnixTime(1735690200) }";
        let words = "used at 2025-01-01T00:10:01Z, after it expired at 2025-01-01T00:10:00Z";
        assert!(out_of_time(text).unwrap().ends_with(words));
        let text = "bad: CertNotValidYet { time: UnixTime(1735689599), not_before: UnixTime(1735689600) }";
        let words = "used at 2024-12-31T23:59:59Z, before it was valid, from 2025-01-01T00:00:00Z";
        assert!(out_of_time(text).unwrap().ends_with(words));
        for other in ["bad: UnknownIssuer", "bad: CertExpired", "CertExpired UnixTime(x) UnixTime(1)"] {
            assert_eq!(out_of_time(other), None, "{other}");
        }
    }

    #[test]
    fn cve_2026_44310_a_panic_denies() {
        let outcome: Result<(), _> = guarded(|| panic!("on purpose"));
        assert_eq!(outcome.unwrap_err().code, Code::CoreBroke);
    }
}
