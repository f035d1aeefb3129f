//! Files of variables: `.env`, `--env-file`, `env_file`.

mod error;
mod escapes;
mod parse;
mod raw;

pub(crate) use error::not_set_in;
pub use error::{EnvFileError, EnvFileFault};
pub use parse::parse;
pub(crate) use parse::parse_telling;
pub use raw::parse_raw;

/// Bytes of a file of variables.
pub(crate) const MOST_BYTES: usize = 1 << 20;
