//! A Sigstore of one's own, in memory: authority, certificate log, transparency log, and every mistake in them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use perry_sandbox_policy::{Signer, SubjectPattern};
use perry_sandbox_reference::Digest;
use serde_json::{Value, json};
use sigstore_verify::crypto::{KeyPair, sha256};
use sigstore_verify::types::pae;
use std::time::Duration;
use x509_cert::certificate::{Certificate, TbsCertificate, Version};
use x509_cert::der::asn1::{
    BitString, GeneralizedTime, Ia5String, ObjectIdentifier, OctetString, Utf8StringRef,
};
use x509_cert::der::{Decode as _, Encode as _};
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{BasicConstraints, ExtendedKeyUsage, KeyUsage, KeyUsages, SubjectAltName};
use x509_cert::name::Name;
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned};
use x509_cert::time::{Time, Validity};

use crate::kit::{IDENTITY, ISSUER, keyless, root_of};

pub(crate) const SIGN: &str = "https://sigstore.dev/cosign/sign/v1";
const ECDSA_SHA256: &str = "1.2.840.10045.4.3.2";
const SCT_LIST: &str = "1.3.6.1.4.1.11129.2.4.2";
/// 2025-01-01: when everything was signed.
pub(crate) const SIGNED_AT: i64 = 1_735_689_600;
const YEAR: i64 = 365 * 86_400;

pub(crate) fn oid(text: &str) -> ObjectIdentifier {
    ObjectIdentifier::new(text).unwrap()
}

/// An instance: an authority with an intermediate, a certificate log, and a transparency log of version 1.
pub(crate) struct Pki {
    root: KeyPair,
    intermediate: KeyPair,
    ct: KeyPair,
    pub(crate) log: KeyPair,
    pub(crate) leaf: KeyPair,
    /// When the intermediate is valid, seconds since 1970.
    pub(crate) intermediate_valid: (i64, i64),
    /// When the root is valid.
    pub(crate) root_valid: (i64, i64),
    /// What the leaf's extensions are, but for the SCT.
    pub(crate) extensions: Vec<Extension>,
    /// Whether the leaf gets an SCT.
    pub(crate) sct: bool,
    /// The integrated time.
    pub(crate) logged_at: i64,
    /// The statement's `_type`.
    pub(crate) statement_type: String,
    /// Whether entries are of the older kind `intoto`.
    pub(crate) intoto: bool,
    /// The log's window in the trust root.
    pub(crate) log_valid_until: Option<i64>,
}

impl Pki {
    pub(crate) fn new() -> Self {
        let key = || KeyPair::generate_ecdsa_p256().unwrap();
        Self {
            root: key(),
            intermediate: key(),
            ct: key(),
            log: key(),
            leaf: key(),
            intermediate_valid: (SIGNED_AT - YEAR, SIGNED_AT + YEAR),
            root_valid: (SIGNED_AT - YEAR, SIGNED_AT + YEAR),
            extensions: leaf_extensions(),
            sct: true,
            logged_at: SIGNED_AT + 10,
            statement_type: "https://in-toto.io/Statement/v1".to_owned(),
            intoto: false,
            log_valid_until: None,
        }
    }

    pub(crate) fn signer(&self) -> Signer {
        keyless(
            "acme",
            ISSUER,
            SubjectPattern::Exact(IDENTITY.to_owned()),
            root_of(self.trusted_root().to_string()),
        )
    }

