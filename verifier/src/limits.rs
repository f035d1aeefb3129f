//! How much is read and examined. Every limit is applied before parsing, never after.

use std::time::Duration;

use perry_sandbox_policy::WallTime;

/// Most candidates that are examined for one image.
pub const MAX_EXAMINED: usize = 64;
/// Most places (manifests) that are looked into for one image.
pub const MAX_LISTED: usize = 256;
/// Most bytes that are read for one verification.
pub const MAX_TOTAL: u64 = 16 << 20;
/// Largest bundle or envelope, in bytes.
pub const MAX_BUNDLE: u64 = 4 << 20;
/// Largest simple-signing payload, in bytes.
pub const MAX_PAYLOAD: u64 = 64 << 10;
/// Largest annotation of a legacy signature (certificate, entry, time stamp), in bytes.
pub const MAX_ANNOTATION: usize = 1 << 20;
/// Largest trust root, in bytes.
pub const MAX_ROOT: usize = 4 << 20;
/// Most log entries, and most time stamps, in one bundle.
pub const MAX_ENTRIES: usize = 32;
/// Most certificates in a chain.
pub const MAX_CHAIN: usize = 8;
/// Most hashes in a proof: a tree of 2^64 leaves has no more.
pub const MAX_HASHES: usize = 64;
/// Most lines in a checkpoint.
pub const MAX_CHECKPOINT_LINES: usize = 64;
/// Most subjects in a statement.
pub const MAX_SUBJECTS: usize = 1024;
/// Most digests of one subject.
pub const MAX_DIGESTS: usize = 32;
/// How long one verification may take if nothing else is said.
pub const DEFAULT_TIME: Duration = WallTime::VERIFY_TIMEOUT.duration();
