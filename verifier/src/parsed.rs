//! A candidate read into one form, whatever it was stored as. Nothing in it is proved yet.

use perry_sandbox_policy::{RepositoryRule, SignatureFormat};
use perry_sandbox_reference::Digest;
use sigstore_verify::types::{Bundle, SignatureContent};

use crate::codes::Code;
use crate::finding::Finding;
use crate::simple::SimpleFacts;
use crate::statement::{SIGN_PREDICATE, StatementFacts};
use crate::{shape, statement};

/// A candidate in the core's form, with what it says about itself.
#[derive(Debug, Clone)]
pub(crate) struct Parsed {
    /// The core's form.
    pub(crate) bundle: Bundle,
    /// How it was stored.
    pub(crate) format: SignatureFormat,
    /// Whether cosign 2's rules apply: SHA-256 with every key.
    pub(crate) legacy: bool,
    /// What is signed.
    pub(crate) content: Content,
}

/// What is signed.
#[derive(Debug, Clone)]
pub(crate) enum Content {
    /// A simple-signing payload.
    Simple {
        /// The bytes.
        payload: Vec<u8>,
        /// What they say.
        facts: SimpleFacts,
    },
    /// An in-toto statement inside the bundle's envelope.
    Statement {
        /// What it says.
        facts: StatementFacts,
    },
    /// Bare bytes, which the caller has or knows the digest of.
    Message,
}

/// What a candidate has to be.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Purpose<'a> {
    /// A signature that says that the image may be used.
    Signature,
    /// An attestation with this predicate type.
    Attestation(&'a str),
}

/// Reads a bundle, after its shape has been checked.
pub(crate) fn bundle(bytes: &[u8]) -> Result<Parsed, Finding> {
    shape::check(bytes)?;
    let bundle: Bundle = serde_json::from_slice(bytes).map_err(|error| {
        let text = error.to_string();
        let code =
            if text.contains("unsupported Rekor entry") { Code::ParseVersion } else { Code::ParseField };
        Finding::new(code, text, "a Sigstore bundle")
    })?;
    let content = match &bundle.content {
        SignatureContent::DsseEnvelope(envelope) => Content::Statement { facts: statement::read(envelope)? },
        SignatureContent::MessageSignature(_) | _ => Content::Message,
    };
    Ok(Parsed { bundle, format: SignatureFormat::Bundle, legacy: false, content })
}

impl Parsed {
    /// Whether the content says what it must about one of the digests on the image's path; gives that digest.
    pub(crate) fn binds<'a>(
        &self,
        purpose: Purpose<'_>,
        path: &'a [Digest],
        repository: &RepositoryRule,
    ) -> Result<&'a Digest, Finding> {
        match (&self.content, purpose) {
            (Content::Simple { facts, .. }, Purpose::Signature) => {
                let digest = facts.about(path)?;
                facts.for_repository(repository)?;
                Ok(digest)
            }
            (Content::Statement { facts }, purpose) => {
                // SECURITY: cosign 3.1.1 takes any attestation of the accepted identity as a signature.
                facts.is(match purpose {
                    Purpose::Signature => SIGN_PREDICATE,
                    Purpose::Attestation(predicate) => predicate,
                })?;
                facts.about(path)
            }
            (Content::Simple { .. }, Purpose::Attestation(predicate)) => {
                Err(Finding::new(Code::BindPredicate, "an image signature", predicate))
            }
            (Content::Message, _) => {
                Err(Finding::new(Code::BindMessage, "a signature over bare bytes", "an in-toto statement"))
            }
        }
    }

    /// The repository that was signed, if one was.
    pub(crate) fn signed_reference(&self) -> Option<String> {
        match &self.content {
            Content::Simple { facts, .. } => Some(facts.reference.clone()),
            Content::Statement { .. } | Content::Message => None,
        }
    }

    /// Whether it is a statement of another kind than an image signature.
    pub(crate) fn is_attestation(&self) -> bool {
        matches!(&self.content, Content::Statement { facts } if facts.predicate != SIGN_PREDICATE)
    }
}
