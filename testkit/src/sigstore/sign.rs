//! Signing without cosign: bundles and simple signatures in the forms that cosign writes.

use serde_json::{Value, json};

use perry_sandbox_reference::Digest;

use super::der::{b64, hex, pae, pem, sha256};
use super::instance::{Proofs, Sigstore};
use super::key::Key;

/// The predicate type of an image signature.
pub const SIGN: &str = "https://sigstore.dev/cosign/sign/v1";
/// The payload type of statements.
pub const IN_TOTO: &str = "application/vnd.in-toto+json";
/// The bundle's media type.
pub const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";

/// One subject with one SHA-256 digest.
pub fn subject(digest: &Digest) -> Value {
    json!([{"digest": {"sha256": digest.hex()}}])
}

/// The payload of a simple signature.
pub fn simple_payload(reference: &str, digest: &Digest) -> Vec<u8> {
    json!({
        "critical": {
            "identity": {"docker-reference": reference},
            "image": {"docker-manifest-digest": digest.as_str()},
            "type": "cosign container image signature",
        },
        "optional": null,
    })
    .to_string()
    .into_bytes()
}

impl Sigstore {
    /// A bundle 0.3 with a statement of this predicate type over these subjects.
    pub fn bundle(&self, predicate: &str, subjects: &Value) -> Value {
        self.bundle_over(self.statement(predicate, subjects).as_bytes())
    }

    /// A bundle 0.3 that signs this image.
    pub fn image_signature(&self, digest: &Digest) -> Value {
        self.bundle(SIGN, &subject(digest))
    }

    /// A bundle 0.3 with an envelope over any payload.
    pub fn bundle_over(&self, payload: &[u8]) -> Value {
        let certificate = self.leaf_certificate();
        let material = json!({"certificate": {"rawBytes": b64(&certificate)}});
        self.assemble(payload, &Verifier::Certificate(certificate), material)
    }

    /// A bundle 0.3 by the leaf's key alone, with a log entry for that key.
    pub fn key_bundle(&self, subjects: &Value) -> Value {
        let payload = self.statement(SIGN, subjects);
        let hint = b64(sha256(&self.leaf.spki()));
        self.assemble(payload.as_bytes(), &Verifier::Key(&self.leaf), json!({"publicKey": {"hint": hint}}))
    }

    /// The leaf's key as a managed key.
    pub fn leaf_pem(&self) -> String {
        self.leaf.pem()
    }

    fn statement(&self, predicate: &str, subjects: &Value) -> String {
        let kind = &self.statement_type;
        json!({"_type": kind, "subject": subjects, "predicateType": predicate, "predicate": {}}).to_string()
    }

    fn assemble(&self, payload: &[u8], verifier: &Verifier<'_>, mut material: Value) -> Value {
        let message = pae(IN_TOTO, payload);
        let signature = self.leaf.sign(&message);
        let (log, body) = match self.proofs {
            Proofs::V2 => (&self.tiled, tiled_body(&message, &signature, verifier)),
            _ if self.intoto => (&self.log, intoto_body(payload, &signature, verifier)),
            Proofs::V1 | Proofs::V1Stamped => (&self.log, dsse_body(payload, &signature, verifier)),
        };
        material["tlogEntries"] = json!([log.in_bundle(&log.append(&body, self.logged_at))]);
        if self.proofs != Proofs::V1 {
            let stamp = b64(self.stamp(&signature));
            material["timestampVerificationData"] =
                json!({"rfc3161Timestamps": [{"signedTimestamp": stamp}]});
        }
        json!({
            "mediaType": BUNDLE,
            "verificationMaterial": material,
            "dsseEnvelope": {
                "payload": b64(payload), "payloadType": IN_TOTO, "signatures": [{"sig": b64(signature)}],
            },
        })
    }

    /// What cosign 2's `sign` stores: the payload, and annotations with signature, certificate, and log entry.
    pub fn simple(&self, reference: &str, digest: &Digest) -> (Vec<u8>, Value) {
        let payload = simple_payload(reference, digest);
        let annotations = self.simple_over(&payload);
        (payload, annotations)
    }

