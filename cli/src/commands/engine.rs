//! `engine image`, `engine network`, `engine volume`: what of ours is in a container engine.

use std::path::Path;

use perry_sandbox_pipeline::stock::{
    Addresses, EngineImage, Labels, Network, NewNetwork, NewVolume, Project, Stock, StockError, StockKind,
    StockName, Volume,
};
use perry_sandbox_pipeline::{Backends, Environment};
use serde::Serialize;
use serde_json::json;

use super::image::lines;
use crate::args::{EngineArgs, EngineCommand, EngineImageCommand, NetworkCommand, VolumeCommand};
use crate::exit::Exit;
use crate::output;
use crate::progress::size;
use crate::stop::Stop;

/// The shape of all that is printed as JSON.
const SCHEMA: &str = "perry-sandbox/engine/v1";

/// Runs the subcommand.
pub(crate) fn engine(args: &EngineArgs, environment: &Environment) -> anyhow::Result<Exit> {
    let pinned = match &args.backend {
        Some(name) => std::slice::from_ref(name),
        None => environment.backends.as_slice(),
    };
    let only = if let [name] = pinned { Some(name.as_str()) } else { None };
    let backends = Backends::survey(&environment.tools, only);
    let stock = choose(&backends, pinned, &environment.runtime_dir).map_err(stopped)?;
    let report = Report { stock, as_json: args.json };
    match &args.command {
        EngineCommand::Image(command) => images(command, &report),
        EngineCommand::Network(command) => networks(command, &report),
        EngineCommand::Volume(command) => volumes(command, &report),
    }
}

/// The first of these that is alive, or of all where none is named. Where none is, the first says why.
fn choose<'a>(backends: &'a Backends, pinned: &[String], runtime: &'a Path) -> Result<Stock<'a>, StockError> {
    let mut wanted = pinned.iter().map(|name| backends.stock(name, runtime));
    match wanted.next() {
        None => backends.any_stock(runtime),
        Some(Err(first)) => wanted.find_map(Result::ok).ok_or(first),
        Some(found) => found,
    }
}

/// With the exit code that the error has.
fn stopped(error: StockError) -> anyhow::Error {
    let exit = if matches!(error, StockError::Unknown(_)) {
        Exit::Usage
    } else if matches!(error, StockError::NoEngine(_) | StockError::Absent { .. }) {
        Exit::NotAvailable
    } else {
        Exit::Failure
    };
    Stop::with(exit, error)
}

/// An engine, and how what it has is printed.
struct Report<'a> {
    stock: Stock<'a>,
    as_json: bool,
}

impl Report<'_> {
    /// One thing, or what became of it.
    fn one(&self, kind: &str, value: &impl Serialize) -> anyhow::Result<Exit> {
        let value = serde_json::to_value(value)?;
        if self.as_json {
            output::json(&json!({ "schema": SCHEMA, "backend": self.stock.backend(), kind: value }))?;
        } else {
            output::result(&lines(&value, 0).join("\n"));
        }
        Ok(Exit::Done)
    }

    /// Several, of which people are shown these columns, the last one as wide as it is.
    fn list<T: Serialize>(
        &self,
        kind: StockKind,
        all: &[T],
        columns: [&str; 3],
        row: impl Fn(&T) -> [String; 3],
    ) -> anyhow::Result<Exit> {
        let (backend, plural) = (self.stock.backend(), format!("{kind}s"));
        if self.as_json {
            output::json(&json!({ "schema": SCHEMA, "backend": backend, plural: all }))?;
        } else if all.is_empty() {
            output::note(&format!("{backend} has no {plural} of perry-sandbox"));
        } else {
            let rows: Vec<[String; 3]> =
                [columns.map(str::to_owned)].into_iter().chain(all.iter().map(row)).collect();
            let width =
                |of: fn(&[String; 3]) -> &String| rows.iter().map(|row| of(row).chars().count()).max();
            let first = width(|[first, _, _]| first).unwrap_or(0);
            let second = width(|[_, second, _]| second).unwrap_or(0);
            let text = rows.iter().map(|[one, two, three]| {
                format!("{one:first$}  {two:second$}  {three}").trim_end().to_owned()
            });
            output::result(&text.collect::<Vec<_>>().join("\n"));
        }
        Ok(Exit::Done)
    }

    /// Removes all, one after another; what was removed before one that cannot be is said with it.
    fn remove<T: ToString>(
        &self,
        kind: StockKind,
        all: &[T],
        remove: impl Fn(&T) -> Result<(), StockError>,
    ) -> anyhow::Result<Exit> {
        for (number, one) in all.iter().enumerate() {
            if let Err(error) = remove(one) {
                let before = all.iter().take(number).map(ToString::to_string).collect::<Vec<_>>();
                if !before.is_empty() {
                    output::note(&format!("removed before: {}", before.join(", ")));
                }
                return Err(stopped(error));
            }
        }
        let names: Vec<String> = all.iter().map(ToString::to_string).collect();
        if self.as_json {
            let backend = self.stock.backend();
            output::json(&json!({ "schema": SCHEMA, "backend": backend, "kind": kind, "removed": names }))?;
        } else {
            output::result(&format!("removed {}", names.join(", ")));
        }
        Ok(Exit::Done)
    }
}

