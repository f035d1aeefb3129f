//! The engine on a world that is made up: what is done, in which order, and that a failure at any step leaves what there was.

mod failures;
mod fake;
mod steps;
