//! An instance: authority, certificate log, two transparency logs, time-stamp authority, and every mistake in them.

use serde_json::{Value, json};
use x509_cert::der::Encode as _;
use x509_cert::der::asn1::OctetString;
use x509_cert::ext::Extension;

use super::certificate::{Template, authority_extensions, extension, leaf_extensions, to_be_signed, uri};
use super::der::{b64, sha256, tlv};
use super::key::Key;
use super::log::Log;
use super::stamp::Tsa;

/// The name in the certificates, unless a test wants another.
pub const IDENTITY: &str = "https://github.com/acme/app/.github/workflows/release.yml@refs/heads/main";
/// Who vouches for that name.
pub const ISSUER: &str = "https://token.actions.example.test";
/// 2025-01-01: when everything was signed, unless a test wants another time.
pub const SIGNED_AT: i64 = 1_735_689_600;

const YEAR: i64 = 365 * 86_400;
const SCT_LIST: &str = "1.3.6.1.4.1.11129.2.4.2";

/// Which proofs a bundle carries beside its certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proofs {
    /// An entry of the log of version 1, whose promise is the time.
    V1,
    /// The same, and a time stamp.
    V1Stamped,
    /// An entry of the log of version 2, and a time stamp.
    V2,
}

/// An instance of Sigstore. Every field may be made wrong before something is signed.
#[derive(Debug)]
pub struct Sigstore {
    /// The authority's root.
    pub root: Key,
    /// The authority that signs leaves.
    pub intermediate: Key,
    /// The certificate log.
    pub ct: Key,
    /// Signs the certificates' time stamps instead of the certificate log.
    pub foreign_ct: Option<Key>,
    /// The log of version 1.
    pub log: Log,
    /// The log of version 2.
    pub tiled: Log,
    /// The time-stamp authority.
    pub tsa: Tsa,
    /// The signer's key.
    pub leaf: Key,
    /// When things are signed, seconds since 1970.
    pub signed_at: i64,
    /// When the leaf is valid, counted from then.
    pub leaf_valid: (i64, i64),
    /// The leaf's serial number.
    pub serial: u32,
    /// When the intermediate is valid, seconds since 1970.
    pub intermediate_valid: (i64, i64),
    /// The intermediate's extensions.
    pub intermediate_extensions: Vec<Extension>,
    /// When the root is valid.
    pub root_valid: (i64, i64),
    /// What the leaf's extensions are, but for the SCT.
    pub extensions: Vec<Extension>,
    /// Whether the leaf gets an SCT.
    pub sct: bool,
    /// The time in the SCT.
    pub sct_at: i64,
    /// The integrated time.
    pub logged_at: i64,
    /// The time in time stamps.
    pub stamped_at: i64,
    /// The statement's `_type`.
    pub statement_type: String,
    /// Whether entries are of the older kind `intoto`.
    pub intoto: bool,
    /// What bundles carry.
    pub proofs: Proofs,
    /// The log's window in the trust root.
    pub log_valid_until: Option<i64>,
}

impl Default for Sigstore {
    fn default() -> Self {
        Self::at(SIGNED_AT)
    }
}

impl Sigstore {
    /// An instance in which everything is in order, and signed at this time.
    pub fn at(signed_at: i64) -> Self {
        let around = (signed_at - YEAR, signed_at + YEAR);
        Self {
            root: Key::p256(),
            intermediate: Key::p256(),
            ct: Key::p256(),
            foreign_ct: None,
            log: Log::v1("rekor.test"),
            tiled: Log::v2("log2.test"),
            tsa: Tsa::new(signed_at),
            leaf: Key::p256(),
            signed_at,
            leaf_valid: (0, 600),
            serial: 1,
            intermediate_valid: around,
            intermediate_extensions: authority_extensions(),
            root_valid: around,
            extensions: leaf_extensions(uri(IDENTITY), ISSUER),
            sct: true,
            sct_at: signed_at,
            logged_at: signed_at + 10,
            stamped_at: signed_at + 10,
            statement_type: "https://in-toto.io/Statement/v1".to_owned(),
            intoto: false,
            proofs: Proofs::V1,
            log_valid_until: None,
        }
    }

    /// Moves everything that happens at signing to this time.
    pub fn set_time(&mut self, now: i64) {
        self.signed_at = now;
        self.sct_at = now;
        self.logged_at = now;
        self.stamped_at = now;
    }

    /// The authority's root.
    pub fn root_certificate(&self) -> Vec<u8> {
        let template = Template {
            subject: "root",
            issuer: "root",
            serial: 1,
            valid: self.root_valid,
            extensions: authority_extensions(),
        };
        template.issue(&self.root.spki(), &self.root)
    }

    /// The authority that signs leaves.
    pub fn intermediate_certificate(&self) -> Vec<u8> {
        let template = Template {
            subject: "intermediate",
            issuer: "root",
            serial: 1,
            valid: self.intermediate_valid,
            extensions: self.intermediate_extensions.clone(),
        };
        template.issue(&self.intermediate.spki(), &self.root)
    }

    /// The certificate of the signer's key.
    pub fn leaf_certificate(&self) -> Vec<u8> {
        self.certify(&self.leaf.spki())
    }

