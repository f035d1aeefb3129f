//! `verify`: who signed, or every reason why nobody did.

use std::sync::Arc;

use jiff::Timestamp;
use perry_sandbox_image::ImageName;
use perry_sandbox_pipeline::{AccessChoice, PolicyChoice, SignerChoice, hash_layers};
use perry_sandbox_reference::{Platform, Repository};
use perry_sandbox_verifier::Clock;
use serde_json::json;

use super::{refused, result, target};
use crate::calls::Call;
use crate::engine::Engine;
use crate::envelope::{Fields, json};
use crate::fault::Fault;

/// An image and what is demanded of it.
#[derive(Debug)]
pub(crate) struct Verify {
    image: ImageName,
    demanded: Demanded,
    access: AccessChoice,
    repository: Option<Repository>,
    platform: Option<Platform>,
}

#[derive(Debug)]
enum Demanded {
    Policy(PolicyChoice),
    Signer(SignerChoice),
}

impl Verify {
    /// `{image, requirement?: {policy} | {signer}, repository?, platform?, …}`.
    pub(super) fn read(mut fields: Fields) -> Result<Self, Fault> {
        let image = fields.parsed("image")?.ok_or_else(|| fields.missing("image"))?;
        let demanded = demanded(&mut fields)?;
        let verify = Self {
            image,
            demanded,
            access: target::access(&mut fields)?,
            repository: fields.parsed("repository")?,
            platform: fields.parsed("platform")?,
        };
        fields.finish()?;
        Ok(verify)
    }

    /// Verifies it.
    pub(super) fn run(self, engine: &Engine, call: &Call) -> Result<String, Fault> {
        let pipeline = engine.pipeline()?;
        let opened = pipeline.source(&self.image, &self.access)?;
        let source = opened.source.as_ref();
        let platform = self.platform.unwrap_or_else(Platform::host);
        let repository = self.repository.or_else(|| source.repository().cloned());
        // A signer that the caller names tightens the user's own policy, as in a run; it takes nothing of it away.
        let (policy, signer) = match self.demanded {
            Demanded::Signer(signer) => (PolicyChoice::default(), signer),
            Demanded::Policy(policy) => (policy, SignerChoice::default()),
        };
        let requirement = pipeline.requirement_for_image(&policy, &signer, repository)?;
        call.check()?;
        let clock = Clock::of(&requirement, Timestamp::now());
        let in_registry = self.image.reference().is_some();
        let proof = if in_registry {
            pipeline.verify(&opened, &platform, &requirement, clock)?
        } else {
            let resolved = opened.resolve(&platform)?;
            pipeline.verifier().verify_anew(source, &resolved, &requirement, clock).map(Arc::new)
        };
        let verified = proof.map_err(|denial| refused::not_verified(&denial))?;
        if !in_registry && !hash_layers(source, verified.image(), &|| call.check().is_ok())? {
            call.check()?;
        }
        json(&json!({ "verified": true, "evidence": result::evidence_of(verified.evidence()) }))
    }
}

fn demanded(fields: &mut Fields) -> Result<Demanded, Fault> {
    let Some(mut inner) = fields.object("requirement")? else {
        return Ok(Demanded::Policy(PolicyChoice::default()));
    };
    let (policy, signer) = (target::policy(&mut inner)?, target::signer(&mut inner)?);
    inner.finish()?;
    match (policy == PolicyChoice::default(), signer == SignerChoice::default()) {
        (false, true) => Ok(Demanded::Policy(policy)),
        (true, false) => Ok(Demanded::Signer(signer)),
        _ => Err(fields.refuse("requirement", "is expected to have either `policy` or `signer`")),
    }
}
