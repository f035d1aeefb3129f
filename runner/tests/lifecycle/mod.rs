//! Sandboxes that outlive the program that started them.

mod exec;
mod names;
mod race;
mod runs;
mod yard;
