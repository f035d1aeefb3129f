//! `verify`: who signed, or every reason why nobody did.

use std::path::Path;

use jiff::Timestamp;
use perry_sandbox_image::ImageName;
use perry_sandbox_pipeline::{AccessChoice, Environment, Pipeline, hash_layers, read, requirement};
use perry_sandbox_reference::Platform;
use perry_sandbox_verifier::{Clock, Denial, DenialClass, Signed, explain, verify_bundle};
use serde::Serialize;
use serde_json::json;

use super::report;
use super::run::warn_of_trial;
use crate::args::VerifyArgs;
use crate::exit::Exit;
use crate::output;
use crate::stop::Stop;

const SCHEMA: &str = "perry-sandbox/verify/v1";
/// Bundles are small; artifacts that a bundle signs may be large.
const MAX_BUNDLE: u64 = 4 * 1024 * 1024;
const MAX_ARTIFACT: u64 = 1024 * 1024 * 1024;

/// Runs the command.
pub(crate) fn verify(args: &VerifyArgs, environment: &Environment) -> anyhow::Result<Exit> {
    if let Some(code) = &args.explain_code {
        return explain_code(code);
    }
    match (&args.bundle, &args.image) {
        (_, Some(image)) => whole_image(args, image, environment),
        (Some(bundle), None) => one_bundle(args, bundle),
        (None, None) => Err(Stop::usage("name an image, or a bundle with --bundle and --digest")),
    }
}

fn explain_code(code: &str) -> anyhow::Result<Exit> {
    let explanation = explain(code)
        .ok_or_else(|| Stop::usage(format!("`{code}` is not a code of a denial, such as V-SIG-01")))?;
    output::result(&report::code(&explanation));
    Ok(Exit::Done)
}

fn whole_image(args: &VerifyArgs, image: &str, environment: &Environment) -> anyhow::Result<Exit> {
    let name: ImageName = image.parse().map_err(Stop::usage)?;
    let pipeline = Pipeline::open(environment.clone())?;
    let pipeline =
        if args.no_cache || name.reference().is_none() { pipeline.without_cache() } else { pipeline };
    let access = AccessChoice { bundle: args.bundle.clone(), ..args.access.choice() };
    let opened = pipeline.source(&name, &access)?;
    let platform = args.platform.clone().unwrap_or_else(Platform::host);
    let repository = args.repository.clone().or_else(|| opened.source.repository().cloned());
    let requirement =
        pipeline.requirement_for_image(&args.policy.choice(), &args.signer.choice(), repository)?;
    let verified =
        pipeline.verify(&opened, &platform, &requirement, Clock::of(&requirement, Timestamp::now()))?;
    let trial = verified.as_ref().ok().and_then(|verified| verified.evidence().trial.as_ref());
    warn_of_trial(trial, false);
    if let Ok(verified) = &verified
        && name.reference().is_none()
    {
        hash_layers(opened.source.as_ref(), verified.image(), &|| true)?;
    }
    report(image, verified.as_ref().map(|verified| verified.evidence()), args.json, |subject, evidence| {
        report::image(subject, evidence, &requirement)
    })
}

fn one_bundle(args: &VerifyArgs, bundle: &Path) -> anyhow::Result<Exit> {
    let choice = args.signer.choice();
    let signer = choice.signer()?.ok_or(perry_sandbox_pipeline::PipelineError::NoSigner)?;
    let requirement = requirement(signer, choice.log(), args.repository.clone());
    let bytes = read(bundle, MAX_BUNDLE)?;
    let artifact = args.artifact_file.as_deref().map(|path| read(path, MAX_ARTIFACT)).transpose()?;
    let content = match (&args.digest, &artifact) {
        (Some(digest), _) => Signed::Digest(digest),
        (None, Some(bytes)) => Signed::Bytes(bytes),
        (None, None) => return Err(Stop::usage("say what the bundle signs: --digest or --artifact-file")),
    };
    let verified = verify_bundle(&bytes, content, &requirement, Clock::of(&requirement, Timestamp::now()));
    report(&bundle.display().to_string(), verified.as_ref(), args.json, |subject, evidence| {
        report::bundle(subject, evidence, &requirement)
    })
}

fn report<T: Serialize>(
    subject: &str,
    verified: Result<&T, &Denial>,
    as_json: bool,
    text: impl FnOnce(&str, &T) -> String,
) -> anyhow::Result<Exit> {
    let exit = verified.as_ref().map_or_else(|denial| exit_of(denial), |_| Exit::Done);
    match verified {
        Ok(evidence) if as_json => {
            output::json(
                &json!({ "schema": SCHEMA, "verified": true, "subject": subject, "evidence": evidence }),
            )?;
        }
        Err(denial) if as_json => {
            output::json(
                &json!({ "schema": SCHEMA, "verified": false, "subject": subject, "denial": denial }),
            )?;
        }
        Ok(evidence) => output::result(&text(subject, evidence)),
        Err(denial) => output::error(&denial.to_string()),
    }
    Ok(exit)
}

/// A "no" is 121; a registry or file that did not answer is our failure, and no approval either.
pub(crate) fn exit_of(denial: &Denial) -> Exit {
    match denial.class {
        DenialClass::NotVerified => Exit::NotVerified,
        DenialClass::Failure => Exit::Failure,
    }
}