    /// The annotations of a simple signature over any payload.
    pub fn simple_over(&self, payload: &[u8]) -> Value {
        let signature = self.leaf.sign(payload);
        let certificate = self.leaf_certificate();
        let verifier = Verifier::Certificate(certificate.clone());
        let body = json!({
            "apiVersion": "0.0.1", "kind": "hashedrekord",
            "spec": {
                "data": {"hash": {"algorithm": "sha256", "value": hex(&sha256(payload))}},
                "signature": {
                    "content": b64(&signature), "publicKey": {"content": b64(verifier.pem())},
                },
            },
        });
        let entry = self.log.append(&body, self.logged_at);
        let mut annotations = json!({
            "dev.cosignproject.cosign/signature": b64(&signature),
            "dev.sigstore.cosign/certificate": verifier.pem(),
            "dev.sigstore.cosign/chain": self.chain().map(|der| pem("CERTIFICATE", &der)).concat(),
            "dev.sigstore.cosign/bundle": self.log.in_annotation(&entry).to_string(),
        });
        if self.proofs != Proofs::V1 {
            let stamp = json!({"SignedRFC3161Timestamp": b64(self.stamp(&signature))});
            annotations["dev.sigstore.cosign/rfc3161timestamp"] = json!(stamp.to_string());
        }
        annotations
    }

    /// What cosign 2's `attest` stores: the envelope, and annotations with certificate and log entry.
    pub fn legacy_attestation(&self, predicate: &str, subjects: &Value) -> (String, Value) {
        let payload = self.statement(predicate, subjects).into_bytes();
        let signature = self.leaf.sign(&pae(IN_TOTO, &payload));
        let verifier = Verifier::Certificate(self.leaf_certificate());
        let entry = self.log.append(&dsse_body(&payload, &signature, &verifier), self.logged_at);
        let envelope = json!({
            "payload": b64(&payload), "payloadType": IN_TOTO, "signatures": [{"sig": b64(signature)}],
        });
        let annotations = json!({
            "dev.cosignproject.cosign/signature": "", "predicateType": predicate,
            "dev.sigstore.cosign/certificate": verifier.pem(),
            "dev.sigstore.cosign/bundle": self.log.in_annotation(&entry).to_string(),
        });
        (envelope.to_string(), annotations)
    }
}

/// What a log keeps to check a signature with.
enum Verifier<'a> {
    Certificate(Vec<u8>),
    Key(&'a Key),
}

impl Verifier<'_> {
    fn pem(&self) -> String {
        match self {
            Self::Certificate(der) => pem("CERTIFICATE", der),
            Self::Key(key) => key.pem(),
        }
    }

    /// In the form of the log of version 2.
    fn value(&self) -> Value {
        match self {
            Self::Certificate(der) => json!({
                "keyDetails": "PKIX_ECDSA_P256_SHA_256", "x509Certificate": {"rawBytes": b64(der)},
            }),
            Self::Key(key) => {
                json!({"keyDetails": key.details(), "publicKey": {"rawBytes": b64(key.spki())}})
            }
        }
    }
}

fn hash_of(bytes: &[u8]) -> Value {
    json!({"algorithm": "sha256", "value": hex(&sha256(bytes))})
}

/// What the log keeps of an envelope: `dsse` 0.0.1.
fn dsse_body(payload: &[u8], signature: &[u8], verifier: &Verifier<'_>) -> Value {
    let signatures = json!([{"signature": b64(signature), "verifier": b64(verifier.pem())}]);
    let envelope = json!({
        "payload": b64(payload), "payloadType": IN_TOTO, "signatures": [{"sig": b64(signature)}],
    });
    let envelope = hash_of(envelope.to_string().as_bytes());
    let spec = json!({"envelopeHash": envelope, "payloadHash": hash_of(payload), "signatures": signatures});
    json!({"apiVersion": "0.0.1", "kind": "dsse", "spec": spec})
}

/// `intoto` 0.0.2, as older clients asked for. It encodes the signature twice.
fn intoto_body(payload: &[u8], signature: &[u8], verifier: &Verifier<'_>) -> Value {
    let signatures = json!([{"sig": b64(b64(signature)), "publicKey": b64(verifier.pem())}]);
    let envelope = json!({"payloadType": IN_TOTO, "signatures": signatures});
    let content = json!({"envelope": envelope, "hash": hash_of(payload), "payloadHash": hash_of(payload)});
    json!({"apiVersion": "0.0.2", "kind": "intoto", "spec": {"content": content}})
}

/// `hashedrekord` 0.0.2, over the hash of what is signed.
fn tiled_body(message: &[u8], signature: &[u8], verifier: &Verifier<'_>) -> Value {
    let spec = json!({
        "data": {"algorithm": "SHA2_256", "digest": b64(sha256(message))},
        "signature": {"content": b64(signature), "verifier": verifier.value()},
    });
    json!({"apiVersion": "0.0.2", "kind": "hashedrekord", "spec": {"hashedRekordV002": spec}})
}
