//! What runs: `up`, `down`, and everything that looks at or changes what is up.

mod allowed;
mod args;
mod attach;
mod build_args;
mod building;
mod cp;
mod down;
mod drawing;
mod ending;
mod events;
mod exec;
mod life_args;
mod listing;
mod logs;
mod look_args;
#[cfg(test)]
mod made_up;
mod make_args;
mod making;
mod one_off;
mod pausing;
mod program_args;
mod progress;
mod ps;
mod rmi;
mod rows;
mod signals;
mod site;
mod starting;
mod stats;
mod stream;
mod table;
mod there;
mod top;
mod up;
mod volume;
mod waiting;

pub(crate) use args::{DownArgs, LogsArgs, PsArgs, RecoverArgs, UpArgs};
pub(crate) use build_args::BuildArgs;
pub(crate) use building::{build, is_interrupted};
pub(crate) use cp::cp;
pub(crate) use down::{down, recover};
pub(crate) use ending::{kill, rm, stop};
pub(crate) use events::events;
pub(crate) use exec::exec;
pub(crate) use life_args::{KillArgs, PauseArgs, RestartArgs, RmArgs, StartArgs, StopArgs, WaitArgs};
pub(crate) use listing::{images, ls, port, volumes};
pub(crate) use logs::logs;
pub(crate) use look_args::{
    CpArgs, EventsArgs, ImagesArgs, LsArgs, PortArgs, StatsArgs, TopArgs, VolumeArgs, VolumesArgs,
};
pub(crate) use make_args::{CreateArgs, PullArgs, ScaleArgs};
pub(crate) use making::{create, create_as, pull, scale};
pub(crate) use one_off::run;
pub(crate) use pausing::{pause, unpause};
pub(crate) use program_args::{ExecArgs, RunArgs};
pub(crate) use ps::ps;
pub(crate) use starting::{restart, start};
pub(crate) use stats::stats;
pub(crate) use top::top;
pub(crate) use up::up;
pub(crate) use volume::volume;
pub(crate) use waiting::wait;