    /// A leaf for any key.
    pub fn certify(&self, spki: &[u8]) -> Vec<u8> {
        let mut template = Template {
            subject: "",
            issuer: "intermediate",
            serial: self.serial,
            valid: (self.signed_at + self.leaf_valid.0, self.signed_at + self.leaf_valid.1),
            extensions: self.extensions.clone(),
        };
        let bare = template.issue(spki, &self.intermediate);
        if !self.sct {
            return bare;
        }
        template.extensions.push(self.sct_extension(&to_be_signed(&bare)));
        template.issue(spki, &self.intermediate)
    }

    /// RFC 6962 by hand: version 1, one SCT, no extensions.
    fn sct_extension(&self, tbs: &[u8]) -> Extension {
        let key = self.foreign_ct.as_ref().unwrap_or(&self.ct);
        let time = u64::try_from(self.sct_at * 1000).expect("after 1970").to_be_bytes();
        let issuer = sha256(&self.intermediate.spki());
        let length = u32::try_from(tbs.len()).expect("small").to_be_bytes();
        let signed = [&[0, 0], time.as_slice(), &[0, 1], &issuer, &length[1..], tbs, &[0, 0]].concat();
        let signature = key.sign(&signed);
        let id = sha256(&key.spki());
        let sized =
            |bytes: &[u8]| [&u16::try_from(bytes.len()).expect("small").to_be_bytes(), bytes].concat();
        let sct = [&[0], id.as_slice(), &time, &[0, 0, 4, 3], &sized(&signature)].concat();
        let list = OctetString::new(sized(&sized(&sct))).expect("small");
        extension(SCT_LIST, false, list.to_der().expect("encoded"))
    }

    /// The chain above the leaf, nearest first.
    pub fn chain(&self) -> [Vec<u8>; 2] {
        [self.intermediate_certificate(), self.root_certificate()]
    }

    /// A time stamp over these bytes, in DER.
    pub fn stamp(&self, message: &[u8]) -> Vec<u8> {
        self.tsa.stamp(message, self.stamped_at)
    }

    /// The `trusted_root.json` of this instance.
    pub fn trusted_root(&self) -> Value {
        let start = json!({"start": "2020-01-01T00:00:00Z"});
        let mut window = start.clone();
        if let Some(end) = self.log_valid_until {
            let end = jiff::Timestamp::from_second(end).expect("a time");
            window["end"] = json!(end.to_string());
        }
        let chain = |chain: [Vec<u8>; 2]| {
            let list: Vec<_> = chain.iter().map(|der| json!({"rawBytes": b64(der)})).collect();
            json!({"certificates": list})
        };
        let ct = json!({
            "baseUrl": "https://ct.test", "hashAlgorithm": "SHA2_256",
            "logId": {"keyId": b64(sha256(&self.ct.spki()))},
            "publicKey": {
                "rawBytes": b64(self.ct.spki()), "keyDetails": self.ct.details(), "validFor": start,
            },
        });
        json!({
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": [
                self.log.in_root("https://rekor.test", &window),
                self.tiled.in_root("https://log2.test", &window),
            ],
            "ctlogs": [ct],
            "certificateAuthorities": [{
                "subject": {"organization": "test", "commonName": "root"},
                "uri": "https://fulcio.test", "certChain": chain(self.chain()), "validFor": start,
            }],
            "timestampAuthorities": [{
                "subject": {"organization": "test", "commonName": "stamp-root.test"},
                "uri": "https://stamp.test", "validFor": start,
                "certChain": chain([self.tsa.certificate(), self.tsa.root_certificate()]),
            }],
        })
    }

    /// The `signing_config.json` (0.2) for a cosign that reaches all services at this address. It asks for one
    /// log, the one that [`Sigstore::proofs`] names.
    pub fn signing_config(&self, url: &str) -> Value {
        let version = if self.proofs == Proofs::V2 { 2 } else { 1 };
        let service = |version: u32| {
            let window = json!({"start": "2020-01-01T00:00:00Z"});
            json!([{"url": url, "majorApiVersion": version, "validFor": window, "operator": "test"}])
        };
        let any = json!({"selector": "ANY"});
        let mut config = json!({
            "mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json",
            "caUrls": service(1), "oidcUrls": service(1),
            "rekorTlogUrls": service(version), "rekorTlogConfig": any,
        });
        if self.proofs != Proofs::V1 {
            let mut stamps = service(1);
            stamps[0]["url"] = json!(format!("{url}/api/v1/timestamp"));
            config["tsaUrls"] = stamps;
            config["tsaConfig"] = any;
        }
        config
    }

    /// A request for this instance's own time stamp, as clients send it.
    pub fn stamp_query(message: &[u8], nonce: u8) -> Vec<u8> {
        let imprint = tlv(
            0x30,
            &[
                &tlv(0x30, &[&super::der::oid_der("2.16.840.1.101.3.4.2.1"), &[5, 0]]),
                &tlv(4, &[&sha256(message)]),
            ],
        );
        tlv(0x30, &[&tlv(2, &[&[1]]), &imprint, &tlv(2, &[&[nonce]]), &[1, 1, 0xff]])
    }
}
