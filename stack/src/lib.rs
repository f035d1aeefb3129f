//! A Compose project as a whole: in which order its services start, what each asks for, what is refused, and the plan of
//! what would be done.
//!
//! The data's way: [`Project`](perry_sandbox_compose::Project) → [`Stack`] (types) → [`Order`] and [`Demands`] (what each
//! service asks for, by one table of all attributes) → [`StackPlan`] (steps) and verdicts ([`judge`](judge())), one of the
//! desks for each service, before anything else. Nothing here starts anything.
#![forbid(unsafe_code)]

mod backend;
mod demand;
mod desire;
mod disk;
pub mod draw;
mod judge;
mod lock;
mod making;
mod model;
mod order;
mod plan;
mod secrets;
mod suggest;
mod understood;

pub use backend::{SplitBackends, shared_backend};
pub use demand::{
    ATTRIBUTES, BuildDemand, Demand, Demands, Fate, Host, Must, RefusedField, Refusing, Row, WantedConfig,
    demand, user_numbers,
};
pub use desire::{Asked, DesireError, desire, waits};
pub use disk::Disk;
pub use judge::{Allowed, Built, Desks, Judged, Judgement, Signed, judge};
pub use lock::{Lock, LockError, Locked};
pub use making::{BuildWords, Builders, MakingError, NoBuild, ReadyBuild, Recipe};
pub use model::{
    At, Condition, Container, Dependency, FileMount, HealthCheck, HealthTest, Ipam, Joined, Mount, MountKind,
    Network, Port, PortProtocol, Restart, Service, ServiceLimits, Stack, ValueSource, Volume,
};
pub use order::{Cycle, Graph, Order};
pub use plan::{Action, After, StackPlan, Start, Step, Until, plan};
pub use secrets::{secrets_of, secrets_there};
pub use suggest::suggest;
pub use understood::{UnderstandError, Understood};
