//! Engines that no machine of ours has, as programs that fail on any word that they do not expect.

mod argv;
mod asked;
mod ends;
mod fake;
mod images;
mod plan;
mod probes;
mod project;
mod stock;
