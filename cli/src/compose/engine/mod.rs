//! What runs: `up`, `down`, and everything that looks at or changes what is up.

mod allowed;
mod args;
mod attach;
mod down;
mod ending;
mod exec;
mod life_args;
mod logs;
mod one_off;
mod program_args;
mod progress;
mod ps;
mod signals;
mod site;
mod starting;
mod stream;
mod table;
mod there;
mod up;
mod waiting;

pub(crate) use args::{DownArgs, LogsArgs, PsArgs, RecoverArgs, UpArgs};
pub(crate) use down::{down, recover};
pub(crate) use ending::{kill, rm, stop};
pub(crate) use exec::exec;
pub(crate) use life_args::{KillArgs, RestartArgs, RmArgs, StartArgs, StopArgs, WaitArgs};
pub(crate) use logs::logs;
pub(crate) use one_off::run;
pub(crate) use program_args::{ExecArgs, RunArgs};
pub(crate) use ps::ps;
pub(crate) use starting::{restart, start};
pub(crate) use up::up;
pub(crate) use waiting::wait;
