use perry_sandbox_policy::DenyReason;
use perry_sandbox_reference::Repository;

/// What is known of a service's build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Built {
    /// The policy does not let it be built here.
    Denied(Vec<DenyReason>),
    /// It may be built, and nobody has yet.
    NotYet,
    /// It was built.
    Here {
        /// The image, by its digest.
        image: String,
        /// What it was built as.
        repository: Repository,
    },
}
