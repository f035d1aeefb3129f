//! Images of services that are built here: which ones may be, what there is of them, and the making.

mod builders;
mod recipe;

pub use builders::{Builders, NoBuild};
pub use recipe::{BuildWords, MakingError, ReadyBuild, Recipe};
