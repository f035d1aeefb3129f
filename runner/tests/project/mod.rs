//! What services of a project share on the embedded backend, by plans.

mod networks;
mod ordinary;
mod refusals;
mod volumes;
mod yard;
