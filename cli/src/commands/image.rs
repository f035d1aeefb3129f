//! `image pull`, `ls`, `inspect`, `rm`.

use jiff::Timestamp;
use perry_sandbox_image::{Source as _, Store, StoredImage, resolve};
use perry_sandbox_pipeline::{Environment, Pipeline};
use perry_sandbox_reference::Platform;
use serde_json::{Value, json};

use crate::args::{ImageArgs, ImageCommand, InspectArgs, ListArgs, PullArgs, RemoveArgs};
use crate::exit::Exit;
use crate::output;
use crate::progress::{progress, size};
use crate::stop::Stop;

/// Runs the subcommand.
pub(crate) fn image(args: &ImageArgs, environment: &Environment) -> anyhow::Result<Exit> {
    match &args.command {
        ImageCommand::Pull(args) => pull(args, environment),
        ImageCommand::Ls(args) => list(args, environment),
        ImageCommand::Inspect(args) => inspect(args, environment),
        ImageCommand::Rm(args) => remove(args, environment),
    }
}

fn pull(args: &PullArgs, environment: &Environment) -> anyhow::Result<Exit> {
    let pipeline = Pipeline::open(environment.clone())?;
    let name = args.image.parse().map_err(Stop::usage)?;
    let opened = pipeline.source(&name, &args.access.choice())?;
    let platform = args.platform.clone().unwrap_or_else(Platform::host);
    let image = opened.resolve(&platform)?;
    let pulled = pipeline.store().pull(
        opened.source.as_ref(),
        &image,
        &name.to_string(),
        progress(args.quiet).as_ref(),
    )?;
    if args.json {
        output::json(&summary(&pulled.image))?;
    } else if !args.quiet {
        output::note(&format!(
            "fetched {}; it has not been verified yet: `run` and `verify` do that",
            size(pulled.fetched)
        ));
        output::result(pulled.image.top().as_str());
    }
    Ok(Exit::Done)
}

fn list(args: &ListArgs, environment: &Environment) -> anyhow::Result<Exit> {
    let store = Store::open(&environment.data_dir)?;
    let images = store.list()?;
    for broken in store.broken()? {
        output::note(&broken.to_string());
    }
    if args.json {
        output::json(&images.iter().map(summary).collect::<Vec<_>>())?;
    } else if images.is_empty() {
        output::note("the store has no images");
    } else {
        let width = images.iter().map(|image| image.name.chars().count()).max().unwrap_or(0).max(4);
        let mut lines =
            vec![format!("{:width$}  {:19}  {:16}  {:>10}", "NAME", "DIGEST", "PLATFORM", "SIZE")];
        lines.extend(images.iter().map(|image| {
            let digest: String = image.top().as_str().chars().take(19).collect();
            let platform = image.platform.to_string();
            format!("{:width$}  {digest}  {platform:16}  {:>10}", image.name, size(image.size()))
        }));
        output::result(&lines.join("\n"));
    }
    Ok(Exit::Done)
}

fn inspect(args: &InspectArgs, environment: &Environment) -> anyhow::Result<Exit> {
    let store = Store::open(&environment.data_dir)?;
    let image = find_one(&store, &args.image)?;
    let source = store.source(image.clone());
    let wanted = perry_sandbox_image::Wanted::Digest(image.top().clone());
    let resolved = resolve(&source, &wanted, &image.platform)?;
    let config = resolved.config(&source)?;
    let mut value = summary(&image);
    if let Value::Object(fields) = &mut value {
        fields.insert(
            "layers".into(),
            json!(
                resolved
                    .layers()
                    .iter()
                    .map(|layer| json!({
                        "digest": layer.digest, "media-type": layer.media_type, "size": layer.size,
                    }))
                    .collect::<Vec<_>>()
            ),
        );
        fields.insert(
            "attachments".into(),
            json!(
                image
                    .attachments
                    .iter()
                    .map(|attachment| json!({
                        "subject": attachment.subject, "digest": attachment.descriptor.digest,
                    }))
                    .collect::<Vec<_>>()
            ),
        );
        fields.insert(
            "config".into(),
            json!({
                "user": config.user, "env": config.env, "entrypoint": config.entrypoint, "cmd": config.cmd,
                "working-dir": config.working_dir, "labels": config.labels, "diff-ids": config.diff_ids,
            }),
        );
    }
    if args.json {
        output::json(&value)?;
    } else {
        output::result(&format!("{}\n{}", source.describe(), lines(&value, 0).join("\n")));
    }
    Ok(Exit::Done)
}

fn remove(args: &RemoveArgs, environment: &Environment) -> anyhow::Result<Exit> {
    let store = Store::open(&environment.data_dir)?;
    // All are looked up before any is removed, so that a typing error removes nothing.
    let images: Vec<_> = args.images.iter().map(|text| find_one(&store, text)).collect::<Result<_, _>>()?;
    for image in &images {
        store.remove(image)?;
    }
    let pruned = store.prune()?;
    if args.json {
        output::json(
            &json!({ "removed": images.iter().map(summary).collect::<Vec<_>>(), "bytes": pruned.bytes }),
        )?;
    } else {
        let names: Vec<_> = images.iter().map(|image| image.name.as_str()).collect();
        output::result(&format!("removed {}, {} freed", names.join(", "), size(pruned.bytes)));
    }
    Ok(Exit::Done)
}

fn find_one(store: &Store, text: &str) -> anyhow::Result<StoredImage> {
    let mut found = store.find(text)?;
    match (found.pop(), found.is_empty()) {
        (Some(image), true) => Ok(image),
        (Some(_), false) => {
            Err(Stop::usage(format!("`{text}` fits several images of the store: name a digest")))
        }
        (None, _) => {
            Err(Stop::usage(format!("the store has no image `{text}`: `perry-sandbox image ls` lists them")))
        }
    }
}

fn summary(image: &StoredImage) -> Value {
    let stored =
        Timestamp::try_from(image.stored_at).map(|time| time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
    json!({
        "name": image.name,
        "digest": image.top(),
        "manifest": image.manifest_digest(),
        "config-digest": image.config,
        "platform": image.platform,
        "repository": image.repository,
        "size": image.size(),
        "stored-at": stored.ok(),
    })
}

/// JSON as indented `name: value` lines for people.
pub(super) fn lines(value: &Value, depth: usize) -> Vec<String> {
    let pad = "  ".repeat(depth);
    let deeper = depth.saturating_add(1);
    if let Value::Object(fields) = value {
        let shown = fields.iter().filter(|(_, value)| !value.is_null());
        shown
            .flat_map(|(name, value)| {
                if value.is_object() || value.is_array() {
                    std::iter::once(format!("{pad}{name}:")).chain(lines(value, deeper)).collect()
                } else {
                    vec![format!("{pad}{name}: {}", plain(value))]
                }
            })
            .collect()
    } else if let Value::Array(items) = value {
        let one = |item: &Value| {
            if item.is_object() { lines(item, depth) } else { vec![format!("{pad}- {}", plain(item))] }
        };
        items.iter().flat_map(one).collect()
    } else {
        vec![format!("{pad}{}", plain(value))]
    }
}

/// Text without the quotes that JSON puts round it.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
