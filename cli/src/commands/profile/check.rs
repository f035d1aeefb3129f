//! `profile check`: would it start, and does it still fit what it was recorded from?

use perry_sandbox_image::ImageName;
use perry_sandbox_pipeline::{AccessChoice, Environment, Pipeline};
use perry_sandbox_profiles::{Arch, Entry, Runtime, SeccompProfile, bpf};
use perry_sandbox_reference::Platform;
use serde_json::json;

use super::read;
use crate::args::CheckProfileArgs;
use crate::exit::Exit;
use crate::output;
use crate::stop::Stop;

/// What was found: findings decide the exit code, notes do not.
#[derive(Default)]
struct Findings {
    findings: Vec<String>,
    notes: Vec<String>,
}

/// Runs the command.
pub(super) fn check(args: &CheckProfileArgs, environment: &Environment) -> anyhow::Result<Exit> {
    let profile = read::profile(&args.profile)?;
    let arch = read::arch(None)?;
    let Some(runtime) = Runtime::find(&args.backend) else {
        let known: Vec<&str> = Runtime::names().collect();
        let message = format!("--backend {}: not measured; known are {}", args.backend, known.join(", "));
        return Err(Stop::usage(message));
    };
    let mut found = Findings::default();
    found.starts(&profile, runtime, arch);
    found.fits(&profile);
    if let Some(image) = &args.image {
        found.is_of(&profile, image, environment)?;
    }
    let exit = if found.findings.is_empty() { Exit::Done } else { Exit::Differs };
    if args.json {
        output::json(&json!({
            "schema": "perry-sandbox/profile-check/v1", "name": profile.name(), "digest": profile.digest(),
            "backend": runtime.name(), "findings": found.findings, "notes": found.notes,
        }))?;
    } else {
        let findings = found.findings.iter().map(|text| format!("found: {text}"));
        let lines: Vec<String> =
            findings.chain(found.notes.iter().map(|text| format!("note: {text}"))).collect();
        let sound = format!("{}: sound for {}", profile.name(), runtime.name());
        output::result(&if exit == Exit::Done { [vec![sound], lines].concat() } else { lines }.join("\n"));
    }
    Ok(exit)
}

impl Findings {
    fn starts(&mut self, profile: &SeccompProfile, runtime: &Runtime, arch: Arch) {
        if let Err(error) = bpf::compile(profile, arch) {
            self.findings.push(format!("it has no filter on {arch}: {error}"));
        }
        let missing = runtime.missing_from(profile, arch);
        if !missing.is_empty() {
            let calls: Vec<&str> = missing.iter().map(|call| call.name()).collect();
            self.findings.push(format!(
                "it starts nothing under {} on {arch}, which needs {}: allow them",
                runtime.name(),
                calls.join(", ")
            ));
        }
        self.notes.push(format!("{} was measured as {}", runtime.name(), runtime.measured().join(", ")));
    }

    fn fits(&mut self, profile: &SeccompProfile) {
        let Some(recorded) = profile.recorded() else { return };
        let kernel = nix::sys::utsname::uname().map(|name| name.release().to_string_lossy().into_owned());
        let kernel = kernel.unwrap_or_default();
        if kernel != recorded.kernel {
            self.findings.push(format!(
                "it was recorded under kernel {}, and this is {kernel}: programs may choose other calls; record again",
                recorded.kernel
            ));
        }
        if !recorded.proved {
            self.findings.push("it was not proved under enforcement: record again".to_owned());
        }
        if !recorded.settled {
            self.notes.push("runs still showed something new when recording ended".to_owned());
        }
        let fragile = profile.entries().iter().filter(|entry| entry.seen() == Some(1) && recorded.runs > 1);
        let fragile: Vec<&str> = fragile.flat_map(Entry::calls).map(|call| call.name()).collect();
        if !fragile.is_empty() {
            self.notes.push(format!("seen in one run only: {}", fragile.join(", ")));
        }
        if !recorded.not_exercised.is_empty() {
            self.notes.push(format!("not exercised: {}", recorded.not_exercised.join(", ")));
        }
    }

    /// The manifest is only looked up, not verified: it is compared, and nothing of it is used.
    fn is_of(
        &mut self,
        profile: &SeccompProfile,
        image: &str,
        environment: &Environment,
    ) -> anyhow::Result<()> {
        let Some(recorded) = profile.recorded() else { return Ok(()) };
        let pipeline = Pipeline::open(environment.clone())?;
        let name: ImageName = image.parse().map_err(Stop::usage)?;
        let opened = pipeline.source(&name, &AccessChoice::default())?;
        let digest = opened.resolve(&Platform::host())?.manifest_digest().to_string();
        if digest != recorded.image {
            self.findings.push(format!(
                "it was recorded from {}, and {image} is {digest}, whose C library ({} then) may be another: record again",
                recorded.image, recorded.libc
            ));
        }
        Ok(())
    }
}
