//! The embedded launcher: namespaces, mounts, limits and filters over the host's own kernel, as root or not.

mod berth;
mod cgroup;
mod devices;
mod facts;
mod failure;
mod files;
mod foreign;
mod ground;
mod helper;
mod ids;
mod join;
mod landlock;
mod launcher;
mod live;
#[cfg(feature = "measure")]
mod measure;
mod memory;
mod message;
mod observer;
mod owners;
mod plan;
mod prepared;
mod process;
mod pump;
mod recorder;
mod report;
mod rooms;
mod run;
mod settings;
mod shared;
mod signals;
mod spec;
mod start;
mod steps;
mod strain;
mod supervise;
mod sys;
mod terminal;
mod text;
mod wait;
mod warm;

#[cfg(test)]
pub(crate) mod tests;

pub(crate) use berth::Berth;
pub(crate) use cgroup::Group;
pub use devices::DeviceError;
pub use facts::probe;
pub(crate) use facts::{NAME, fresh_name, room};
pub use failure::{RunError, SetupError};
pub(crate) use foreign::{foreign_process, foreign_target};
pub use ground::RootError;
pub(crate) use helper::{Role, start as start_helper};
pub use helper::{helper_hook, launcher_main};
pub(crate) use ids::{Ids, RANGE_BASE, RANGE_LENGTH, Users};
pub(crate) use join::{Guest, Joined, PROCESSES_OF_A_HOST_USER, Target, end_session, join, run_guest};
pub(crate) use landlock::{Domain, domain_of_monitor, has_domains};
pub use launcher::Launcher;
pub(crate) use launcher::{tell_exited, tell_refused, tell_started};
pub(crate) use live::{check_owner, reap};
#[cfg(feature = "measure")]
pub use measure::time_of_steps;
pub(crate) use memory::with_memory;
pub(crate) use message::{is_ours, receive, send};
pub(crate) use observer::Observer;
pub(crate) use plan::{bounds, settings, settings_of};
pub(crate) use prepared::Prepared;
pub(crate) use process::Process;
pub(crate) use pump::{Outlet, source_of};
pub(crate) use recorder::Recorder;
pub(crate) use report::report_failure;
pub(crate) use run::pipes;
pub(crate) use run::{Finished, Place, run};
pub(crate) use settings::{Bounds, NetworkWish, RootFolder, Settings, VolumeFolder};
pub(crate) use signals::{Delivery, Hands, is_handled_by, is_handled_with};
pub use spec::SpecError;
pub(crate) use spec::candidates_of;
pub use start::StartError;
pub(crate) use steps::Slot;
pub(crate) use supervise::{Company, Counting, Ended, Running, supervise};
pub(crate) use sys::Exit;
pub(crate) use sys::{
    NoBrokenPipeSignal, Walls, clone_host, disconnect, open_inside, open_pidfd, peek_exited, signal_by_pidfd,
    spawn_walled, try_namespaces, unsent, wait_exit,
};
pub use text::TextError;
pub(crate) use wait::await_readable;

// What the process of a WebAssembly module is made of.
#[cfg(feature = "wasm")]
pub(crate) use self::{
    cgroup::Room,
    owners::{show_folder, show_image},
    plan::words,
    settings::HostFolder,
    steps::Step,
    sys::{
        Errno, MountAttributes, clone_tree, exit_now, filter_every_thread, leave_host, new_tmpfs,
        open_beneath, restrict_self, set_attributes, set_attributes_below,
    },
};
