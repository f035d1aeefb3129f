//! Workload graphs: nodes of different trust, who needs whom, and bringing all of them up or none.
//!
//! The data's way: JSON → [`Graph`] (read once; everything that is wrong with it is found at once, references are edges, and
//! every one of them can be honoured) → demands → the desks' verdict on each node, before anything starts → what the engine
//! is to bring up, in the way of a [`Strategy`] and an [`OnFailure`]. There is no second engine here: planner, executor,
//! journal and labels are those of Compose projects, so that a graph is found again by its name alone, and
//! `perry-compose -p NAME` sees it too.
//!
//! ```
//! use perry_sandbox_workloads::Graph;
//!
//! let graph = Graph::read(serde_json::json!({
//!     "name": "shop",
//!     "nodes": {
//!         "db":  { "image": "registry.example/db@sha256:…", "ports": [5432] },
//!         "web": { "image": "registry.example/web@sha256:…",
//!                  "env": { "DB": { "nodeId": "db", "projection": "endpoint" } } },
//!     },
//! }))?;
//! assert_eq!(graph.levels(), [["db"], ["web"]]);
//! assert_eq!(graph.node("web").unwrap().variables()["DB"], "db:5432");
//! # Ok::<(), perry_sandbox_workloads::Problems>(())
//! ```
#![forbid(unsafe_code)]

mod demand;
mod desire;
mod error;
mod model;
mod read;
mod resolve;
mod run;
mod strategy;

pub use demand::demands;
pub use desire::{Approved, Asked, check_strategy, desire};
pub use error::WorkloadError;
pub use model::{Edge, Graph, Health, Network, Node, Port, Projection, Reference};
pub use read::{Problem, Problems};
pub use run::{GraphStatus, NodeStatus, Raised, State, Up, Workloads};
pub use strategy::{OnFailure, Strategy};
