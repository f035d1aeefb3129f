//! `store check` and `store prune`.

use serde_json::json;

use perry_sandbox_pipeline::Environment;

use crate::args::{StoreArgs, StoreCommand};
use crate::exit::Exit;
use crate::output;
use crate::progress::size;
use perry_sandbox_image::Store;

/// Runs the subcommand.
pub(crate) fn store(args: &StoreArgs, environment: &Environment) -> anyhow::Result<Exit> {
    match args.command {
        StoreCommand::Check { json } => check(environment, json),
        StoreCommand::Prune { all, json } => prune(environment, all, json),
    }
}

fn check(environment: &Environment, json: bool) -> anyhow::Result<Exit> {
    let store = Store::open(&environment.data_dir)?;
    let report = store.check()?;
    let missing = report.missing.iter().map(|(image, digest)| format!("{digest} of {image}"));
    if json {
        output::json(&json!({
            "schema": "perry-sandbox/store-check/v1",
            "sound": report.is_sound(),
            "blobs": report.blobs,
            "damaged": report.damaged,
            "missing": missing.collect::<Vec<_>>(),
            "orphans": report.orphans,
            "broken": report.broken,
            "abandoned": report.abandoned,
        }))?;
    } else {
        let mut lines = vec![format!("{} blobs hashed in {}", report.blobs, store.root().display())];
        lines.extend(report.damaged.iter().map(|digest| format!("damaged   {digest}")));
        lines.extend(missing.map(|what| format!("missing   {what}")));
        lines.extend(report.broken.iter().map(|path| format!("broken    {}", path.display())));
        lines.extend(report.orphans.iter().map(|digest| format!("unneeded  {digest}")));
        if report.is_sound() {
            lines.push("every image is whole".to_owned());
        } else {
            lines.push("to mend it: remove the images that are named (`image rm`), `store prune`, and pull them again".to_owned());
        }
        output::result(&lines.join("\n"));
    }
    Ok(if report.is_sound() { Exit::Done } else { Exit::Differs })
}

fn prune(environment: &Environment, all: bool, json: bool) -> anyhow::Result<Exit> {
    let store = Store::open(&environment.data_dir)?;
    let mut images = Vec::new();
    if all {
        for image in store.list()? {
            store.remove(&image)?;
            images.push(image.name);
        }
    }
    let damaged = if all { store.remove_damaged()? } else { Vec::new() };
    let pruned = store.prune()?;
    if json {
        output::json(&json!({
            "schema": "perry-sandbox/store-prune/v1",
            "images": images,
            "damaged": damaged,
            "blobs": pruned.blobs,
            "rootfs": pruned.rootfs,
            "records": pruned.records,
            "bytes": pruned.bytes,
        }))?;
    } else {
        let (blobs, trees) = (pruned.blobs.len(), pruned.rootfs.len());
        output::result(&format!(
            "removed {} images, {blobs} blobs ({}), {trees} root file systems",
            images.len(),
            size(pruned.bytes)
        ));
    }
    Ok(Exit::Done)
}
