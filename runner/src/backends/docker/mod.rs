//! Whatever speaks the Docker Engine API: a container made over its socket, since its command line can neither mask paths nor
//! keep the image's variables out, and joined by its client.

mod body;
mod engine;
mod info;
mod volumes;

pub(super) use engine::{Docker, Socket};
pub(super) use info::{Info, Trait, kernel, read_info};
pub(super) use volumes::{DRIVER, VolumePlace, Volumes, bound};
