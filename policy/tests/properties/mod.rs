//! The properties of policies. Each test names its number in the design's list.
//!
//! 18 (seccomp inclusion against brute force) is a test of the crate `profiles`, whose order it is.

mod documents;
mod grounds;
mod order;
mod patterns;
mod verdicts;
