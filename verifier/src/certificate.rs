//! What the core leaves open about a leaf certificate: its usage, its one name, its one issuer.

use perry_sandbox_policy::serial_text;
use perry_sandbox_reference::Digest;
use sigstore_verify::crypto::{KeyAlgorithm, SubjectAltName, parse_certificate_info};
use sigstore_verify::types::DerCertificate;
use x509_cert::Certificate;
use x509_cert::der::asn1::{ObjectIdentifier, Utf8StringRef};
use x509_cert::der::{Decode as _, Encode as _};
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectAltName as SubjectNames};

use crate::codes::Code;
use crate::finding::Finding;
use crate::identity::Holder;

const ISSUER: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.57264.1.8");
const ISSUER_OLD: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.57264.1.1");
const CODE_SIGNING: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.3");

/// Checks a leaf's form and gives who it says holds it, and the kind of its key. The chain is the core's to check.
pub(crate) fn read(der: &DerCertificate) -> Result<(Holder, KeyAlgorithm), Finding> {
    let malformed = |found: String| Finding::new(Code::CertMalformed, found, "an X.509 certificate");
    let certificate = Certificate::from_der(der.as_bytes()).map_err(|error| malformed(error.to_string()))?;
    let extensions = certificate.tbs_certificate.extensions.as_deref().unwrap_or_default();
    let repeated = extensions
        .iter()
        .enumerate()
        .find(|(at, it)| extensions.iter().take(*at).any(|before| before.extn_id == it.extn_id));
    if let Some((_, extension)) = repeated {
        return Err(malformed(format!("the extension {} twice", extension.extn_id)));
    }
    usage(&certificate)?;
    let subject = subject(&certificate)?;
    let issuer = issuer(extensions)?;
    let facts = parse_certificate_info(der).map_err(|error| malformed(error.to_string()))?;
    // One certificate read by two readers must say the same to both.
    if facts.identity.as_ref().map(SubjectAltName::as_str) != Some(subject.as_str())
        || facts.issuer.as_deref() != Some(issuer.as_str())
    {
        return Err(malformed("a name that two readers read differently".to_owned()));
    }
    let tbs = &certificate.tbs_certificate;
    let spki = tbs.subject_public_key_info.to_der().map_err(|error| malformed(error.to_string()))?;
    let serial = serial(tbs.serial_number.as_bytes());
    let holder = Holder { issuer, subject, claims: facts.ci_claims, serial, key: Digest::of(&spki) };
    Ok((holder, facts.key_algorithm))
}

/// A serial number as the deny list compares it.
fn serial(bytes: &[u8]) -> String {
    let nibbles = bytes.iter().flat_map(|byte| [byte >> 4, byte & 0xf]);
    let hex: String = nibbles.filter_map(|nibble| char::from_digit(u32::from(nibble), 16)).collect();
    serial_text(&hex).unwrap_or(hex)
}

fn usage(certificate: &Certificate) -> Result<(), Finding> {
    let wrong =
        |found: &str| Finding::new(Code::CertUsage, found, "digitalSignature, codeSigning, not an authority");
    let malformed = |_| wrong("a malformed extension");
    let tbs = &certificate.tbs_certificate;
    let authority = tbs.get::<BasicConstraints>().map_err(malformed)?.is_some_and(|(_, it)| it.ca);
    if authority {
        return Err(wrong("an authority's certificate"));
    }
    let (_, usage) = tbs.get::<KeyUsage>().map_err(malformed)?.ok_or_else(|| wrong("no key usage"))?;
    if !usage.digital_signature() {
        return Err(wrong("a key usage without digitalSignature"));
    }
    if usage.key_cert_sign() || usage.crl_sign() {
        return Err(wrong("a key usage for signing certificates"));
    }
    let extended = tbs.get::<ExtendedKeyUsage>().map_err(malformed)?;
    let (_, extended) = extended.ok_or_else(|| wrong("no extended key usage"))?;
    if !extended.0.contains(&CODE_SIGNING) {
        return Err(wrong("an extended key usage without codeSigning"));
    }
    Ok(())
}

/// The only subject alternative name, whose kind must go with its form.
// SECURITY: the core and cosign each pick one of several names, and not the same one.
fn subject(certificate: &Certificate) -> Result<String, Finding> {
    let wrong = |found: &str| Finding::new(Code::CertName, found, "exactly one URI or email address");
    let names = certificate.tbs_certificate.get::<SubjectNames>().map_err(|_| wrong("malformed names"))?;
    let (_, names) = names.ok_or_else(|| wrong("no name"))?;
    match names.0.as_slice() {
        [GeneralName::UniformResourceIdentifier(uri)] if uri.as_str().contains("://") => Ok(uri.to_string()),
        [GeneralName::Rfc822Name(email)]
            if email.as_str().contains('@') && !email.as_str().contains("://") =>
        {
            Ok(email.to_string())
        }
        [_] => Err(wrong("a name of another kind, or one that does not look like its kind")),
        many => Err(wrong(&format!("{} names", many.len()))),
    }
}

/// The OIDC issuer, which old and new extension must agree on.
fn issuer(extensions: &[Extension]) -> Result<String, Finding> {
    let wrong = |found: &str| Finding::new(Code::IdTwoIssuers, found, "one issuer");
    let find = |oid| extensions.iter().find(|it| it.extn_id == oid).map(|it| it.extn_value.as_bytes());
    let new = find(ISSUER).map(|der| {
        Utf8StringRef::from_der(der)
            .map(|text| text.as_str().to_owned())
            .map_err(|_| wrong("a malformed issuer"))
    });
    // The old extension holds bare text; some authorities wrapped it all the same, and the core reads both.
    let old = find(ISSUER_OLD).map(|bytes| match Utf8StringRef::from_der(bytes) {
        Ok(text) => Ok(text.as_str().to_owned()),
        Err(_) => std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| wrong("a malformed issuer")),
    });
    match (new.transpose()?, old.transpose()?) {
        (Some(new), Some(old)) if new != old => Err(wrong(&format!("{new} and {old}"))),
        (Some(issuer), _) | (None, Some(issuer)) if !issuer.is_empty() => Ok(issuer),
        _ => Err(wrong("none")),
    }
}
