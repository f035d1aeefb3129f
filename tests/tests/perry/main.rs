//! Perry programs, compiled by the real compilers, over the real sandbox.
//!
//! `.ci/perry FOLDER` fetches the compilers; `PERRY_SANDBOX_PERRY=FOLDER` lets these tests find them.

mod archive;
mod codes;
mod compilers;
mod forgejo;
mod programs;
mod project;
mod readme;
