//! What a filter answers.

/// What a filter answers to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallAnswer {
    /// The call goes through.
    Allow,
    /// The call goes through, and a line is written.
    Log,
    /// A tracer is asked, if there is one.
    Trace,
    /// A program that listens decides.
    Notify,
    /// The call fails with this error; nothing where the profile does not say with which one.
    Errno(Option<u64>),
    /// A signal that the program can catch.
    Trap,
    /// The thread or the process dies.
    Kill,
}

/// `EPERM`, which engines answer where a profile states no number.
pub(crate) const EPERM: u64 = 1;
/// `ENOSYS`.
pub(crate) const ENOSYS: u64 = 38;

impl CallAnswer {
    /// The words of the OCI specification, without `SCMP_ACT_`.
    const OCI: [(&'static str, Self); 9] = [
        ("ALLOW", Self::Allow),
        ("ERRNO", Self::Errno(None)),
        ("KILL", Self::Kill),
        ("KILL_PROCESS", Self::Kill),
        ("KILL_THREAD", Self::Kill),
        ("LOG", Self::Log),
        ("NOTIFY", Self::Notify),
        ("TRACE", Self::Trace),
        ("TRAP", Self::Trap),
    ];

    /// Reads the OCI specification's word.
    pub(crate) fn of_oci(word: &str) -> Option<Self> {
        let word = word.strip_prefix("SCMP_ACT_")?;
        Self::OCI.iter().find(|(known, _)| *known == word).map(|(_, answer)| *answer)
    }

    /// Every word of the OCI specification.
    pub(crate) fn oci_words() -> impl Iterator<Item = String> {
        Self::OCI.iter().map(|(word, _)| format!("SCMP_ACT_{word}"))
    }

    /// Whether the call reaches the kernel while nobody listens or traces.
    pub const fn lets_through(self) -> bool {
        matches!(self, Self::Allow | Self::Log)
    }

    /// The error that the program sees, if it sees one.
    pub const fn errno(self) -> Option<u64> {
        match self {
            Self::Errno(Some(number)) => Some(number),
            Self::Errno(None) => Some(EPERM),
            // Without a tracer or listener the kernel answers that there is no such call.
            Self::Trace | Self::Notify => Some(ENOSYS),
            Self::Allow | Self::Log | Self::Trap | Self::Kill => None,
        }
    }
}
