use std::path::Path;

use anyhow::Context as _;
use perry_sandbox_audit::{Baseline, Ignores, Input, Request, Settings, Verdict, audit as audited};

use super::{explain, fixes, inputs};
use crate::args::AuditArgs;
use crate::audit::DiskHost;
use crate::exit::Exit;
use crate::stop::Stop;
use crate::{environment, files, output};

/// Bytes of settings and baselines.
const LARGEST: u64 = 16 << 20;

/// Runs the command.
pub(crate) fn audit(args: &AuditArgs) -> anyhow::Result<Exit> {
    if let Some(rule) = &args.explain {
        return explain::explain(rule);
    }
    if args.rules {
        return explain::list(args.report.json);
    }
    let current = std::env::current_dir().context("finding the current folder")?;
    let project = perry_sandbox_compose::Request {
        current_folder: current
            .to_str()
            .context("the current folder's name is not text in UTF-8")?
            .to_owned(),
        environment: environment::all(),
        ..perry_sandbox_compose::Request::default()
    };
    let host = DiskHost::of(&project);
    let inputs = if args.argv { vec![argv(args)?] } else { inputs::inputs(&args.files, &current, &host)? };
    let ignores = ignores(args)?;
    let report = audited(&Request {
        inputs: &inputs,
        host: &host,
        project: &project,
        persona: args.report.persona(),
        ignores: &ignores,
        denied: &[],
        today: jiff::Zoned::now().date(),
    });
    if let Some(path) = &args.write_baseline {
        let reason = args.reason.as_deref().unwrap_or("there when the baseline was written");
        write_baseline(path, &report.baseline(reason))?;
    }
    if args.fix {
        fixes::fix(&report, args)?;
    } else {
        output::result(&args.report.rendered(&report, output::stdout_has_color())?);
    }
    Ok(match args.report.verdict(&report) {
        Verdict::Clean => Exit::Done,
        Verdict::Found => Exit::Differs,
        Verdict::Ungraded => Exit::Usage,
        Verdict::NoInputs => Exit::NoInputs,
    })
}

fn argv(args: &AuditArgs) -> anyhow::Result<Input> {
    let words = args.files.iter().map(|word| {
        let text = word.to_str().map(str::to_owned);
        text.ok_or_else(|| Stop::usage("a word of the command line is not text in UTF-8"))
    });
    Ok(Input::Argv(words.collect::<anyhow::Result<_>>()?))
}

fn ignores(args: &AuditArgs) -> anyhow::Result<Ignores> {
    let read = |path: &Path| -> anyhow::Result<(String, String)> {
        let bytes = perry_sandbox_pipeline::read(path, LARGEST)?;
        let text = String::from_utf8(bytes);
        let text = text.map_err(|_| Stop::usage(format!("`{}` is not text in UTF-8", path.display())))?;
        Ok((path.display().to_string(), text))
    };
    let beside = Path::new("audit.toml");
    let settings = args.settings.as_deref().or_else(|| beside.is_file().then_some(beside));
    let settings = settings.map(|path| {
        let (name, text) = read(path)?;
        Settings::parse(&name, &text).map_err(Stop::usage)
    });
    let baseline = args.baseline.as_deref().map(|path| {
        let (name, text) = read(path)?;
        Baseline::parse(&name, &text).map_err(Stop::usage)
    });
    Ok(Ignores { settings: settings.transpose()?, baseline: baseline.transpose()? })
}

fn write_baseline(path: &Path, text: &str) -> anyhow::Result<()> {
    if path.exists() {
        files::replace(path, text.as_bytes())?;
    } else {
        std::fs::write(path, text).with_context(|| format!("writing `{}`", path.display()))?;
    }
    output::note(&format!("wrote `{}`", path.display()));
    Ok(())
}
