//! X.509 certificates with any content, right or wrong.

use std::time::Duration;

use x509_cert::certificate::{Certificate, TbsCertificate, Version};
use x509_cert::der::asn1::{BitString, GeneralizedTime, Ia5String, OctetString, UtcTime, Utf8StringRef};
use x509_cert::der::{Decode as _, Encode as _};
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{BasicConstraints, ExtendedKeyUsage, KeyUsage, KeyUsages, SubjectAltName};
use x509_cert::name::Name;
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned};
use x509_cert::time::{Time, Validity};

use super::der::oid;
use super::key::Key;

/// `id-kp-codeSigning`.
pub const CODE_SIGNING: &str = "1.3.6.1.5.5.7.3.3";
/// `id-kp-timeStamping`.
pub const TIME_STAMPING: &str = "1.3.6.1.5.5.7.3.8";

/// What a certificate says, without its key.
#[derive(Debug, Clone)]
pub(crate) struct Template<'a> {
    /// The subject's common name; empty: no name at all.
    pub(crate) subject: &'a str,
    /// The issuer's common name.
    pub(crate) issuer: &'a str,
    pub(crate) serial: u32,
    /// When it is valid, seconds since 1970.
    pub(crate) valid: (i64, i64),
    pub(crate) extensions: Vec<Extension>,
}

impl Template<'_> {
    /// The certificate in DER, for the holder of this public key, signed by this key.
    pub(crate) fn issue(&self, spki: &[u8], signer: &Key) -> Vec<u8> {
        let algorithm = AlgorithmIdentifierOwned { oid: oid(signer.algorithm()), parameters: None };
        let tbs_certificate = TbsCertificate {
            version: Version::V3,
            serial_number: SerialNumber::new(&self.serial.to_be_bytes()).expect("a serial number"),
            signature: algorithm.clone(),
            issuer: name(self.issuer),
            validity: Validity { not_before: time(self.valid.0), not_after: time(self.valid.1) },
            subject: name(self.subject),
            subject_public_key_info: SubjectPublicKeyInfoOwned::from_der(spki).expect("a public key"),
            issuer_unique_id: None,
            subject_unique_id: None,
            extensions: Some(self.extensions.clone()),
        };
        let signature = signer.sign_once(&tbs_certificate.to_der().expect("encoded"));
        let signature = BitString::from_bytes(&signature).expect("a bit string");
        Certificate { tbs_certificate, signature_algorithm: algorithm, signature }.to_der().expect("encoded")
    }
}

pub(crate) fn name(common: &str) -> Name {
    if common.is_empty() {
        return Name::default();
    }
    format!("CN={common}").parse().expect("a name")
}

fn time(seconds: i64) -> Time {
    let since = Duration::from_secs(u64::try_from(seconds).expect("after 1970"));
    // RFC 5280 wants the short form up to 2049; Go writes it when it rebuilds a certificate to check its SCT.
    match UtcTime::from_unix_duration(since) {
        Ok(time) => Time::UtcTime(time),
        Err(_) => Time::GeneralTime(GeneralizedTime::from_unix_duration(since).expect("before 9999")),
    }
}

/// The part of a certificate that is signed.
pub(crate) fn to_be_signed(der: &[u8]) -> Vec<u8> {
    Certificate::from_der(der).expect("a certificate").tbs_certificate.to_der().expect("encoded")
}

/// Any extension.
pub fn extension(id: &str, critical: bool, der: Vec<u8>) -> Extension {
    Extension { extn_id: oid(id), critical, extn_value: OctetString::new(der).expect("short enough") }
}

/// The subject's alternative names.
pub fn names(names: Vec<GeneralName>) -> Extension {
    extension("2.5.29.17", true, SubjectAltName(names).to_der().expect("encoded"))
}

/// A URI as a name.
pub fn uri(text: &str) -> GeneralName {
    GeneralName::UniformResourceIdentifier(Ia5String::new(text).expect("ASCII"))
}

/// An email address as a name.
pub fn email(text: &str) -> GeneralName {
    GeneralName::Rfc822Name(Ia5String::new(text).expect("ASCII"))
}

/// What the key may be used for.
pub fn key_usage(usages: KeyUsages) -> Extension {
    extension("2.5.29.15", true, KeyUsage(usages.into()).to_der().expect("encoded"))
}

/// What the key may be used for, in the extended form.
pub fn extended_key_usage(critical: bool, ids: &[&str]) -> Extension {
    let usages = ExtendedKeyUsage(ids.iter().map(|id| oid(id)).collect());
    extension("2.5.29.37", critical, usages.to_der().expect("encoded"))
}

/// One of Fulcio's own extensions, as it writes those from 8 on: a DER `UTF8String`.
pub fn claim(number: u32, text: &str) -> Extension {
    bare_claim(number, &Utf8StringRef::new(text).expect("text").to_der().expect("encoded"))
}

/// One of Fulcio's own extensions, as it writes those from 1 to 6: bare text, or whatever else.
pub fn bare_claim(number: u32, value: &[u8]) -> Extension {
    extension(&format!("1.3.6.1.4.1.57264.1.{number}"), false, value.to_vec())
}

/// The issuer as Fulcio first wrote it. cosign 2.5.0 reads this one only.
pub fn old_issuer(text: &str) -> Extension {
    bare_claim(1, text.as_bytes())
}

/// Whether it is an authority's certificate.
pub fn basic_constraints(ca: bool) -> Extension {
    let der = BasicConstraints { ca, path_len_constraint: None }.to_der().expect("encoded");
    extension("2.5.29.19", true, der)
}

/// What an authority's certificate says.
pub(crate) fn authority_extensions() -> Vec<Extension> {
    vec![basic_constraints(true), key_usage(KeyUsages::KeyCertSign)]
}

/// What Fulcio writes into a leaf with this name and issuer, but for the SCT.
pub fn leaf_extensions(subject: GeneralName, issuer: &str) -> Vec<Extension> {
    vec![
        key_usage(KeyUsages::DigitalSignature),
        extended_key_usage(false, &[CODE_SIGNING]),
        names(vec![subject]),
        claim(8, issuer),
    ]
}
