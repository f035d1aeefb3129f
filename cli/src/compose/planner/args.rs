use std::path::PathBuf;

use clap::{Args, ValueEnum};
use perry_sandbox_pipeline::{
    AccessChoice, KeyChoice, LoadedPolicy, PolicyChoice, PolicyInput, SignerChoice,
};
use perry_sandbox_reference::Digest;

/// Who decides, and where images come from.
#[derive(Debug, Clone, Args)]
pub(crate) struct DeskArgs {
    /// Policy file, TOML or JSON; several hold together, each can only tighten [default: the user's, then the machine's]
    #[arg(long, value_name = "FILE")]
    policy: Vec<PathBuf>,

    /// Refuse to decide by any other resolved policy than this one
    #[arg(long, value_name = "DIGEST")]
    require_policy: Option<Digest>,

    /// Public key, PEM, that must have signed too
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,

    /// Speak plain HTTP to this registry; those on this machine are spoken to so anyway
    #[arg(long, value_name = "HOST[:PORT]")]
    insecure_registry: Vec<String>,

    /// Certificates that registries are trusted by, PEM [default: the system's]
    #[arg(long, value_name = "FILE")]
    registry_ca: Option<PathBuf>,

    /// Folder of images and of the trail
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
}

impl DeskArgs {
    pub(crate) fn policy(&self) -> PolicyChoice {
        let inputs = self.policy.iter().cloned().map(PolicyInput::File).collect();
        PolicyChoice { inputs, require: self.require_policy.clone() }
    }

    /// Whether a policy is named.
    pub(crate) const fn names_a_policy(&self) -> bool {
        !self.policy.is_empty()
    }

    /// What to name, where no policy was found.
    pub(crate) fn advice(policy: Option<&LoadedPolicy>) -> Option<&'static str> {
        policy.is_none().then_some(
            "there is no policy: name one by `--policy FILE`; `perry-sandbox policy init FILE` writes one to begin with",
        )
    }

    pub(crate) fn signer(&self) -> SignerChoice {
        SignerChoice { key: self.key.clone().map(KeyChoice::File), ..SignerChoice::default() }
    }

    pub(crate) fn access(&self) -> AccessChoice {
        AccessChoice {
            insecure_registries: self.insecure_registry.iter().cloned().collect(),
            registry_ca: self.registry_ca.clone(),
            ..AccessChoice::default()
        }
    }
}

/// `plan`.
#[derive(Debug, Args)]
pub(crate) struct PlanArgs {
    /// Services to plan, with those that they depend on [default: all]
    #[arg(value_name = "SERVICE")]
    pub(crate) services: Vec<String>,

    #[command(flatten)]
    pub(crate) desks: DeskArgs,

    /// Print JSON
    #[arg(long, conflicts_with = "suggest_policy")]
    pub(crate) json: bool,

    /// Print what to add to the policy so that it allows what it denies
    #[arg(long)]
    pub(crate) suggest_policy: bool,
}

/// `graph`.
#[derive(Debug, Args)]
pub(crate) struct GraphArgs {
    /// Services to draw, with those that they depend on [default: all]
    #[arg(value_name = "SERVICE")]
    pub(crate) services: Vec<String>,

    /// Language of the drawing
    #[arg(long, value_name = "FORMAT", default_value = "mermaid")]
    pub(crate) format: GraphFormat,
}

/// The language of a drawing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum GraphFormat {
    /// Mermaid's flow charts.
    Mermaid,
    /// Graphviz.
    Dot,
    /// JSON, with the order of starts.
    Json,
}

/// `explain`.
#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// Service
    #[arg(value_name = "SERVICE")]
    pub(crate) service: String,

    #[command(flatten)]
    pub(crate) desks: DeskArgs,

    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// `lock`.
#[derive(Debug, Args)]
pub(crate) struct LockArgs {
    #[command(flatten)]
    pub(crate) desks: DeskArgs,
}
