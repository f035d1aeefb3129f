//! Compose projects of really signed images, before anything runs: what would be done, and what is refused.

mod commands;
mod lives;
mod locks;
mod looking;
mod making;
mod plans;
mod programs;
mod progress;
mod running;
mod shared;
mod shop;
mod values;
mod verdicts;
