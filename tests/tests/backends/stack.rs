//! Compose projects, brought up for real: used, changed, broken in every way that leaves something behind elsewhere, and gone.

mod anonymous;
mod beside;
mod broken;
mod build;
mod copy;
mod ended;
mod faults;
mod files;
mod flags;
mod forgejo;
mod inject;
mod life;
mod names;
mod pause;
mod shop;
mod slips;
mod system;
