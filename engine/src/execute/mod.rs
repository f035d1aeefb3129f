//! Takes steps in a world: in parallel along their edges, written down before each, undone in reverse when one fails.

mod conditions;
mod end;
mod ending;
mod event;
mod partly;
mod pool;
mod run;
mod undo;

pub use end::end;
pub use ending::stop_heeding;
pub use event::{Event, Events, Happened};
pub use run::{OnFailure, Options, run};
pub use undo::finish_undo;
