//! Brings a project up and down: its sandboxes, networks and volumes, whoever described it.
//!
//! The data's way: [`Desired`] (what there is to be) and [`Seen`] (what there is) → [`reconcile()`], which is pure, → [`Work`]
//! (steps, each behind those that it waits for) → [`run`], which takes them in a [`World`], writes down what it is about to
//! do before it does it, and undoes all of it when one step fails. A world of sandboxes is [`Machine`]; everything in it is
//! started through the pipeline's gates, and found again by labels alone.
#![forbid(unsafe_code)]

mod desired;
mod error;
mod execute;
mod interrupt;
mod journal;
mod label;
mod machine;
mod project;
mod reconcile;
mod said;
mod shelf;
mod site;
mod work;
mod world;

pub use desired::{Desired, NetworkUnit, Project, StopHow, Unit, Until, VolumeUnit, Wait};
pub use error::{EngineError, Left, LeftState, Reached, StepError, UpError};
pub use execute::{Event, Events, Happened, OnFailure, Options, end, finish_undo, run, stop_heeding};
pub use interrupt::Interrupt;
pub use journal::{Journal, Undo, Unfinished};
pub use label::{Membership, Role};
pub use machine::{Machine, SecretSource};
pub use project::{Held, Projects, Remembered};
pub use reconcile::{
    Again, Down, Recreate, Up, down, own_volumes, reconcile, restart, start, stop, without_network,
};
pub use said::{condition, reasons};
pub use shelf::Shelf;
pub use site::{Anew, Ended, Look, Raise, RaiseError, Site, fetch, no_secrets, run_id, seen};
pub use work::{Act, After, Begins, Step, Work};
pub use world::{Condition, Replica, Seen, SeenResource, World};
