//! What to add to a policy so that a refused project is allowed.

mod image;
mod lines;
mod service;

pub use service::suggest;
