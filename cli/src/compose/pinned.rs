//! Images by the digests that the project's lock has for them: no registry is asked.

use perry_sandbox_compose::{Project, yaml_scalar};
use serde_json::{Map, Value, json};

use crate::args::Format;
use crate::output::Failure;
use crate::planner::lock_of;

/// Puts the digests of the lock in the place of tags. An image that the lock does not have is an error.
pub(crate) fn pin(project: &mut Project) -> Result<(), Failure> {
    let lock = lock_of(&project.folder)?;
    project.rename_images(|image| {
        let pinned = lock.as_ref().and_then(|lock| lock.pinned(image));
        pinned.ok_or_else(|| Failure::NotLocked(image.to_owned()))
    })
}

/// The images of services alone, as a file that is merged over the others.
pub(crate) fn over(project: &Project, format: Option<Format>) -> String {
    let images = project
        .services()
        .iter()
        .filter_map(|(key, service)| Some((key.name.as_str(), service.get("image")?.text()?)));
    match format {
        Some(Format::Json) => {
            let one = |(name, image): (&str, &str)| (name.to_owned(), json!({ "image": image }));
            let services: Map<String, Value> = images.map(one).collect();
            format!("{:#}\n", json!({ "services": services }))
        }
        Some(Format::Yaml) | None => {
            let one =
                |(name, image)| format!("  {}:\n    image: {}\n", yaml_scalar(name), yaml_scalar(image));
            format!("services:\n{}", images.map(one).collect::<String>())
        }
    }
}
