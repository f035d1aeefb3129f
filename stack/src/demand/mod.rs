//! What each service asks for: every attribute of the standard is honoured, asked of the policy, or refused.

mod asker;
mod build;
mod demand_of;
mod extension;
mod fate;
mod file;
mod host;
mod limits;
mod logging;
mod memory;
mod mount;
mod network;
mod process;
mod project;
mod refused;
mod security;
mod settings;
mod system;
mod table;

pub use build::BuildDemand;
pub use demand_of::{Demand, Must};
pub use fate::{Fate, Row};
pub use file::WantedConfig;
pub use host::Host;
pub use process::user_numbers;
pub use project::{Demands, demand};
pub use refused::{RefusedField, Refusing};
pub use table::ATTRIBUTES;
