use std::collections::BTreeMap;

use perry_sandbox_compose::Span;
use perry_sandbox_pipeline::{AccessChoice, PolicyChoice, Pull, SignerChoice, TargetChoice, Wish};
use perry_sandbox_policy::{
    IsolationLevel, ServiceName, Terminal, TierName, WantedGrants, WantedLimits, WantedProject,
};
use perry_sandbox_profiles::LinuxCap;
use perry_sandbox_reference::{Platform, Repository};
use perry_sandbox_runner::LogBounds;

use crate::model::At;

use super::{BuildDemand, RefusedField, WantedConfig};

/// What a service asks for.
#[derive(Debug, Clone)]
pub struct Demand {
    /// The service, with its project.
    pub service: Option<ServiceName>,
    /// Where it stands.
    pub span: Span,
    /// Its image, as written.
    pub image: Option<At<String>>,
    /// What its file says of a build.
    pub build: Option<BuildDemand>,
    /// Program that replaces the image's entry point.
    pub entrypoint: Option<String>,
    /// Arguments.
    pub args: Vec<String>,
    /// Variables.
    pub env: BTreeMap<String, String>,
    /// The user, in numbers or `root`.
    pub user: Option<String>,
    /// Where the program begins.
    pub working_dir: Option<String>,
    /// The tier that it asks for.
    pub tier: Option<TierName>,
    /// The backend that it asks for.
    pub backend: Option<String>,
    /// The platform that it asks for.
    pub platform: Option<Platform>,
    /// When its image's registry is asked.
    pub pull: Pull,
    /// Grants.
    pub grants: WantedGrants,
    /// What it wants of its project.
    pub project: WantedProject,
    /// Which of its volumes are its own: its files give them no name.
    pub anonymous: Vec<String>,
    /// Which of its volumes are the own of other services, and of which.
    pub borrowed: BTreeMap<String, String>,
    /// The program that says whether it is well.
    pub probe: Option<Vec<String>>,
    /// How much of what it writes is kept.
    pub log: LogBounds,
    /// Limits.
    pub limits: WantedLimits,
    /// Whether it wants a terminal.
    pub terminal: Terminal,
    /// What a plan for it must say beside what the policy decides.
    pub must: Must,
    /// Folders and files of the host that it is to see.
    pub binds: Vec<At<String>>,
    /// Configs that are still to be read: see [`Demands::look_at_host`](super::Demands::look_at_host).
    pub configs: Vec<At<WantedConfig>>,
    /// What of it is refused whatever a policy says.
    pub refused: Vec<RefusedField>,
    /// What is done otherwise than its author may think.
    pub notes: Vec<String>,
}

/// What a plan must say, or the service does not get what its file demands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Must {
    /// A read-only root.
    pub read_only: Option<Span>,
    /// This user, and this group where one is named.
    pub user: Option<At<(u32, Option<u32>)>>,
    /// A wall that is no weaker than this.
    pub isolation: Option<At<IsolationLevel>>,
    /// None of these Linux caps.
    pub without: Vec<At<LinuxCap>>,
}

impl Demand {
    /// A service that asks for nothing.
    pub fn nothing(span: Span) -> Self {
        Self {
            service: None,
            span,
            image: None,
            build: None,
            entrypoint: None,
            args: Vec::new(),
            env: BTreeMap::new(),
            user: None,
            working_dir: None,
            tier: None,
            backend: None,
            platform: None,
            pull: Pull::default(),
            grants: WantedGrants::default(),
            project: WantedProject::default(),
            anonymous: Vec::new(),
            borrowed: BTreeMap::new(),
            probe: None,
            log: LogBounds::default(),
            limits: WantedLimits::default(),
            terminal: Terminal::None,
            must: Must::default(),
            binds: Vec::new(),
            configs: Vec::new(),
            refused: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Makes it run as this user, and asks for no less.
    pub fn run_as(&mut self, (uid, gid): (u32, Option<u32>), span: Span) {
        self.user = Some(format!("{uid}:{}", gid.unwrap_or(uid)));
        self.must.user = Some(At::new((uid, gid), span));
    }

    /// The wish that goes past the desks, for this image; nothing if the service is refused. An image that was built here is
    /// held against the repository that it was built as.
    pub fn wish(
        &self,
        (image, repository): (&str, Option<&Repository>),
        policy: &PolicyChoice,
        signer: &SignerChoice,
        access: &AccessChoice,
    ) -> Option<Wish> {
        let name = self.service.clone().filter(|_| self.refused.is_empty())?;
        let target = TargetChoice::Service { name, image: image.to_owned() };
        let access = AccessChoice { pull: self.pull, ..access.clone() };
        Some(Wish {
            policy: policy.clone(),
            signer: signer.clone(),
            access,
            repository: repository.cloned(),
            tier: self.tier.clone(),
            backend: self.backend.clone(),
            platform: self.platform.clone(),
            entrypoint: self.entrypoint.clone(),
            args: self.args.clone(),
            env: self.env.clone(),
            user: self.user.clone(),
            working_dir: self.working_dir.clone(),
            grants: self.grants.clone(),
            project: self.project.clone(),
            limits: self.limits.clone(),
            terminal: self.terminal,
            ..Wish::of(target)
        })
    }
}
