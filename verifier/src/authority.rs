//! Which authorities of the trust root vouched for a signature that was verified, as the trust root names them.
//!
//! The core says that one of them did, and not which. Where only one could have, it did; else the core is asked again
//! with each by itself. Nothing here is taken from the message, and nothing here decides.

use jiff::Timestamp;
use perry_sandbox_policy::Authority;
use sigstore_verify::trust_root::{CertificateAuthority, TimestampAuthority};
use sigstore_verify::tsa::verify_timestamp_for_authority;
use sigstore_verify::types::{Artifact, Bundle, SignatureContent};
use sigstore_verify::{Policy, Verifier};

use crate::core;
use crate::finding::shown;
use crate::root::PreparedRoot;

/// Authorities that are tried, of each kind.
const MOST_TRIED: usize = 32;

/// The authority under which alone the certificate's chain holds at all of these times.
pub(crate) fn of_certificate(
    root: &PreparedRoot,
    artifact: &Artifact<'_>,
    bundle: &Bundle,
    policy: &dyn Policy,
    times: &[Timestamp],
) -> Option<Authority> {
    // One whose window holds none of the times was no anchor for the core.
    let open = |ca: &&CertificateAuthority| {
        ca.valid_for.is_none_or(|range| times.iter().any(|time| range.contains(*time)))
    };
    let open: Vec<_> = root.material.certificate_authorities.iter().filter(open).collect();
    let found = if let [only] = open.as_slice() {
        only
    } else {
        open.into_iter().take(MOST_TRIED).find(|ca| {
            let mut alone = root.material.clone();
            alone.certificate_authorities = vec![(*ca).clone()];
            let verifier = Verifier::new(&alone);
            verifier.is_ok_and(|verifier| core::run(&verifier, artifact.clone(), bundle, policy).is_ok())
        })?
    };
    named(found.subject.organization.as_deref(), found.subject.common_name.as_deref(), Some(&found.uri))
}

/// The authority of each time stamp, in the bundle's order.
pub(crate) fn of_stamps(root: &PreparedRoot, bundle: &Bundle) -> Vec<Option<Authority>> {
    let known = &root.material.timestamp_authorities;
    let name = |tsa: &TimestampAuthority| {
        let subject = &tsa.subject;
        named(subject.organization.as_deref(), subject.common_name.as_deref(), tsa.uri.as_deref())
    };
    let stamps = &bundle.verification_material.timestamp_verification_data.rfc3161_timestamps;
    if let [only] = known.as_slice() {
        return vec![name(only); stamps.len()];
    }
    let signature = match &bundle.content {
        SignatureContent::MessageSignature(message) => &message.signature,
        SignatureContent::DsseEnvelope(envelope) => &envelope.signature.sig,
        _ => return vec![None; stamps.len()],
    };
    let each: Vec<_> = known
        .iter()
        .take(MOST_TRIED)
        .filter_map(|tsa| {
            let mut alone = root.material.clone();
            alone.timestamp_authorities = vec![tsa.clone()];
            Some((tsa, alone.tsa_authorities().pop()?))
        })
        .collect();
    stamps
        .iter()
        .map(|stamp| {
            let by = |(_, authority): &&(_, _)| {
                verify_timestamp_for_authority(&stamp.signed_timestamp, signature, authority).is_ok()
            };
            each.iter().find(by).and_then(|(tsa, _)| name(tsa))
        })
        .collect()
}

/// A name without what drives terminals, and short; nothing where the trust root gives none.
fn named(organization: Option<&str>, common_name: Option<&str>, uri: Option<&str>) -> Option<Authority> {
    let text = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(shown);
    let authority =
        Authority { organization: text(organization), common_name: text(common_name), uri: text(uri) };
    (authority != Authority::default()).then_some(authority)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_drive_a_terminal_nor_fill_it() {
        let hostile = format!("a\u{1b}[2J\n\u{202e}{}", "b".repeat(1000));
        let name = named(Some(&hostile), None, Some("")).unwrap();
        let organization = name.organization.unwrap();
        assert!(organization.starts_with("a\\u{1b}[2J\\n\\u{202e}b"), "{organization}");
        assert!(organization.chars().count() < 300 && organization.ends_with('…'));
        assert_eq!((name.common_name, name.uri), (None, None));
        assert_eq!(named(None, Some(""), None), None);
    }
}
