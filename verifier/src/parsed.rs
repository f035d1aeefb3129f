//! A candidate read into one form, whatever it was stored as. Nothing in it is proved yet.

use perry_sandbox_policy::{BuildFacts, ProvenanceRule, Requirement, SignatureFormat};
use perry_sandbox_reference::Digest;
use sigstore_verify::types::{Bundle, SignatureContent};

use crate::codes::Code;
use crate::finding::Finding;
use crate::simple::SimpleFacts;
use crate::statement::{SIGN_PREDICATE, StatementFacts};
use crate::{provenance, shape, statement};

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
    /// An attestation with this predicate type that says what the rule asks for.
    Attestation(&'a ProvenanceRule),
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
        requirement: &Requirement,
    ) -> Result<&'a Digest, Finding> {
        match (&self.content, purpose) {
            (Content::Simple { facts, .. }, Purpose::Signature) => {
                let digest = facts.about(path)?;
                facts.for_repository(&requirement.repository)?;
                facts.carries(&requirement.annotations)?;
                Ok(digest)
            }
            (Content::Statement { facts }, Purpose::Signature) => {
                // SECURITY: cosign 3.1.1 takes any attestation of the accepted identity as a signature.
                facts.is(SIGN_PREDICATE)?;
                let digest = facts.about(path)?;
                facts.carries(digest, &requirement.annotations)?;
                Ok(digest)
            }
            (Content::Statement { facts }, Purpose::Attestation(rule)) => {
                facts.is(&rule.predicate)?;
                let digest = facts.about(path)?;
                provenance::says(&rule.says, &facts.predicate, &facts.says)?;
                Ok(digest)
            }
            (Content::Simple { .. }, Purpose::Attestation(rule)) => {
                Err(Finding::new(Code::BindPredicate, "an image signature", &rule.predicate))
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

    /// What it says about a build, if it is provenance of a known form.
    pub(crate) fn build(&self) -> Option<BuildFacts> {
        match &self.content {
            Content::Statement { facts } => provenance::facts(&facts.predicate, &facts.says),
            Content::Simple { .. } | Content::Message => None,
        }
    }

    /// Whether it is a statement of another kind than an image signature.
    pub(crate) fn is_attestation(&self) -> bool {
        matches!(&self.content, Content::Statement { facts } if facts.predicate != SIGN_PREDICATE)
    }
}
