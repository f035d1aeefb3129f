//! Output that is read while the program runs, and input that is written to it.
//!
//! One thread moves bytes between sandboxes and buffers; whoever waits for an event holds no thread.

mod reactor;
mod stream;
mod table;
mod text;

pub(crate) use stream::{Fed, Stream};
pub(crate) use table::Streams;
pub(crate) use text::Encoding;
