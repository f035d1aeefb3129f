//! Compose projects of really signed images, before anything runs: what would be done, and what is refused.

mod commands;
mod locks;
mod plans;
mod shop;
mod verdicts;
