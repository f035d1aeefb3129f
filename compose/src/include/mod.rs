//! `include`: other projects whose services and resources become one's own.

mod apply;
mod entry;
mod import;
