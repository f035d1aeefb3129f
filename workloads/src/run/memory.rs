//! What is remembered of a graph, so that whoever knows its name can bring it up again.

use std::time::Duration;

use perry_sandbox_pipeline::{
    AccessChoice, PipelineError, PolicyChoice, SignerChoice, image_from, write_out,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::workloads::Up;
use crate::desire::Asked;
use crate::model::Graph;
use crate::read::Problems;
use crate::strategy::{OnFailure, Strategy};

/// A graph, and how it was brought up. Without values of secrets.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Memory {
    schema: Schema,
    pub(super) graph: Value,
    pub(super) policy: PolicyChoice,
    pub(super) signer: SignerChoice,
    pub(super) access: AccessChoice,
    pub(super) strategy: Strategy,
    pub(super) on_failure: OnFailure,
    /// Where images that are paths are meant from.
    #[serde(default)]
    pub(super) folder: Option<String>,
    /// How long a node may take to be as far as another waits for.
    #[serde(default)]
    pub(super) patience: Option<Duration>,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
enum Schema {
    #[serde(rename = "perry-sandbox/workload/v1")]
    V1,
}

impl Memory {
    /// Paths that were meant from where the caller stands are written out, for whoever asks again stands elsewhere.
    ///
    /// # Errors
    /// The working folder is gone, or its path is not text.
    pub(super) fn new(graph: &Graph, up: &Up<'_>, folder: Option<String>) -> Result<Self, PipelineError> {
        let Asked { policy, signer, access } = up.asked;
        let (mut policy, mut signer, mut access) = (policy.clone(), signer.clone(), access.clone());
        write_out(&mut policy, &mut signer, &mut access)?;
        Ok(Self {
            schema: Schema::V1,
            // As it was written: that is what tells whether a node has changed.
            graph: graph.written().clone(),
            policy,
            signer,
            access,
            strategy: up.strategy,
            on_failure: up.on_failure,
            folder,
            patience: Some(up.patience),
        })
    }

    /// The graph, with its images as they were meant.
    pub(super) fn graph(&self) -> Result<Graph, Problems> {
        let mut graph = Graph::read(self.graph.clone())?;
        for node in graph.nodes.values_mut() {
            if let Some(folder) = &self.folder {
                node.image = image_from(folder, &node.image);
            }
        }
        Ok(graph)
    }
}

#[cfg(test)]
mod tests {
    use perry_sandbox_engine::{Interrupt, no_secrets};
    use perry_sandbox_pipeline::PolicyInput;
    use serde_json::json;

    use super::*;

    struct Nobody;

    impl perry_sandbox_engine::Events for Nobody {
        fn tell(&self, _: perry_sandbox_engine::Event) {}
    }

    #[test]
    fn what_is_remembered_means_the_same_from_everywhere() {
        let nodes = json!({ "a": { "image": "oci:some/image:v1" }, "b": { "image": "r.example/b:1" } });
        let graph = Graph::read(json!({ "name": "shop", "nodes": nodes })).unwrap();
        let policy = PolicyChoice { inputs: vec![PolicyInput::File("policy.toml".into())], require: None };
        let signer = SignerChoice { trusted_root: Some("root.json".into()), ..SignerChoice::default() };
        let access = AccessChoice { registry_ca: Some("ca.pem".into()), ..AccessChoice::default() };
        let up = Up {
            asked: Asked { policy: &policy, signer: &signer, access: &access },
            strategy: Strategy::default(),
            on_failure: OnFailure::default(),
            patience: Duration::from_millis(1234),
            secrets: &no_secrets,
            interrupt: &Interrupt::default(),
            events: &Nobody,
        };
        let memory = Memory::new(&graph, &up, Some("/there".to_owned())).unwrap();
        let memory: Memory = serde_json::from_value(serde_json::to_value(memory).unwrap()).unwrap();
        let here = std::env::current_dir().unwrap();
        assert_eq!(memory.policy.inputs, [PolicyInput::File(here.join("policy.toml"))]);
        assert_eq!(memory.signer.trusted_root, Some(here.join("root.json")));
        assert_eq!(memory.access.registry_ca, Some(here.join("ca.pem")));
        assert_eq!(memory.patience, Some(up.patience));
        let again = memory.graph().unwrap();
        let images: Vec<&str> = again.nodes().map(|(_, node)| node.image.as_str()).collect();
        assert_eq!(images, ["oci:/there/some/image:v1", "r.example/b:1"]);
        assert_eq!(again.written(), graph.written(), "no node has changed by that");
    }
}
