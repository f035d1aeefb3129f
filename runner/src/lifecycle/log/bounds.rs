use serde::{Deserialize, Serialize};
use thiserror::Error;

/// How much of what a sandbox writes is kept: files of this size, and so many of them, of which the oldest goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "(u64, u32)", into = "(u64, u32)")]
pub struct LogBounds {
    size: u64,
    files: u32,
}

/// Why nothing is kept so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error(
    "{files} files of {size} bytes are no bounds of a log: expected 1 to {} files of at least {} bytes, and at most {} bytes in all",
    LogBounds::MOST_FILES,
    LogBounds::LEAST,
    LogBounds::MOST
)]
pub struct LogBoundsError {
    size: u64,
    files: u32,
}

impl LogBounds {
    /// The smallest file.
    const LEAST: u64 = 1 << 10;
    /// The most files: each look at a log lists them.
    const MOST_FILES: u32 = 1000;
    /// The most bytes of one sandbox.
    const MOST: u64 = 1 << 30;

    /// Bounds of so many files of this size.
    ///
    /// # Errors
    /// They hold nothing, or more than is kept of one sandbox.
    pub fn new(size: u64, files: u32) -> Result<Self, LogBoundsError> {
        let all = size.saturating_mul(files.into());
        if size < Self::LEAST || !(1..=Self::MOST_FILES).contains(&files) || all > Self::MOST {
            return Err(LogBoundsError { size, files });
        }
        Ok(Self { size, files })
    }

    /// When a new file is begun.
    pub const fn size(self) -> u64 {
        self.size
    }

    /// How many files are kept.
    pub const fn files(self) -> u32 {
        self.files
    }
}

impl Default for LogBounds {
    fn default() -> Self {
        Self { size: 4 << 20, files: 4 }
    }
}

impl TryFrom<(u64, u32)> for LogBounds {
    type Error = LogBoundsError;

    fn try_from((size, files): (u64, u32)) -> Result<Self, LogBoundsError> {
        Self::new(size, files)
    }
}

impl From<LogBounds> for (u64, u32) {
    fn from(bounds: LogBounds) -> Self {
        (bounds.size, bounds.files)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_has_bounds_on_both_sides() {
        for (size, files) in [(1024, 1), (1 << 30, 1), (1 << 20, 1000), (4 << 20, 4)] {
            assert_eq!(LogBounds::new(size, files).map(<(u64, u32)>::from), Ok((size, files)));
        }
        for (size, files) in
            [(1023, 1), (0, 1), (1024, 0), (1024, 1001), ((1 << 30) + 1, 1), (u64::MAX, 1000)]
        {
            assert!(LogBounds::new(size, files).is_err(), "{size} {files}");
            assert!(serde_json::from_str::<LogBounds>(&format!("[{size},{files}]")).is_err());
        }
        assert_eq!(serde_json::to_string(&LogBounds::default()).unwrap(), "[4194304,4]");
    }
}
