//! Compose projects, brought up for real: used, changed, broken in every way that leaves something behind elsewhere, and gone.

mod broken;
mod forgejo;
mod life;
mod shop;
