//! Managed public keys: read strictly, and the hash that goes with each.

use perry_sandbox_reference::Digest;
use sigstore_verify::crypto::{
    KeyAlgorithm, SigningScheme, sha256, sha384, sha512, validate_raw_public_key, verify_signature,
    verify_signature_prehashed,
};
use sigstore_verify::types::{Artifact, DerPublicKey, HashAlgorithm, MessageSignature, SignatureBytes};
use x509_cert::der::Decode as _;
use x509_cert::spki::SubjectPublicKeyInfoRef;

use crate::codes::Code;
use crate::finding::Finding;

/// A public key that may verify signatures.
#[derive(Debug, Clone)]
pub(crate) struct ManagedKey {
    der: DerPublicKey,
    algorithm: KeyAlgorithm,
}

/// What a signature is over: it decides which hash goes with a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// cosign 2: always SHA-256, for P-384 too.
    Legacy,
    /// A bundle's statement: the registry's default for the key.
    Envelope,
}

impl ManagedKey {
    /// Reads one PEM `PUBLIC KEY`.
    pub(crate) fn read(pem: &str) -> Result<Self, Finding> {
        let refuse = |why: &str| {
            let expected =
                "one PEM `PUBLIC KEY` of ECDSA P-256 or P-384, Ed25519, or RSA with 2048 to 8192 bits";
            Finding::new(Code::SigKeyUnusable, why, expected)
        };
        if pem.matches("-----BEGIN ").count() != 1 {
            return Err(refuse("no PEM block, or more than one"));
        }
        let der = DerPublicKey::from_pem(pem).map_err(|error| refuse(&error.to_string()))?;
        let algorithm = KeyAlgorithm::from_spki(&der).map_err(|error| refuse(&error.to_string()))?;
        let known = matches!(
            algorithm,
            KeyAlgorithm::EcdsaP256 | KeyAlgorithm::EcdsaP384 | KeyAlgorithm::Ed25519 | KeyAlgorithm::Rsa
        );
        if !known {
            return Err(refuse(&format!("a key of the kind {algorithm:?}")));
        }
        let spki =
            SubjectPublicKeyInfoRef::from_der(der.as_bytes()).map_err(|error| refuse(&error.to_string()))?;
        validate_raw_public_key(algorithm.default_signing_scheme(), spki.subject_public_key.raw_bytes())
            .map_err(|error| refuse(&error.to_string()))?;
        Ok(Self { der, algorithm })
    }

    /// The key as the core wants it.
    pub(crate) fn der(&self) -> &DerPublicKey {
        &self.der
    }

    /// What kind of key it is.
    pub(crate) fn algorithm(&self) -> KeyAlgorithm {
        self.algorithm
    }

    /// Digest of the DER form.
    pub(crate) fn fingerprint(&self) -> Digest {
        Digest::of(self.der.as_bytes())
    }

    /// Verifies a signature; the algorithm follows from the key and the form alone.
    pub(crate) fn verify(
        &self,
        form: Form,
        message: &[u8],
        signature: &SignatureBytes,
    ) -> Result<(), Finding> {
        let scheme = match (form, self.algorithm) {
            (Form::Legacy, KeyAlgorithm::EcdsaP384) => SigningScheme::EcdsaP384Sha256,
            _ => self.algorithm.default_signing_scheme(),
        };
        verify_signature(&self.der, message, signature, scheme).map_err(|_| self.mismatch(scheme))
    }

