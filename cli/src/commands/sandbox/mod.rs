//! Sandboxes that outlive the command that started them.

mod detach;
mod end;
mod exec;
mod find;
mod list;
mod logs;
mod shown;
mod wait;

pub(crate) use detach::{detach, start};
pub(crate) use end::{remove, stop};
pub(crate) use exec::exec;
pub(crate) use list::{inspect, ps};
pub(crate) use logs::logs;
pub(crate) use wait::wait;
