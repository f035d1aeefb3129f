//! Trust policies of other tools, in both forms, as one kind of rule with places.

mod cluster_image_policy;
mod model;
mod policy_json;
mod read;
mod subject;

pub use model::{Demand, DemandKind, Identity, IdentityPart, KeySource, TrustRule};

pub(crate) use read::read_trust;
pub(crate) use subject::Subject;
