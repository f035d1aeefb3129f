//! From flags to the request that the policy decides.

use std::collections::BTreeMap;

use perry_sandbox_image::ImageName;
use perry_sandbox_policy::{CapabilityName, Policy, Request, Target, Terminal, WantedGrants, WantedLimits};
use perry_sandbox_profiles::{LinuxCap, LinuxCapSet};
use perry_sandbox_reference::Reference;

use crate::args::RequestArgs;
use crate::environment::variable_for_sandbox;
use crate::exit::Exit;
use crate::stop::Stop;

/// What the word after the flags means, and where the image is.
#[derive(Debug)]
pub(crate) struct Wish {
    /// What the policy is asked.
    pub(crate) request: Request,
    /// The image that would run.
    pub(crate) image: ImageName,
}

/// Reads target, grants and limits.
///
/// # Errors
/// The target is neither a capability of the policy nor an image, or a flag's value is not usable.
pub(crate) fn wish(args: &RequestArgs, policy: &Policy, terminal: Terminal) -> anyhow::Result<Wish> {
    let (target, image) = target(args, policy)?;
    let request = Request {
        target,
        tier: args.tier.clone(),
        args: args.command.clone(),
        entrypoint: args.entrypoint.clone(),
        env: variables(&args.env)?,
        grants: grants(args)?,
        limits: WantedLimits {
            memory: args.memory,
            cpu: args.cpus,
            pids: args.pids_limit,
            wall: args.timeout,
            output: args.output_limit,
            disk: args.disk,
            open_files: args.open_files,
        },
        terminal,
    };
    Ok(Wish { request, image })
}

fn target(args: &RequestArgs, policy: &Policy) -> anyhow::Result<(Target, ImageName)> {
    let word = args.target.as_str();
    let capability = word.parse::<CapabilityName>().ok().filter(|name| policy.capability(name).is_some());
    if let Some(name) = capability {
        let image = match &args.image {
            Some(image) => image.parse().map_err(Stop::usage)?,
            None => ImageName::Registry(image_of(policy, &name)?),
        };
        return Ok((Target::Capability(name), image));
    }
    if args.image.is_some() || !looks_like_an_image(word) {
        return Err(unknown_capability(policy, word));
    }
    Ok((Target::AdHoc, word.parse().map_err(Stop::usage)?))
}

/// A plain word is never looked up at a public registry: it is a capability that the policy lacks.
fn looks_like_an_image(word: &str) -> bool {
    word.contains(['/', ':', '@'])
}

fn unknown_capability(policy: &Policy, word: &str) -> anyhow::Error {
    let names: Vec<_> = policy.capabilities().map(|(name, _)| name.to_string()).collect();
    let known = if names.is_empty() {
        "the policy has none".to_owned()
    } else {
        format!("the policy has {}", names.join(", "))
    };
    let image = format!("for an image, write its registry or repository, as docker.io/library/{word}");
    Stop::with(Exit::Denied, format!("`{word}` is not a capability of the policy: {known}; {image}"))
}

/// The image that a capability's rule names: the one pinned digest, or the tag `latest`.
fn image_of(policy: &Policy, name: &CapabilityName) -> anyhow::Result<Reference> {
    let rule = policy.capability(name).and_then(|capability| {
        policy.images().find(|(name, _)| **name == capability.image.value).map(|(_, rule)| rule)
    });
    let rule = rule.ok_or_else(|| {
        Stop::with(Exit::Denied, format!("capability `{name}` has no image rule: name one in the policy"))
    })?;
    let mut digests = rule.digests.iter().flat_map(|digests| &digests.value);
    match (digests.next(), digests.next()) {
        (Some(only), None) => Ok(Reference::pinned(rule.repository.value.clone(), only.clone())),
        (Some(_), Some(_)) => Err(Stop::usage(format!(
            "the policy pins several digests for `{name}`: choose one with --image {}@sha256:…",
            rule.repository.value
        ))),
        (None, _) => rule.repository.value.to_string().parse().map_err(Stop::usage),
    }
}

fn variables(wanted: &[String]) -> anyhow::Result<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    for text in wanted {
        let (name, value) = text
            .split_once('=')
            .map_or((text.as_str(), None), |(name, value)| (name, Some(value.to_owned())));
        let value = value.or_else(|| variable_for_sandbox(name)).ok_or_else(|| {
            Stop::usage(format!("--env {name}: there is no such variable here; give it as {name}=VALUE"))
        })?;
        found.insert(name.to_owned(), value);
    }
    Ok(found)
}

fn grants(args: &RequestArgs) -> anyhow::Result<WantedGrants> {
    let caps = args.cap_add.iter().map(|name| name.parse::<LinuxCap>().map_err(Stop::usage));
    Ok(WantedGrants {
        egress: args.egress.clone(),
        mounts_read: args.mount_read.clone(),
        mounts_write: args.mount_write.clone(),
        secrets: args.secret.clone(),
        devices: args.device.clone(),
        linux_caps: caps.collect::<Result<LinuxCapSet, _>>()?,
    })
}
