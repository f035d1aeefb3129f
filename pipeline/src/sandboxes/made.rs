//! What goes in and what comes out.

use std::collections::BTreeMap;

use perry_sandbox_policy::{Trial, UsedException};
use perry_sandbox_runner::{Input, SandboxInfo, Secrets};

use super::upkeep::Upkeep;
use crate::ask::Asked;

/// What a wish came to.
#[derive(Debug)]
#[must_use]
pub enum Reply<'a, T> {
    /// Policy and verifier allow it, and it is done.
    Done(T),
    /// They do not: the reasons are in [`Asked::answer`], and in the trail. Nothing was changed.
    Refused(Box<Asked<'a>>),
}

/// What a sandbox is called, and how it is kept up.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Named {
    /// 1 to 63 of `a-z`, `0-9`, `.`, `_`, `-`; none: `{md5_8}-{random_hex8}` after the image.
    pub name: Option<String>,
    /// What it can be found by.
    pub labels: BTreeMap<String, String>,
    /// Restarts and health.
    pub upkeep: Upkeep,
}

/// How a sandbox begins.
#[derive(Debug)]
pub struct Begin<'a> {
    /// What its program reads; handed over, so the caller may end.
    pub stdin: Input,
    /// Whether one that has ended may be started again.
    pub again: bool,
    /// Values of the secrets that the plan gives. They are stored nowhere: whoever starts it again supplies them again.
    pub secrets: Option<&'a Secrets>,
    /// Rows and columns of the terminal, where the plan has one.
    pub window: (u16, u16),
}

impl Default for Begin<'_> {
    fn default() -> Self {
        Self { stdin: Input::Null, again: false, secrets: None, window: (24, 80) }
    }
}

/// A sandbox that was created or started.
#[derive(Debug)]
pub struct Made {
    /// What may be seen of it.
    pub info: SandboxInfo,
    /// The exception without which the policy would not have allowed it.
    pub exception: Option<UsedException>,
    /// What the trial of the image rule says.
    pub trial: Option<Trial>,
}
