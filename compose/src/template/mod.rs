//! Variables in values: `$NAME`, `${NAME}`, and the forms with a default, a replacement or a demand.

mod cast;
mod interpolate;
mod scan;
mod substitute;
mod variables;

pub use variables::{Variable, variables};

pub(crate) use interpolate::{Interpolation, MOST_BYTES, interpolate};
pub(crate) use substitute::{Substitution, not_set};
