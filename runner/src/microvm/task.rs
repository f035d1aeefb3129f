//! What the guest is to do, as a file of its memory disk: every number and text that its program needs, and nothing else.
//!
//! The guest's program compiles this very file, which knows nothing of the rest of the crate.

/// One sandbox, as the guest sees it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Task {
    /// Program and arguments.
    pub(crate) argv: Vec<Vec<u8>>,
    /// The whole environment, `NAME=value`.
    pub(crate) env: Vec<Vec<u8>>,
    /// Where the program is looked for.
    pub(crate) candidates: Vec<Vec<u8>>,
    /// Paths below `/proc` that are hidden, without `/proc/`.
    pub(crate) masked: Vec<Vec<u8>>,
    /// Paths below `/proc` that cannot be written, without `/proc/`.
    pub(crate) read_only: Vec<Vec<u8>>,
    /// Working directory inside.
    pub(crate) cwd: Vec<u8>,
    /// The seccomp filter, one word per instruction.
    pub(crate) filter: Vec<u64>,
    /// Plain numbers.
    pub(crate) numbers: Numbers,
}

/// The numbers of a [`Task`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Numbers {
    /// User id inside.
    pub(crate) uid: u64,
    /// Group id inside.
    pub(crate) gid: u64,
    /// Linux caps that are kept, one bit each.
    pub(crate) linux_caps: u64,
    /// 1: the root can be written.
    pub(crate) ephemeral: u64,
    /// Room for writes to the root when it can be written.
    pub(crate) root_room: u64,
    /// Room in `/tmp` and `/dev/shm` together; 0: they share that of the root.
    pub(crate) tmp: u64,
    /// Bytes of memory of all processes.
    pub(crate) memory: u64,
    /// Thousandths of a processor.
    pub(crate) milli_cpu: u64,
    /// Processes and threads.
    pub(crate) pids: u64,
    /// Bytes of one file.
    pub(crate) file_size: u64,
    /// Open files per process.
    pub(crate) open_files: u64,
    /// Seconds of processor time.
    pub(crate) cpu_seconds: u64,
}

impl Numbers {
    /// How many there are.
    pub(crate) const COUNT: usize = 12;
}

/// What a task starts with.
pub(crate) const MAGIC: &[u8; 8] = b"PSVMTSK1";
