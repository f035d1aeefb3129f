//! The one way from a caller's wish to an outcome: what the command line, Perry programs and every other consumer share.
//!
//! A [`Wish`] is what a caller asks for, in the caller's words: a capability or an image, files of policies, a signer.
//! [`Pipeline::ask`] takes it past the desks of policy, image and verifier, in that order, and brings back [`Asked`]:
//! the verdict and all that it rests on. [`Pipeline::admit`] writes refusals into the trail and lets only an approval
//! through; what it returns, [`Admitted`], is the only thing here that can start anything.
//!
//! ```no_run
//! # fn run(environment: perry_sandbox_pipeline::Environment) -> Result<(), perry_sandbox_pipeline::PipelineError> {
//! use perry_sandbox_pipeline::{Live, Pipeline, Silent, Streams, TargetChoice, Wish};
//!
//! let pipeline = Pipeline::open(environment)?;
//! let asked = pipeline.ask(&Wish::of(TargetChoice::Capability("format-markdown".to_owned())), None)?;
//! if let Some(admitted) = pipeline.admit(&asked)? {
//!     let rootfs = admitted.rootfs(&Silent)?;
//!     let outcome = admitted.launch(&rootfs, Streams::captured(), &Live::default())?;
//!     println!("{:?}", outcome.end);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! Sandboxes that outlive their caller are created, started and joined through the same gates by [`LongRunning`].
//!
//! Nothing here prints, and nothing reads the process's environment: [`Environment::new`] is given a way to look
//! variables up.
#![forbid(unsafe_code)]

mod admit;
mod ask;
mod elsewhere;
mod environment;
mod error;
mod files;
mod host;
mod local;
mod mounts;
mod owned;
mod policies;
mod policy_cache;
mod record;
mod recording;
mod sandboxes;
mod signer;
mod sources;
mod terms;
mod trust;
mod wish;

pub use admit::{Admitted, Live};
pub use ask::{Answer, Asked, Decided, Pipeline};
pub use elsewhere::{here, image_from, write_out};
pub use environment::{Environment, EnvironmentError};
pub use error::{Class, PipelineError};
pub use files::{FileError, into_text, read, read_trusted};
pub use host::{backends, backends_anew};
pub use mounts::{SourceError, SourceKind, look_at_source};
pub use perry_sandbox_image::Silent;
pub use perry_sandbox_runner::Streams;
pub use perry_sandbox_runner::stock;
pub use perry_sandbox_runner::{
    AbsentBackend, Backends, ContainerMode, HostTools, InstallCommand, probe as embedded_backend,
};
pub use policies::{
    LoadedPolicy, MAX_POLICY, PolicyChoice, PolicyInput, TrustFiles, find_policy, load_policy,
};
pub use recording::{Ended, MOST_RUNS, RecordOrder, RecordedRuns, RecordingError, Told};
pub use sandboxes::{Begin, Join, LongRunning, Made, Named, Probe, Reply, Upkeep, signal_number};
pub use signer::{KeyChoice, SignerChoice, requirement};
pub use sources::{AccessChoice, Opened, Pull, hash_layers};
pub use wish::{TargetChoice, Wish};
