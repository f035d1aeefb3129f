//! What runs: `up`, `down`, and everything that looks at or changes what is up.

mod args;
mod attach;
mod down;
mod logs;
mod progress;
mod ps;
mod signals;
mod site;
mod stream;
mod table;
mod up;

pub(crate) use args::{DownArgs, LogsArgs, PsArgs, RecoverArgs, UpArgs};
pub(crate) use down::{down, recover};
pub(crate) use logs::logs;
pub(crate) use ps::ps;
pub(crate) use up::up;
