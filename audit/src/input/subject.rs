//! What rules look at.

use perry_sandbox_compose::Request;
use perry_sandbox_profiles::SeccompProfile;

use super::{PolicyFile, ProfileForm, TrustForm};
use crate::finding::{Target, TargetKind};
use crate::launch::Stack;
use crate::place::FileId;
use crate::seccomp::Filter;
use crate::trust::TrustRule;

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
    /// A file that was come across and could not be read: what is in it, nobody knows.
    Unread {
        /// What reports call it.
        name: String,
        /// Why.
        why: String,
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

/// A seccomp profile.
#[derive(Debug)]
pub struct ProfileFile {
    /// How it is written.
    pub form: ProfileForm,
    /// What findings are about.
    pub target: Target,
    /// Its file.
    pub file: FileId,
    /// Its filters: one, but for a form with one a thread, and files of several documents.
    pub filters: Vec<Filter>,
    /// What it means, where it is in our own form.
    pub meaning: Option<Box<SeccompProfile>>,
}

/// A trust policy of another tool.
#[derive(Debug)]
pub struct TrustFile {
    /// How it is written.
    pub form: TrustForm,
    /// Its file.
    pub file: FileId,
    /// What it says.
    pub rules: Vec<TrustRule>,
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
