//! Forms of a report. What a form leaves out, it leaves out for every finding alike; none changes the verdict.

mod clean;
mod github;
mod json;
mod junit;
mod markdown;
mod sarif;
mod summary;
mod text;

pub use json::JSON_SCHEMA;