fn images(command: &EngineImageCommand, report: &Report<'_>) -> anyhow::Result<Exit> {
    let stock = &report.stock;
    match command {
        EngineImageCommand::Ls => {
            let all = stock.images().map_err(stopped)?;
            report.list(StockKind::Image, &all, ["DIGEST", "SIZE", "NAME"], |image| {
                [image.id.to_string(), image.size.map_or_else(String::new, size), image.name.clone()]
            })
        }
        EngineImageCommand::Inspect { image } => {
            let image: EngineImage = stock.image(image).map_err(stopped)?;
            report.one("image", &image)
        }
        EngineImageCommand::Rm { images } => {
            report.remove(StockKind::Image, images, |image| stock.remove_image(image))
        }
    }
}

fn networks(command: &NetworkCommand, report: &Report<'_>) -> anyhow::Result<Exit> {
    let stock = &report.stock;
    match command {
        NetworkCommand::Ls => {
            let all = stock.networks().map_err(stopped)?;
            report.list(StockKind::Network, &all, ["NAME", "REACH", "SUBNETS"], |network| {
                [network.name.to_string(), reach(network).to_owned(), network.subnets.join(", ")]
            })
        }
        NetworkCommand::Inspect { name } => report.one("network", &stock.network(name).map_err(stopped)?),
        NetworkCommand::Create { labels, project, internal, subnet, name } => {
            let (name, labels) = named(project.as_ref(), name, labels)?;
            let internal = *internal || project.is_some();
            let new = NewNetwork { name, labels, internal, addresses: subnet.map(Addresses::of) };
            report.one("network", &stock.create_network(&new).map_err(stopped)?)
        }
        NetworkCommand::Rm { names } => {
            report.remove(StockKind::Network, names, |name| stock.remove_network(name))
        }
    }
}

/// What the engine calls something, and its labels.
fn named(
    project: Option<&Project>,
    name: &StockName,
    labels: &[String],
) -> anyhow::Result<(StockName, Labels)> {
    let labels = Labels::parse(labels).map_err(Stop::usage)?;
    let Some(project) = project else { return Ok((name.clone(), labels)) };
    let name = StockName::in_project(project, name).map_err(Stop::usage)?;
    Ok((name, labels.of_project(project)))
}

fn reach(network: &Network) -> &'static str {
    match network.internal {
        Some(true) => "internal",
        Some(false) => "outside",
        None => "not said",
    }
}

fn volumes(command: &VolumeCommand, report: &Report<'_>) -> anyhow::Result<Exit> {
    let stock = &report.stock;
    match command {
        VolumeCommand::Ls => {
            let all = stock.volumes().map_err(stopped)?;
            report.list(StockKind::Volume, &all, ["NAME", "CREATED", "MOUNTPOINT"], |volume: &Volume| {
                let shown = |text: &Option<String>| text.clone().unwrap_or_default();
                [volume.name.to_string(), shown(&volume.created), shown(&volume.mountpoint)]
            })
        }
        VolumeCommand::Inspect { name } => report.one("volume", &stock.volume(name).map_err(stopped)?),
        VolumeCommand::Create { labels, project, name } => {
            let (name, labels) = named(project.as_ref(), name, labels)?;
            let new = NewVolume { name, labels };
            report.one("volume", &stock.create_volume(&new).map_err(stopped)?)
        }
        VolumeCommand::Rm { names } => {
            report.remove(StockKind::Volume, names, |name| stock.remove_volume(name))
        }
    }
}
