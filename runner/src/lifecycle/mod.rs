//! Sandboxes that outlive the program that started them: names, records, a supervisor each, logs, and programs that join.
//!
//! Each sandbox has a folder, owner only, below the folder of live sandboxes. Its record says what it is; a lock in it
//! says whether somebody holds it. The holder is the supervisor, a process of its own that is started by executing the
//! caller's own program again ([`helper_hook`](crate::helper_hook)), gets everything over a socket, and dies with nothing
//! left: the sandbox dies with it.

mod control;
mod copy;
mod error;
mod exec;
mod folder;
mod health;
mod id;
mod labels;
mod log;
mod post;
mod record;
mod restart;
mod sandboxes;
mod shape;
mod start;
mod steer;
mod supervisor;
mod tree;

pub use copy::{CopyBounds, CopyError, SandboxFiles};
pub use error::{FailureKind, LifecycleError};
pub use exec::ExecSurroundings;
pub use health::{BadAnswer, Health, HealthCheck, HealthStart, ProbeEnd};
pub use id::{SandboxId, SandboxName};
pub use labels::Labels;
pub use log::{LogBounds, LogBoundsError, LogChunk, LogEnd, LogStream, Logs};
pub use record::{Finish, SandboxInfo, SandboxStatus};
pub use restart::{Restart, RestartError};
pub use sandboxes::{Filter, NewSandbox, Sandboxes};
pub use start::StartOptions;
pub use steer::Stop;
pub(crate) use supervisor::supervise_detached;
pub use tree::Load;

#[doc(hidden)]
pub use record::check_record;
