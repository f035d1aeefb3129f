//! How much of anything is read. Every limit is applied before or while reading, never after.

/// One mebibyte.
pub const MIB: u64 = 1 << 20;

/// Largest manifest or index, in bytes.
pub const MAX_MANIFEST: u64 = 4 * MIB;
/// Largest image config, in bytes.
pub const MAX_CONFIG: u64 = 4 * MIB;
/// Largest bundle, envelope, payload or signature, in bytes.
pub const MAX_ATTACHMENT: u64 = 4 * MIB;
/// Largest answer with a token, an error or a listing, in bytes.
pub const MAX_ANSWER: u64 = MIB;
/// Most referrers that are listed for one digest.
pub const MAX_REFERRERS: usize = 256;
/// Most manifests of one index.
pub const MAX_INDEX_ENTRIES: usize = 1024;
/// Most layers of one image.
pub const MAX_LAYERS: usize = 128;
/// Most annotations or labels of one object.
pub const MAX_ANNOTATIONS: usize = 1024;
/// How many indexes may stand one inside the other above a manifest.
pub const MAX_INDEX_DEPTH: usize = 2;
/// Longest media type, in bytes: two names of 127 and a slash (RFC 6838).
pub const MAX_MEDIA_TYPE: usize = 255;

/// What unpacking one image may cost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnpackLimits {
    /// Most entries over all layers.
    pub entries: u64,
    /// Most bytes over all layers after decompression, sparse holes included.
    pub bytes: u64,
    /// How many times larger than its blob a layer may become. The first [`UnpackLimits::ratio_grace`] bytes
    /// are free, because a small layer of zeros is common and harmless.
    pub ratio: u64,
    /// Bytes of a layer that are not held to the ratio.
    pub ratio_grace: u64,
    /// Longest path of an entry, in bytes.
    pub path: usize,
    /// Most components of a path.
    pub depth: usize,
    /// How many layers are unpacked at once; 0 counts as one per processor.
    pub threads: usize,
}

impl Default for UnpackLimits {
    fn default() -> Self {
        Self {
            entries: 1_000_000,
            bytes: 32 * 1024 * MIB,
            ratio: 200,
            ratio_grace: 64 * MIB,
            path: 4095,
            depth: 128,
            threads: 0,
        }
    }
}