    pub(crate) fn trusted_root(&self) -> Value {
        let b64 = |der: &[u8]| STANDARD.encode(der);
        let start = json!({"start": "2020-01-01T00:00:00Z"});
        let log = |key: &KeyPair, url: &str, window: Value| {
            let spki = spki(key);
            json!({
                "baseUrl": url, "hashAlgorithm": "SHA2_256", "logId": {"keyId": b64(sha256(&spki).as_bytes())},
                "publicKey": {"rawBytes": b64(&spki), "keyDetails": "PKIX_ECDSA_P256_SHA_256", "validFor": window},
            })
        };
        let mut window = start.clone();
        if let Some(end) = self.log_valid_until {
            window["end"] = json!(Timestamp::from_second(end).unwrap().to_string());
        }
        let chain = [self.intermediate_certificate(), self.root_certificate()];
        let chain: Vec<_> = chain.iter().map(|der| json!({"rawBytes": b64(der)})).collect();
        json!({
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": [log(&self.log, "https://rekor.test", window)],
            "ctlogs": [log(&self.ct, "https://ct.test", start.clone())],
            "certificateAuthorities": [{"uri": "https://fulcio.test", "certChain": {"certificates": chain}, "validFor": start}],
            "timestampAuthorities": [],
        })
    }

    fn root_certificate(&self) -> Vec<u8> {
        certificate("root", "root", &self.root, &self.root, self.root_valid, authority_extensions())
    }

    fn intermediate_certificate(&self) -> Vec<u8> {
        certificate(
            "intermediate",
            "root",
            &self.intermediate,
            &self.root,
            self.intermediate_valid,
            authority_extensions(),
        )
    }

    pub(crate) fn leaf_certificate(&self) -> Vec<u8> {
        let valid = (SIGNED_AT, SIGNED_AT + 600);
        let make = |extensions| {
            certificate("leaf", "intermediate", &self.leaf, &self.intermediate, valid, extensions)
        };
        if !self.sct {
            return make(self.extensions.clone());
        }
        let bare = Certificate::from_der(&make(self.extensions.clone())).unwrap();
        let tbs = bare.tbs_certificate.to_der().unwrap();
        let mut extensions = self.extensions.clone();
        extensions.push(self.sct_extension(&tbs));
        make(extensions)
    }

    /// RFC 6962 by hand: version 1, one SCT, no extensions.
    fn sct_extension(&self, tbs: &[u8]) -> Extension {
        let time = u64::try_from(SIGNED_AT * 1000).unwrap().to_be_bytes();
        let issuer = sha256(&spki(&self.intermediate));
        let length = u32::try_from(tbs.len()).unwrap().to_be_bytes();
        let signed =
            [&[0, 0], time.as_slice(), &[0, 1], issuer.as_bytes(), &length[1..], tbs, &[0, 0]].concat();
        let signature = self.ct.sign(&signed).unwrap();
        let id = sha256(&spki(&self.ct));
        let sized = |bytes: &[u8]| [&u16::try_from(bytes.len()).unwrap().to_be_bytes(), bytes].concat();
        let sct =
            [&[0], id.as_bytes().as_slice(), &time, &[0, 0, 4, 3], &sized(signature.as_bytes())].concat();
        let list = OctetString::new(sized(&sized(&sct))).unwrap();
        extension(SCT_LIST, false, list.to_der().unwrap())
    }

    /// A bundle 0.3 with a statement of this predicate type over these subjects.
    pub(crate) fn bundle(&self, predicate: &str, subjects: &Value) -> Value {
        self.bundle_over(self.statement(predicate, subjects).as_bytes())
    }

    /// A bundle 0.3 with an envelope over any payload.
    pub(crate) fn bundle_over(&self, payload: &[u8]) -> Value {
        let certificate = self.leaf_certificate();
        let pem = sigstore_verify::types::DerCertificate::new(certificate.clone()).to_pem();
        self.assemble(payload, &pem, &json!({"certificate": {"rawBytes": STANDARD.encode(&certificate)}}))
    }

    /// A bundle 0.3 by the leaf's key alone, with a log entry for that key.
    pub(crate) fn key_bundle(&self, subjects: &Value) -> Value {
        let payload = self.statement(SIGN, subjects);
        self.assemble(payload.as_bytes(), &self.leaf_pem(), &json!({"publicKey": {"hint": "any"}}))
    }

    /// The leaf's key as a managed key.
    pub(crate) fn leaf_pem(&self) -> String {
        self.leaf.public_key_der().unwrap().to_pem()
    }

    fn statement(&self, predicate: &str, subjects: &Value) -> String {
        let kind = &self.statement_type;
        json!({"_type": kind, "subject": subjects, "predicateType": predicate, "predicate": {}}).to_string()
    }

