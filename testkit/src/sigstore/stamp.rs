//! A time-stamp authority by RFC 3161.

use jiff::Timestamp;
use x509_cert::der::Encode as _;
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::KeyUsages;

use super::certificate::{
    TIME_STAMPING, Template, authority_extensions, extended_key_usage, key_usage, name,
};
use super::der::{oid_der, sha256, tlv};
use super::key::Key;

/// cosign 2.5.0 holds the authority's certificates against the present time, so they last.
const LONG: i64 = 10 * 365 * 86_400;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const INTEGER: u8 = 0x02;
const OCTETS: u8 = 0x04;
const SIGNED_DATA: &str = "1.2.840.113549.1.7.2";
const STAMP_INFO: &str = "1.2.840.113549.1.9.16.1.4";

/// A time-stamp authority: a root, and the certificate that signs.
#[derive(Debug)]
pub struct Tsa {
    /// The key that signs tokens.
    pub key: Key,
    /// The root's key.
    pub root: Key,
    /// When the signing certificate is valid, seconds since 1970.
    pub valid: (i64, i64),
    /// When the root is valid.
    pub root_valid: (i64, i64),
    /// The signing certificate's extensions.
    pub extensions: Vec<Extension>,
    /// Whether tokens carry the signing certificate.
    pub embed: bool,
    /// What follows the seconds in tokens, such as `.5`.
    pub fraction: String,
}

impl Tsa {
    /// An authority that is valid long before and after this time.
    pub fn new(around: i64) -> Self {
        Self {
            key: Key::p256(),
            root: Key::p256(),
            valid: (around - LONG, around + LONG),
            root_valid: (around - LONG, around + LONG),
            extensions: vec![
                key_usage(KeyUsages::DigitalSignature),
                extended_key_usage(true, &[TIME_STAMPING]),
            ],
            embed: false,
            fraction: String::new(),
        }
    }

    /// The signing certificate.
    pub fn certificate(&self) -> Vec<u8> {
        let template = Template {
            subject: "stamp.test",
            issuer: "stamp-root.test",
            serial: 2,
            valid: self.valid,
            extensions: self.extensions.clone(),
        };
        template.issue(&self.key.spki(), &self.root)
    }

    /// The root's certificate.
    pub fn root_certificate(&self) -> Vec<u8> {
        let template = Template {
            subject: "stamp-root.test",
            issuer: "stamp-root.test",
            serial: 1,
            valid: self.root_valid,
            extensions: authority_extensions(),
        };
        template.issue(&self.root.spki(), &self.root)
    }

    /// An answer with a token that these bytes existed at this time.
    pub fn stamp(&self, message: &[u8], at: i64) -> Vec<u8> {
        self.reply(&imprint(message), None, at)
    }

    /// The answer to a query.
    ///
    /// # Panics
    /// The query is none.
    pub fn answer(&self, query: &[u8], at: i64) -> Vec<u8> {
        let mut parts = children(children(query)[0].1);
        assert_eq!(parts.remove(0).0, INTEGER, "a version");
        let (_, imprint) = parts.remove(0);
        let nonce = parts.iter().find(|(tag, _)| *tag == INTEGER).map(|(_, nonce)| tlv(INTEGER, &[nonce]));
        self.reply(&tlv(SEQUENCE, &[imprint]), nonce.as_deref(), at)
    }

    fn reply(&self, imprint: &[u8], nonce: Option<&[u8]>, at: i64) -> Vec<u8> {
        let when = Timestamp::from_second(at).expect("a time").strftime("%Y%m%d%H%M%S").to_string();
        let time = tlv(0x18, &[format!("{when}{}Z", self.fraction).as_bytes()]);
        let accuracy = tlv(SEQUENCE, &[&tlv(INTEGER, &[&[1]])]);
        let serial = tlv(INTEGER, &[&[1, 2, 3]]);
        let info = tlv(
            SEQUENCE,
            &[
                &tlv(INTEGER, &[&[1]]),
                &oid_der("1.3.6.1.4.1.57264.2"),
                imprint,
                &serial,
                &time,
                &accuracy,
                nonce.unwrap_or_default(),
            ],
        );
        let granted = tlv(SEQUENCE, &[&tlv(INTEGER, &[&[0]])]);
        tlv(SEQUENCE, &[&granted, &self.token(&info)])
    }

