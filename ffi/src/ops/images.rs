//! `pullImage`, `listImages`, `removeImage`: the content store.

use jiff::Timestamp;
use perry_sandbox_image::{ImageName, StoredImage};
use perry_sandbox_pipeline::{AccessChoice, Silent};
use perry_sandbox_reference::Platform;
use serde_json::{Value, json};

use super::target;
use super::wanted::WhileWanted;
use crate::calls::Call;
use crate::code::Code;
use crate::engine::Engine;
use crate::envelope::{Fields, json};
use crate::fault::Fault;

/// An image to fetch. It is not verified by that: runs and `verify` do that.
#[derive(Debug)]
pub(crate) struct Pull {
    image: ImageName,
    access: AccessChoice,
    platform: Option<Platform>,
}

/// An image to remove.
#[derive(Debug)]
pub(crate) struct Remove {
    image: String,
    force: bool,
}

impl Pull {
    /// `{image, platform?, pull?, …}`.
    pub(super) fn read(mut fields: Fields) -> Result<Self, Fault> {
        let pull = Self {
            image: fields.parsed("image")?.ok_or_else(|| fields.missing("image"))?,
            access: target::access(&mut fields)?,
            platform: fields.parsed("platform")?,
        };
        fields.finish()?;
        Ok(pull)
    }

    pub(super) fn run(self, engine: &Engine, call: &Call) -> Result<String, Fault> {
        let pipeline = engine.pipeline()?;
        let opened = pipeline.source(&self.image, &self.access)?;
        let platform = self.platform.unwrap_or_else(Platform::host);
        let image = opened.resolve(&platform)?;
        call.check()?;
        let store = pipeline.store();
        let source = WhileWanted { source: opened.source.as_ref(), call };
        let pulled = store.pull(&source, &image, &self.image.to_string(), &Silent)?;
        json(&summary(&pulled.image))
    }
}

/// Every image of the store.
pub(super) fn list(engine: &Engine) -> Result<String, Fault> {
    let images = engine.pipeline()?.store().list()?;
    json(&images.iter().map(summary).collect::<Vec<_>>())
}

impl Remove {
    /// `{image, force?}`.
    pub(super) fn read(mut fields: Fields) -> Result<Self, Fault> {
        let remove = Self { image: fields.required_text("image")?, force: fields.flag("force")? };
        fields.finish()?;
        Ok(remove)
    }

    pub(super) fn run(self, engine: &Engine) -> Result<String, Fault> {
        let pipeline = engine.pipeline()?;
        let store = pipeline.store();
        let found = store.find(&self.image)?;
        if found.is_empty() {
            return Err(Fault::new(Code::NotFound, format!("the store has no image `{}`", self.image)));
        }
        if found.len() > 1 && !self.force {
            let message = format!(
                "`{}` fits {} images of the store: name a digest, or force the removal of all",
                self.image,
                found.len()
            );
            return Err(Fault::new(Code::Conflict, message));
        }
        for image in &found {
            store.remove(image)?;
        }
        let pruned = store.prune()?;
        json(&json!({ "removed": found.iter().map(summary).collect::<Vec<_>>(), "bytes": pruned.bytes }))
    }
}

fn summary(image: &StoredImage) -> Value {
    let stored =
        Timestamp::try_from(image.stored_at).map(|time| time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
    let tag = image.name.parse::<ImageName>().ok();
    let tag = tag.as_ref().and_then(ImageName::reference).and_then(|it| it.tag()).map(ToString::to_string);
    json!({
        "name": image.name,
        "digest": image.top(),
        "manifest": image.manifest_digest(),
        "configDigest": image.config,
        "platform": image.platform,
        "repository": image.repository,
        "tag": tag,
        "size": image.size(),
        "storedAt": stored.ok(),
    })
}
