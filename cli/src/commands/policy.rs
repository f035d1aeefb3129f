//! `policy check`, `fmt`, `diff`, `schema`, `init`; `import` is beside this.

use std::fs::OpenOptions;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use perry_sandbox_pipeline::{Environment, MAX_POLICY, PolicyInput, TrustFiles, load_policy, read_trusted};
use perry_sandbox_policy::{Format, Policy, PolicySource, diff, format as format_policy, init, load, schema};
use serde_json::json;

use crate::args::{CheckArgs, DiffArgs, FormatArgs, InitArgs, PolicyArgs, PolicyCommand};
use crate::exit::Exit;
use crate::files;
use crate::output;
use crate::stop::Stop;

/// Runs the subcommand.
pub(crate) fn policy(args: &PolicyArgs, environment: &Environment) -> anyhow::Result<Exit> {
    match &args.command {
        PolicyCommand::Check(args) => check(args, environment),
        PolicyCommand::Fmt(args) => format(args),
        PolicyCommand::Diff(args) => compare(args, environment),
        PolicyCommand::Schema(_) => output::json(&schema()).map(|()| Exit::Done),
        PolicyCommand::Init(args) => begin(args),
        PolicyCommand::Import(args) => super::import::import_policy(args),
    }
}

fn check(args: &CheckArgs, environment: &Environment) -> anyhow::Result<Exit> {
    let mut sources = Vec::new();
    for path in &args.files {
        let bytes = read_trusted(path, MAX_POLICY, environment.uid)?;
        sources.push(PolicySource::new(path.display().to_string(), bytes));
    }
    match load(&sources, &TrustFiles::new(environment.uid)) {
        Ok(policy) if args.json => output::json(&summary(&policy)).map(|()| Exit::Done),
        Ok(policy) => {
            let exposures: Vec<_> =
                policy.tiers().map(|(name, tier)| format!("{name} {}", tier.exposure())).collect();
            output::result(&format!(
                "{}: sound, {} capabilities, {} image rules, {} tiers\nexposure of 10: {}\n{}",
                policy.name(),
                policy.capabilities().count(),
                policy.images().count(),
                policy.tiers().count(),
                exposures.join(", "),
                policy.digest()
            ));
            Ok(Exit::Done)
        }
        Err(error) if args.json => {
            let refusals = error.to_json();
            output::json(
                &json!({ "schema": "perry-sandbox/policy-check/v1", "sound": false, "refusals": refusals }),
            )?;
            Ok(Exit::Usage)
        }
        Err(error) => Err(Stop::usage(error.render(output::stderr_has_color()))),
    }
}

fn summary(policy: &Policy) -> serde_json::Value {
    json!({
        "schema": "perry-sandbox/policy-check/v1",
        "sound": true,
        "name": policy.name(),
        "digest": policy.digest(),
        "capabilities": policy.capabilities().map(|(name, _)| name).collect::<Vec<_>>(),
        "images": policy.images().map(|(name, _)| name).collect::<Vec<_>>(),
        "tiers": policy.tiers().map(|(name, _)| name).collect::<Vec<_>>(),
        "exposure": policy.tiers().map(|(name, tier)| (name.to_string(), json!(tier.exposure()))).collect::<serde_json::Map<_, _>>(),
        "exceptions": policy.exceptions().map(|(id, _)| id).collect::<Vec<_>>(),
    })
}

fn format(args: &FormatArgs) -> anyhow::Result<Exit> {
    let mut exit = Exit::Done;
    let mut files = Vec::new();
    for path in &args.files {
        let from_stdin = path.as_os_str() == "-";
        let source = if from_stdin { standard_input()? } else { read(path)? };
        let formatted =
            format_policy(&source).map_err(|error| Stop::usage(error.render(output::stderr_has_color())))?;
        let same = formatted.as_bytes() == source.bytes;
        if args.json {
            let text = (from_stdin && !args.check).then_some(&formatted);
            files.push(json!({ "file": path.display().to_string(), "canonical": same, "text": text }));
        }
        if args.check {
            if !same {
                output::note(&format!(
                    "{} is not in the canonical form: `perry-sandbox policy fmt` writes it",
                    path.display()
                ));
                exit = Exit::Differs;
            }
        } else if from_stdin {
            if !args.json {
                output::bytes(formatted.as_bytes());
            }
        } else if !same {
            files::replace(path, formatted.as_bytes())?;
        }
    }
    if args.json {
        output::json(
            &json!({ "schema": "perry-sandbox/policy-fmt/v1", "check": args.check, "files": files }),
        )?;
    }
    Ok(exit)
}

fn standard_input() -> anyhow::Result<PolicySource> {
    let mut bytes = Vec::new();
    std::io::stdin().lock().take(MAX_POLICY).read_to_end(&mut bytes).context("reading standard input")?;
    let looks_like_json = bytes.iter().find(|b| !b.is_ascii_whitespace()) == Some(&b'{');
    let format = if looks_like_json { Format::Json } else { Format::Toml };
    Ok(PolicySource { name: "<stdin>".into(), format, bytes })
}

fn read(path: &Path) -> anyhow::Result<PolicySource> {
    let bytes = perry_sandbox_pipeline::read(path, MAX_POLICY)?;
    Ok(PolicySource::new(path.display().to_string(), bytes))
}

fn compare(args: &DiffArgs, environment: &Environment) -> anyhow::Result<Exit> {
    let before = load_file(&args.before, environment)?;
    let after = load_file(&args.after, environment)?;
    let difference = diff(&before, &after);
    if args.json {
        output::json(&difference.to_json())?;
    } else {
        output::result(&difference.to_text());
    }
    Ok(Exit::Done)
}

fn load_file(path: &Path, environment: &Environment) -> anyhow::Result<Arc<Policy>> {
    Ok(load_policy(&[PolicyInput::File(path.to_owned())], environment)?.policy)
}

fn begin(args: &InitArgs) -> anyhow::Result<Exit> {
    let Some(path) = &args.file else {
        if args.json {
            output::json(&begun(None, Some(init())))?;
        } else {
            output::result(init());
        }
        return Ok(Exit::Done);
    };
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(path)
        .map_err(|error| Stop::usage(format!("cannot write a new file `{}`: {error}", path.display())))?;
    file.write_all(init().as_bytes()).with_context(|| format!("writing `{}`", path.display()))?;
    if args.json {
        output::json(&begun(Some(path), None))?;
        return Ok(Exit::Done);
    }
    output::note(&format!(
        "wrote {}: name your signer and images in it, then `perry-sandbox policy check {}`",
        path.display(),
        path.display()
    ));
    Ok(Exit::Done)
}

/// Where a first policy was written, or its text.
fn begun(file: Option<&Path>, text: Option<&str>) -> serde_json::Value {
    let file = file.map(|path| path.display().to_string());
    json!({ "schema": "perry-sandbox/policy-init/v1", "file": file, "text": text })
}