    /// Verifies a signature over bare bytes, of which the caller may have the digest only.
    pub(crate) fn verify_message(
        &self,
        message: &MessageSignature,
        artifact: &Artifact<'_>,
    ) -> Result<(), Finding> {
        declared(message, artifact)?;
        let scheme = match (&message.message_digest, self.algorithm) {
            (Some(digest), KeyAlgorithm::EcdsaP384) if digest.algorithm == HashAlgorithm::Sha2256 => {
                SigningScheme::EcdsaP384Sha256
            }
            _ => self.algorithm.default_signing_scheme(),
        };
        if let Some(bytes) = artifact.blob() {
            return verify_signature(&self.der, bytes, &message.signature, scheme)
                .map_err(|_| self.mismatch(scheme));
        }
        let digest = artifact.digest().filter(|digest| scheme.hash_algorithm() == Some(digest.algorithm()));
        let Some(digest) = digest else {
            let found = format!("a {} signature, and a digest of another kind", scheme.name());
            return Err(Finding::new(Code::BindNeedsBytes, found, "the file itself"));
        };
        verify_signature_prehashed(&self.der, digest.as_bytes(), &message.signature, scheme)
            .map_err(|_| self.mismatch(scheme))
    }

    fn mismatch(&self, scheme: SigningScheme) -> Finding {
        Finding::new(
            Code::SigInvalid,
            "a signature that this key did not make over this content",
            format!("a signature ({}) by the key {}", scheme.name(), self.fingerprint()),
        )
    }
}

/// The digest that the bundle declares must be the content's, although the signature would hold without it.
fn declared(message: &MessageSignature, artifact: &Artifact<'_>) -> Result<(), Finding> {
    let Some(declared) = &message.message_digest else { return Ok(()) };
    let found = match (artifact.blob(), artifact.digest(), declared.algorithm) {
        (Some(bytes), _, HashAlgorithm::Sha2256) => sha256(bytes).as_bytes().to_vec(),
        (Some(bytes), _, HashAlgorithm::Sha2384) => sha384(bytes).as_bytes().to_vec(),
        (Some(bytes), _, HashAlgorithm::Sha2512) => sha512(bytes).as_bytes().to_vec(),
        (None, Some(digest), algorithm) if digest.algorithm() == algorithm => digest.as_bytes().to_vec(),
        _ => {
            let found =
                format!("a {} digest in the bundle, and a digest of another kind", declared.algorithm);
            return Err(Finding::new(Code::BindNeedsBytes, found, "the file itself"));
        }
    };
    if declared.digest.as_bytes() == found {
        return Ok(());
    }
    Err(Finding::new(
        Code::BindDigest,
        "a bundle that declares the digest of other content",
        "this content's digest",
    ))
}

/// Whether a message may name this hash, given the key.
// SECURITY: the message cannot pick a weaker hash than the key's own; SHA-256 with P-384 is what cosign's own
// `sign-blob` made for years.
pub(crate) fn hash_fits(algorithm: KeyAlgorithm, hash: HashAlgorithm) -> bool {
    match algorithm {
        KeyAlgorithm::EcdsaP384 => matches!(hash, HashAlgorithm::Sha2384 | HashAlgorithm::Sha2256),
        KeyAlgorithm::EcdsaP256 | KeyAlgorithm::Rsa | KeyAlgorithm::Ed25519 => hash == HashAlgorithm::Sha2256,
        KeyAlgorithm::MlDsa44 | KeyAlgorithm::MlDsa65 | KeyAlgorithm::MlDsa87 | _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_one_pem_block_of_a_known_kind() {
        let good = sigstore_verify::crypto::KeyPair::generate_ecdsa_p256().unwrap();
        let pem = good.public_key_der().unwrap().to_pem();
        assert!(ManagedKey::read(&pem).is_ok());
        for bad in ["", "hello", &format!("{pem}{pem}"), &pem.replace("PUBLIC", "PRIVATE")] {
            assert_eq!(ManagedKey::read(bad).unwrap_err().code, Code::SigKeyUnusable);
        }
    }

    #[test]
    fn the_message_cannot_pick_another_hash() {
        assert!(hash_fits(KeyAlgorithm::EcdsaP256, HashAlgorithm::Sha2256));
        assert!(!hash_fits(KeyAlgorithm::EcdsaP256, HashAlgorithm::Sha2384));
        assert!(!hash_fits(KeyAlgorithm::Rsa, HashAlgorithm::Sha2512));
    }
}
