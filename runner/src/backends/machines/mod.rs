//! Engines in a machine of their own beside this host. What they run is Docker's engine or containerd, which are spoken to as
//! everywhere; what is here finds the machine, and the way into it. None of them was run on the real thing.

mod colima;
mod lima;
mod orbstack;
mod rancher;

pub(super) use colima::colima;
pub(super) use lima::lima;
pub(super) use orbstack::orbstack;
pub(super) use rancher::rancher_desktop;
