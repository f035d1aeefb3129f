//! Compose projects, brought up for real: used, changed, broken in every way that leaves something behind elsewhere, and gone.

mod broken;
mod build;
mod copy;
mod ended;
mod faults;
mod files;
mod forgejo;
mod inject;
mod life;
mod pause;
mod shop;
