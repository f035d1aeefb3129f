//! One file a command.

mod answer;
mod audit;
mod backends;
mod completions;
mod doctor;
mod engine;
mod explain;
mod image;
mod import;
mod install;
mod log;
mod policy;
mod profile;
mod report;
mod run;
mod sandbox;
mod store;
mod verify;

pub(crate) use audit::audit;
pub(crate) use backends::backends;
pub(crate) use completions::{completions, man};
pub(crate) use doctor::{doctor, doctor_project};
pub(crate) use engine::engine;
pub(crate) use explain::explain;
pub(crate) use image::image;
pub(crate) use log::log;
pub(crate) use policy::policy;
pub(crate) use profile::profile;
pub(crate) use run::run;
pub(crate) use sandbox::{exec, inspect, logs, ps, remove, start, stop, wait};
pub(crate) use store::store;
pub(crate) use verify::verify;
