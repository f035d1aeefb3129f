//! Images that are built on this machine.
//!
//! The data's way: a service's wish → [`Context`] (folder and steps, read and bounded) → `policy::decide_build` → a builder of
//! the host ([`perry_sandbox_runner::Builder`]) → a docker archive, read as a stranger's → a layout, signed by a key of this
//! machine ([`LocalKey`]) as cosign signs → the verifier, as for every other image.
//!
//! A signature by a key of this machine says that the policy let it be built here, and nothing else. So what is built goes
//! through the same gate by digest, and there is no other way for it to run.
#![forbid(unsafe_code)]

mod context;
mod error;
mod key;
mod layout;
mod make;
mod shelf;

pub use context::{Context, Steps};
pub use error::BuildsError;
pub use key::{Keys, LocalKey};
pub use make::Maker;
pub use shelf::{Builds, BuiltImage};
