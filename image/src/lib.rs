//! Bounded reading of images from layouts, archives and registries; the content store; unpacking.