    fn assemble(&self, payload: &[u8], verifier: &str, material: &Value) -> Value {
        let kind = "application/vnd.in-toto+json";
        let signature = self.leaf.sign(&pae(kind, payload)).unwrap().to_base64();
        let body = self.body(payload, &signature, verifier);
        let mut material = material.clone();
        material["tlogEntries"] = json!([self.entry(&body)]);
        json!({
            "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
            "verificationMaterial": material,
            "dsseEnvelope": {
                "payload": STANDARD.encode(payload), "payloadType": kind, "signatures": [{"sig": signature}],
            },
        })
    }

    /// What the log keeps of an envelope: `dsse` 0.0.1, or `intoto` 0.0.2 as older clients asked for.
    fn body(&self, payload: &[u8], signature: &str, verifier: &str) -> Value {
        let hash = json!({"algorithm": "sha256", "value": Digest::of(payload).hex()});
        let verifier = STANDARD.encode(verifier);
        if !self.intoto {
            let signatures = json!([{"signature": signature, "verifier": verifier}]);
            let spec = json!({"envelopeHash": hash, "payloadHash": hash, "signatures": signatures});
            return json!({"apiVersion": "0.0.1", "kind": "dsse", "spec": spec});
        }
        // This kind encodes the signature twice.
        let signatures = json!([{"sig": STANDARD.encode(signature), "publicKey": verifier}]);
        let envelope = json!({"payloadType": "application/vnd.in-toto+json", "signatures": signatures});
        let content = json!({"envelope": envelope, "hash": hash, "payloadHash": hash});
        json!({"apiVersion": "0.0.2", "kind": "intoto", "spec": {"content": content}})
    }

    /// What cosign 2's `attest` stores: the envelope, and annotations with certificate and log entry.
    pub(crate) fn legacy_attestation(&self, predicate: &str, subjects: &Value) -> (String, Value) {
        let bundle = self.bundle(predicate, subjects);
        let entry = &bundle["verificationMaterial"]["tlogEntries"][0];
        let set = json!({
            "SignedEntryTimestamp": entry["inclusionPromise"]["signedEntryTimestamp"],
            "Payload": {
                "body": entry["canonicalizedBody"], "integratedTime": self.logged_at, "logIndex": 0,
                "logID": Digest::of(&spki(&self.log)).hex(),
            },
        });
        let der = bundle["verificationMaterial"]["certificate"]["rawBytes"].as_str().unwrap();
        let pem = sigstore_verify::types::DerCertificate::from_base64(der).unwrap().to_pem();
        let annotations = json!({
            "dev.cosignproject.cosign/signature": "", "predicateType": predicate,
            "dev.sigstore.cosign/certificate": pem, "dev.sigstore.cosign/bundle": set.to_string(),
        });
        (bundle["dsseEnvelope"].to_string(), annotations)
    }

    /// An entry of a log that has only this one.
    fn entry(&self, body: &Value) -> Value {
        let kind = json!({"kind": body["kind"], "version": body["apiVersion"]});
        let body = body.to_string().into_bytes();
        let body = body.as_slice();
        let id = sha256(&spki(&self.log));
        let payload = json!({
            "body": STANDARD.encode(body), "integratedTime": self.logged_at,
            "logID": Digest::of(&spki(&self.log)).hex(), "logIndex": 0,
        });
        // serde_json's maps are sorted, and this has no numbers that RFC 8785 writes in another way.
        let promise = self.log.sign(payload.to_string().as_bytes()).unwrap();
        let root = sha256(&[&[0], body].concat());
        let note = format!("rekor.test - 1\n1\n{}\n", root.to_base64());
        let signature = self.log.sign(note.as_bytes()).unwrap();
        let line = STANDARD.encode([&id.as_bytes()[..4], signature.as_bytes()].concat());
        json!({
            "logIndex": "0", "logId": {"keyId": id.to_base64()},
            "kindVersion": kind, "integratedTime": self.logged_at.to_string(),
            "inclusionPromise": {"signedEntryTimestamp": promise.to_base64()},
            "inclusionProof": {
                "logIndex": "0", "rootHash": root.to_base64(), "treeSize": "1", "hashes": [],
                "checkpoint": {"envelope": format!("{note}\n— rekor.test {line}\n")},
            },
            "canonicalizedBody": STANDARD.encode(body),
        })
    }
}

