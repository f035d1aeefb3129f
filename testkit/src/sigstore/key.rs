//! Keys, made anew for every instance.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm,
    Ed25519KeyPair, KeyPair as _,
};

use super::der::pem;

/// A private key with its public half.
#[derive(Debug)]
pub struct Key {
    pair: Pair,
    /// What certificates it signed, so that one certificate is the same whenever it is asked for.
    signed: Mutex<BTreeMap<Vec<u8>, Vec<u8>>>,
}

#[derive(Debug)]
enum Pair {
    /// With the name that the trusted root has for it.
    Ecdsa(EcdsaKeyPair, &'static str),
    Ed25519(Ed25519KeyPair),
}

impl Key {
    /// ECDSA on P-256, signing with SHA-256.
    pub fn p256() -> Self {
        Self::ecdsa(&ECDSA_P256_SHA256_ASN1_SIGNING, "PKIX_ECDSA_P256_SHA_256")
    }

    /// ECDSA on P-384, signing with SHA-384.
    pub fn p384() -> Self {
        Self::ecdsa(&ECDSA_P384_SHA384_ASN1_SIGNING, "PKIX_ECDSA_P384_SHA_384")
    }

    /// Ed25519.
    pub fn ed25519() -> Self {
        Self::of(Pair::Ed25519(Ed25519KeyPair::generate().expect("a key")))
    }

    fn ecdsa(kind: &'static EcdsaSigningAlgorithm, details: &'static str) -> Self {
        Self::of(Pair::Ecdsa(EcdsaKeyPair::generate(kind).expect("a key"), details))
    }

    fn of(pair: Pair) -> Self {
        Self { pair, signed: Mutex::default() }
    }

    /// A signature over these bytes; ECDSA's is in DER.
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        match &self.pair {
            Pair::Ecdsa(pair, _) => {
                pair.sign(&SystemRandom::new(), message).expect("a signature").as_ref().to_vec()
            }
            Pair::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
        }
    }

    /// A signature over these bytes, the same each time.
    pub(crate) fn sign_once(&self, message: &[u8]) -> Vec<u8> {
        let mut signed = self.signed.lock().unwrap_or_else(PoisonError::into_inner);
        signed.entry(message.to_vec()).or_insert_with(|| self.sign(message)).clone()
    }

    /// The public key as a `SubjectPublicKeyInfo` in DER.
    pub fn spki(&self) -> Vec<u8> {
        match &self.pair {
            Pair::Ecdsa(pair, _) => {
                let der: PublicKeyX509Der<'_> = pair.public_key().as_der().expect("a public key");
                der.as_ref().to_vec()
            }
            Pair::Ed25519(pair) => {
                let der: PublicKeyX509Der<'_> = pair.public_key().as_der().expect("a public key");
                der.as_ref().to_vec()
            }
        }
    }

    /// The public key without anything around it.
    pub fn public_bytes(&self) -> Vec<u8> {
        match &self.pair {
            Pair::Ecdsa(pair, _) => pair.public_key().as_ref().to_vec(),
            Pair::Ed25519(pair) => pair.public_key().as_ref().to_vec(),
        }
    }

    /// The public key in PEM.
    pub fn pem(&self) -> String {
        pem("PUBLIC KEY", &self.spki())
    }

    /// The name that Sigstore's protocol has for this kind of key.
    pub fn details(&self) -> &'static str {
        match &self.pair {
            Pair::Ecdsa(_, details) => details,
            Pair::Ed25519(_) => "PKIX_ED25519",
        }
    }

    /// The object identifier of this key's signature algorithm.
    pub(crate) fn algorithm(&self) -> &'static str {
        match &self.pair {
            Pair::Ecdsa(_, "PKIX_ECDSA_P384_SHA_384") => "1.2.840.10045.4.3.3",
            Pair::Ecdsa(..) => "1.2.840.10045.4.3.2",
            Pair::Ed25519(_) => "1.3.101.112",
        }
    }
}
