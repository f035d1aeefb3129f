//! Sandboxes that outlive the program that started them.

mod exec;
mod hook;
mod names;
mod race;
mod records;
mod runs;
mod store;
mod swap;
mod upkeep;
mod yard;