pub(crate) fn spki(key: &KeyPair) -> Vec<u8> {
    key.public_key_der().unwrap().into_bytes()
}

/// One subject with one SHA-256 digest.
pub(crate) fn subject(digest: &Digest) -> Value {
    json!([{"digest": {"sha256": digest.hex()}}])
}

pub(crate) fn extension(id: &str, critical: bool, der: Vec<u8>) -> Extension {
    Extension { extn_id: oid(id), critical, extn_value: OctetString::new(der).unwrap() }
}

pub(crate) fn names(names: Vec<GeneralName>) -> Extension {
    extension("2.5.29.17", true, SubjectAltName(names).to_der().unwrap())
}

pub(crate) fn uri(text: &str) -> GeneralName {
    GeneralName::UniformResourceIdentifier(Ia5String::new(text).unwrap())
}

pub(crate) fn email(text: &str) -> GeneralName {
    GeneralName::Rfc822Name(Ia5String::new(text).unwrap())
}

pub(crate) fn key_usage(usages: KeyUsages) -> Extension {
    extension("2.5.29.15", true, KeyUsage(usages.into()).to_der().unwrap())
}

/// One of Fulcio's own extensions.
pub(crate) fn claim(number: u32, text: &str) -> Extension {
    let der = Utf8StringRef::new(text).unwrap().to_der().unwrap();
    extension(&format!("1.3.6.1.4.1.57264.1.{number}"), false, der)
}

pub(crate) fn basic_constraints(ca: bool) -> Extension {
    let der = BasicConstraints { ca, path_len_constraint: None }.to_der().unwrap();
    extension("2.5.29.19", true, der)
}

pub(crate) fn leaf_extensions() -> Vec<Extension> {
    let code_signing = ExtendedKeyUsage(vec![oid("1.3.6.1.5.5.7.3.3")]);
    vec![
        key_usage(KeyUsages::DigitalSignature),
        extension("2.5.29.37", false, code_signing.to_der().unwrap()),
        names(vec![uri(IDENTITY)]),
        claim(8, ISSUER),
    ]
}

fn authority_extensions() -> Vec<Extension> {
    vec![basic_constraints(true), key_usage(KeyUsages::KeyCertSign)]
}

fn certificate(
    subject: &str,
    issuer: &str,
    key: &KeyPair,
    signer: &KeyPair,
    valid: (i64, i64),
    extensions: Vec<Extension>,
) -> Vec<u8> {
    let time = |seconds: i64| {
        let since = Duration::from_secs(u64::try_from(seconds).unwrap());
        Time::GeneralTime(GeneralizedTime::from_unix_duration(since).unwrap())
    };
    let name = |text: &str| format!("CN={text}").parse::<Name>().unwrap();
    let algorithm = AlgorithmIdentifierOwned { oid: oid(ECDSA_SHA256), parameters: None };
    let tbs_certificate = TbsCertificate {
        version: Version::V3,
        serial_number: SerialNumber::new(&[1]).unwrap(),
        signature: algorithm.clone(),
        issuer: name(issuer),
        validity: Validity { not_before: time(valid.0), not_after: time(valid.1) },
        subject: name(subject),
        subject_public_key_info: SubjectPublicKeyInfoOwned::from_der(&spki(key)).unwrap(),
        issuer_unique_id: None,
        subject_unique_id: None,
        extensions: Some(extensions),
    };
    let signature = signer.sign(&tbs_certificate.to_der().unwrap()).unwrap();
    let signature = BitString::from_bytes(signature.as_bytes()).unwrap();
    Certificate { tbs_certificate, signature_algorithm: algorithm, signature }.to_der().unwrap()
}
