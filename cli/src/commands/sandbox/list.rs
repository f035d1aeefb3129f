//! `ps` and `inspect`.

use jiff::Timestamp;
use perry_sandbox_pipeline::{Environment, Pipeline};
use perry_sandbox_runner::{Filter, SandboxInfo};

use super::find::{each, find, list};
use super::shown;
use crate::args::{InspectSandboxArgs, PsArgs};
use crate::commands::image::lines;
use crate::exit::Exit;
use crate::output;
use crate::stop::Stop;

/// One condition of `--filter`.
enum Condition {
    Label(String, Option<String>),
    Name(String),
    Status(String),
}

impl Condition {
    fn parse(text: &str) -> anyhow::Result<Self> {
        match text.split_once('=') {
            Some(("label", label)) => Ok(match label.split_once('=') {
                Some((name, value)) => Self::Label(name.to_owned(), Some(value.to_owned())),
                None => Self::Label(label.to_owned(), None),
            }),
            Some(("name", part)) => Ok(Self::Name(part.to_owned())),
            Some(("status", status @ ("created" | "running" | "exited" | "dead"))) => {
                Ok(Self::Status(status.to_owned()))
            }
            _ => Err(Stop::usage(format!(
                "`--filter {text}`: expected label=NAME[=VALUE], name=PART, or status=created|running|exited|dead"
            ))),
        }
    }

    fn holds(&self, info: &SandboxInfo) -> bool {
        match self {
            Self::Label(name, value) => info
                .labels
                .as_map()
                .get(name)
                .is_some_and(|own| value.as_ref().is_none_or(|value| own == value)),
            Self::Name(part) => info.name.as_str().contains(part.as_str()),
            Self::Status(status) => info.status.to_string() == *status,
        }
    }
}

/// Lists sandboxes.
pub(crate) fn ps(args: &PsArgs, environment: &Environment) -> anyhow::Result<Exit> {
    let conditions: Vec<_> =
        args.filter.iter().map(|text| Condition::parse(text)).collect::<Result<_, _>>()?;
    let pipeline = Pipeline::open(environment.clone())?;
    // Whoever asks for a status means it, whatever is listed otherwise.
    let all = args.all || conditions.iter().any(|it| matches!(it, Condition::Status(_)));
    let mut found = pipeline.sandboxes()?.list(&Filter { all, ..Filter::default() })?;
    found.retain(|info| conditions.iter().all(|condition| condition.holds(info)));
    if args.json {
        let found: Vec<_> = found.iter().map(shown::report).collect();
        output::json(&list(&found))?;
    } else if args.quiet {
        if !found.is_empty() {
            output::result(&found.iter().map(shown::short_id).collect::<Vec<_>>().join("\n"));
        }
    } else {
        output::result(&table(&found, Timestamp::now()));
    }
    Ok(Exit::Done)
}

fn table(found: &[SandboxInfo], now: Timestamp) -> String {
    let head = ["ID", "NAME", "IMAGE", "TIER", "STATUS"].map(str::to_owned);
    let row = |info: &SandboxInfo| {
        [
            shown::short_id(info),
            info.name.to_string(),
            info.image.clone(),
            info.tier.clone(),
            shown::status(info, now),
        ]
    };
    let rows: Vec<_> = std::iter::once(head).chain(found.iter().map(row)).collect();
    let mut widths = [0_usize; 5];
    for cells in &rows {
        for (width, cell) in widths.iter_mut().zip(cells) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |cells: &[String; 5]| {
        let padded = cells.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Shows all that may be seen of sandboxes.
pub(crate) fn inspect(args: &InspectSandboxArgs, environment: &Environment) -> anyhow::Result<Exit> {
    let pipeline = Pipeline::open(environment.clone())?;
    let sandboxes = pipeline.sandboxes()?;
    each(&args.names, args.json, |name| {
        let report = shown::report(&sandboxes.inspect(&find(&sandboxes, name)?)?);
        if !args.json {
            output::result(&lines(&report, 0).join("\n"));
        }
        Ok((Exit::Done, report))
    })
}
