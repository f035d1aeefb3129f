//! Trust policies of other tools, written as policies of ours. What cannot be said is left out, so that it is denied, and told.

mod entry;
mod images;
mod outcome;
mod scope;
mod signers;
mod write;

pub use entry::import;
pub use outcome::{ImportError, ImportLoss, Imported, KeyFile, LossKind};
