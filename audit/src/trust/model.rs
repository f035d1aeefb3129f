//! What trust policies say.

use crate::place::{Place, Placed};

/// What is asked of some images.
#[derive(Debug, Clone)]
pub struct TrustRule {
    /// What the rule is called in reports.
    pub name: String,
    /// The images, as the form writes it; nothing for all that no other rule is for.
    pub scope: Option<Placed<String>>,
    /// Where the rule begins.
    pub place: Place,
    /// What is asked.
    pub demands: Vec<Demand>,
    /// Whether all of it is asked, and not any one.
    pub all: bool,
    /// Whether an attestation is asked for as well: its predicate type.
    pub predicate: Option<Placed<String>>,
    /// Where the form says that nothing is refused.
    pub warns_only: Option<Place>,
    /// Parts that this program has no word for, each with what it is.
    pub beyond: Vec<Placed<&'static str>>,
}

/// One thing that is asked.
#[derive(Debug, Clone)]
pub struct Demand {
    /// What.
    pub kind: DemandKind,
    /// Where.
    pub place: Place,
    /// Where it is said, or not said, that no transparency log is asked.
    pub log_waived: Option<Place>,
    /// Whether the log that is asked is the public-good instance's.
    pub log_is_public: bool,
}

/// What can be asked.
#[derive(Debug, Clone)]
pub enum DemandKind {
    /// Nothing: everything is accepted.
    Accept,
    /// Nothing is accepted.
    Reject,
    /// A signature by one of these keys.
    Keys(Vec<Placed<KeySource>>),
    /// A certificate of one of these identities; an empty list is anybody.
    Keyless {
        /// Who.
        identities: Vec<Identity>,
        /// Whether the public-good instance vouches.
        is_public: bool,
    },
    /// Something that this program does not verify.
    Other(String),
}

/// Where a key comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySource {
    /// A file.
    File(String),
    /// Its text, in PEM.
    Text(String),
    /// A service or a secret that holds it.
    Elsewhere(String),
}

/// Whom a certificate must name.
#[derive(Debug, Clone)]
pub struct Identity {
    /// Who vouches.
    pub issuer: Option<IdentityPart>,
    /// For whom.
    pub subject: Option<IdentityPart>,
    /// Where.
    pub place: Place,
}

/// A part of an identity.
#[derive(Debug, Clone)]
pub struct IdentityPart {
    /// The text.
    pub text: Placed<String>,
    /// Whether it is a regular expression.
    pub is_expression: bool,
}
