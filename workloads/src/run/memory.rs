//! What is remembered of a graph, so that whoever knows its name can bring it up again.

use perry_sandbox_pipeline::{AccessChoice, PolicyChoice, SignerChoice};
use serde::{Deserialize, Serialize};
use serde_json::Value;

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
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
enum Schema {
    #[serde(rename = "perry-sandbox/workload/v1")]
    V1,
}

impl Memory {
    pub(super) fn new(
        graph: Value,
        (policy, signer, access): (PolicyChoice, SignerChoice, AccessChoice),
        (strategy, on_failure): (Strategy, OnFailure),
    ) -> Self {
        Self { schema: Schema::V1, graph, policy, signer, access, strategy, on_failure }
    }
}