    /// The signed message around a token's content.
    fn token(&self, info: &[u8]) -> Vec<u8> {
        let sha = algorithm("2.16.840.1.101.3.4.2.1");
        let certificate = self.certificate();
        let content = tlv(SEQUENCE, &[&oid_der(STAMP_INFO), &tlv(0xa0, &[&tlv(OCTETS, &[info])])]);
        let embedded = if self.embed { tlv(0xa0, &[&certificate]) } else { Vec::new() };
        let signed_by =
            tlv(SEQUENCE, &[&name("stamp-root.test").to_der().expect("encoded"), &tlv(INTEGER, &[&[2]])]);
        let mut attributes = [
            attribute("1.2.840.113549.1.9.3", &oid_der(STAMP_INFO)),
            attribute("1.2.840.113549.1.9.4", &tlv(OCTETS, &[&sha256(info)])),
            attribute("1.2.840.113549.1.9.16.2.47", &signing_certificate(&certificate)),
        ];
        // DER sorts the members of a set.
        attributes.sort();
        let attributes = attributes.concat();
        // The signature is over the set, which then stands there under another tag.
        let signature = self.key.sign(&tlv(SET, &[&attributes]));
        let signer = tlv(
            SEQUENCE,
            &[
                &tlv(INTEGER, &[&[1]]),
                &signed_by,
                &sha,
                &tlv(0xa0, &[&attributes]),
                &tlv(SEQUENCE, &[&oid_der(self.key.algorithm())]),
                &tlv(OCTETS, &[&signature]),
            ],
        );
        let data = tlv(
            SEQUENCE,
            &[&tlv(INTEGER, &[&[3]]), &tlv(SET, &[&sha]), &content, &embedded, &tlv(SET, &[&signer])],
        );
        tlv(SEQUENCE, &[&oid_der(SIGNED_DATA), &tlv(0xa0, &[&data])])
    }
}

fn imprint(message: &[u8]) -> Vec<u8> {
    tlv(SEQUENCE, &[&algorithm("2.16.840.1.101.3.4.2.1"), &tlv(OCTETS, &[&sha256(message)])])
}

fn algorithm(id: &str) -> Vec<u8> {
    tlv(SEQUENCE, &[&oid_der(id), &[5, 0]])
}

fn attribute(id: &str, value: &[u8]) -> Vec<u8> {
    tlv(SEQUENCE, &[&oid_der(id), &tlv(SET, &[value])])
}

/// RFC 5816: which certificate signed, so that it cannot be exchanged.
fn signing_certificate(certificate: &[u8]) -> Vec<u8> {
    let issuer = tlv(0xa4, &[&name("stamp-root.test").to_der().expect("encoded")]);
    let serial = tlv(SEQUENCE, &[&tlv(SEQUENCE, &[&issuer]), &tlv(INTEGER, &[&[2]])]);
    let id = tlv(SEQUENCE, &[&tlv(OCTETS, &[&sha256(certificate)]), &serial]);
    tlv(SEQUENCE, &[&tlv(SEQUENCE, &[&id])])
}

/// The elements that stand one after the other: tags and contents.
fn children(mut der: &[u8]) -> Vec<(u8, &[u8])> {
    let mut found = Vec::new();
    while let [tag, first, rest @ ..] = der {
        let more = usize::from(if *first & 0x80 == 0 { 0 } else { *first & 0x7f });
        let length = match more {
            0 => usize::from(*first),
            _ => rest[..more].iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)),
        };
        let (content, after) = rest[more..].split_at(length);
        found.push((*tag, content));
        der = after;
    }
    found
}
