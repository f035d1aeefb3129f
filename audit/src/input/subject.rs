//! What rules look at.

use perry_sandbox_compose::{Node, Request, Span};
use perry_sandbox_policy::{Policy, SourceName};

use super::{ProfileForm, TrustForm};
use crate::finding::{Target, TargetKind};
use crate::launch::{Reader, Stack};
use crate::place::{FileId, Place};

/// Something to audit.
#[derive(Debug, Clone)]
pub enum Input {
    /// A file; what it is, its content says.
    File {
        /// What reports call it.
        name: String,
        /// Where it is, absolute; none for a text that is in no file.
        path: Option<String>,
        /// Its bytes.
        bytes: Vec<u8>,
    },
    /// A file that was come across: it is left out if it is nothing that is audited.
    Found {
        /// What reports call it.
        name: String,
        /// Where it is, absolute.
        path: String,
        /// Its bytes.
        bytes: Vec<u8>,
    },
    /// The words of an invocation.
    Argv(Vec<String>),
    /// A Compose project as a whole.
    Project(Box<Request>),
}

/// What rules look at.
#[derive(Debug)]
pub enum Subject {
    /// What is launched.
    Stack(Stack),
    /// A policy.
    Policy(Box<PolicyFile>),
    /// A seccomp profile.
    Profile(ProfileFile),
    /// A trust policy.
    Trust(TrustFile),
}

/// A policy that was read.
#[derive(Debug)]
pub struct PolicyFile {
    /// Its file.
    pub file: FileId,
    /// Its name among the policy's own sources.
    pub name: SourceName,
    /// The policy.
    pub policy: Policy,
}

impl PolicyFile {
    /// Where a span of the policy is; nothing for those of built-in tiers.
    pub fn place(&self, span: perry_sandbox_policy::Span) -> Option<Place> {
        policy_place(self.file, span)
    }
}

/// The built-in tiers are a policy's first source, its one file the next.
pub(super) fn policy_place(file: FileId, span: perry_sandbox_policy::Span) -> Option<Place> {
    let offset = |offset: u32| usize::try_from(offset).ok();
    (span.source == 1).then_some(Place { file, start: offset(span.start)?, end: offset(span.end)? })
}

/// A seccomp profile, as it is written.
#[derive(Debug)]
pub struct ProfileFile {
    /// How it is written.
    pub form: ProfileForm,
    /// What findings are about.
    pub target: Target,
    /// Its file.
    pub file: FileId,
    /// Its documents: one, but for YAML with several.
    pub documents: Vec<Node>,
}

impl ProfileFile {
    /// Where a part stands.
    pub fn place(&self, span: Span) -> Option<Place> {
        Reader { files: &[self.file] }.place(span)
    }
}

/// A trust policy of another tool, as it is written.
#[derive(Debug)]
pub struct TrustFile {
    /// How it is written.
    pub form: TrustForm,
    /// Its file.
    pub file: FileId,
    /// Its documents.
    pub documents: Vec<Node>,
}

impl TrustFile {
    /// Where a part stands.
    pub fn place(&self, span: Span) -> Option<Place> {
        Reader { files: &[self.file] }.place(span)
    }
}

impl Subject {
    /// What it is about, one by one: rules are counted by these.
    pub fn targets(&self, file_name: &str) -> Vec<Target> {
        match self {
            Self::Stack(stack) => stack.launches.iter().map(|launch| launch.target.clone()).collect(),
            Self::Profile(profile) => vec![profile.target.clone()],
            Self::Policy(_) | Self::Trust(_) => vec![Target::new(TargetKind::File, file_name)],
        }
    }

    /// A place in its file.
    pub const fn file(&self) -> FileId {
        match self {
            Self::Stack(stack) => stack.place.file,
            Self::Policy(policy) => policy.file,
            Self::Profile(profile) => profile.file,
            Self::Trust(trust) => trust.file,
        }
    }
}
