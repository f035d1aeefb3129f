use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

use super::Project;
use super::build::sorted;
use crate::config::{NoJsonForm, compact_json};
use crate::load::Loaded;
use crate::model::{Kind, SERVICE};
use crate::node::{Mapping, Node};

/// What is put for a value that is not shown.
const HIDDEN: &str = "********";

impl Project {
    /// The names in a section, in order.
    pub fn names(&self, section: &str) -> Vec<String> {
        self.section(section).into_iter().flat_map(sorted).map(|(name, _)| name.to_owned()).collect()
    }

    /// The models that services use.
    pub fn models(&self) -> Vec<String> {
        let models = self.section("models").into_iter().flat_map(sorted);
        models.filter_map(|(_, model)| model.get("model")?.text().map(str::to_owned)).collect()
    }

    /// The images of the services: what is built has the name that it will get.
    pub fn images(&self) -> Vec<String> {
        sorted(self.services())
            .into_iter()
            .map(|(name, service)| match service.get("image").and_then(Node::text) {
                Some(image) => image.to_owned(),
                None => format!("{}-{name}", self.name),
            })
            .collect()
    }

    /// The hash of what makes a service's container what it is; nothing if there is no such service. A changed hash asks
    /// for a new container.
    ///
    /// # Errors
    /// The service has a value that has no form in JSON.
    pub fn service_hash(&self, name: &str) -> Result<Option<String>, NoJsonForm> {
        let Some(mut service) = self.services().get(name).cloned() else { return Ok(None) };
        if let Some(service) = service.mapping_mut() {
            for key in ["build", "pull_policy", "scale", "depends_on", "profiles"] {
                service.remove(key);
            }
        }
        if let Some(deploy) = service.get_mut("deploy").and_then(Node::mapping_mut) {
            deploy.remove("replicas");
        }
        let json = compact_json(&service, Kind::Part(&SERVICE))?;
        let mut hash = String::new();
        for byte in Sha256::digest(json.as_bytes()) {
            let _ = write!(hash, "{byte:02x}");
        }
        Ok(Some(hash))
    }

    /// Puts other names of images in the place of those of services, as `other` says.
    ///
    /// # Errors
    /// The first that `other` fails with.
    pub fn rename_images<E>(&mut self, other: impl Fn(&str) -> Result<String, E>) -> Result<(), E> {
        for (_, service) in self.services_mut().into_iter().flat_map(Mapping::iter_mut) {
            let Some(image) = service.get_mut("image") else { continue };
            let Some(name) = image.text() else { continue };
            *image = image.text_here(other(name)?);
        }
        Ok(())
    }

    /// Puts stars for the values of the variables of which `secret` says so.
    pub fn hide_variables(&mut self, secret: impl Fn(&str) -> bool) {
        hide_variables(&mut self.model, &secret);
    }
}

impl Loaded {
    /// Puts stars for the values of the variables of which `secret` says so.
    pub fn hide_variables(&mut self, secret: impl Fn(&str) -> bool) {
        hide_variables(&mut self.model, &secret);
    }
}

fn hide_variables(model: &mut Node, secret: &impl Fn(&str) -> bool) {
    let services = model.get_mut("services").and_then(Node::mapping_mut);
    for (_, service) in services.into_iter().flat_map(Mapping::iter_mut) {
        for place in [&["environment"][..], &["build", "args"]] {
            let Some(found) = place.iter().try_fold(&mut *service, |node, key| node.get_mut(key)) else {
                continue;
            };
            for (key, value) in found.mapping_mut().into_iter().flat_map(Mapping::iter_mut) {
                if !value.is_null() && secret(&key.name) {
                    *value = value.text_here(HIDDEN);
                }
            }
            for item in found.sequence_mut().into_iter().flatten() {
                let Some((key, _)) = item.text().and_then(|text| text.split_once('=')) else { continue };
                if secret(key) {
                    *item = item.text_here(format!("{key}={HIDDEN}"));
                }
            }
        }
    }
}
