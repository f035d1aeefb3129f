//! Why a profile is refused.

use thiserror::Error;

use super::action::UnknownErrno;
use super::profile::UnusableName;
use crate::syscall::{Syscall, UnknownSyscall};

/// A profile that cannot be used; nothing of it is loaded.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ProfileError {
    /// The text is longer than a profile may be.
    #[error(
        "the profile is {length} bytes long, and at most {most} are read; split off what does not belong to it"
    )]
    TooLong {
        /// The text's length in bytes.
        length: usize,
        /// The most that is read, in bytes.
        most: usize,
    },
    /// The text is not TOML, or has a key or a value that a profile has not.
    #[error("the profile cannot be read{}: {message}", place(*.line))]
    Syntax {
        /// The line it was found in, from 1, where the reader knows it.
        line: Option<usize>,
        /// What the reader found.
        message: String,
    },
    /// The first key does not say exactly the format that we read.
    #[error("the profile says schema `{found}`, and only `{expected}` is read")]
    Schema {
        /// What stands there, cut to a readable length.
        found: String,
        /// What must stand there.
        expected: &'static str,
    },
    /// The profile's name cannot be used.
    #[error(transparent)]
    Name(#[from] UnusableName),
    /// Something that must be written is empty, or longer than is read.
    #[error("line {line}: {what} must have 1 to {most} {unit}, and has {found}")]
    Size {
        /// The line of the entry, from 1.
        line: usize,
        /// Which part of the entry.
        what: &'static str,
        /// The most that is accepted.
        most: usize,
        /// What is counted.
        unit: &'static str,
        /// How many there are.
        found: usize,
    },
    /// A name that is no system call on any architecture.
    #[error("line {line}: {source}")]
    Call {
        /// The line of the entry, from 1.
        line: usize,
        /// Which name, and what it may have meant.
        source: UnknownSyscall,
    },
    /// An answer that profiles do not know.
    #[error("line {line}: {source}")]
    Answer {
        /// The line of the entry, from 1.
        line: usize,
        /// Which answer, and the ones there are.
        source: UnknownErrno,
    },
    /// A condition that is not stated in one of the two forms, or never holds.
    #[error("line {line}: {problem}")]
    Condition {
        /// The line of the entry, from 1.
        line: usize,
        /// What is wrong with it.
        problem: ConditionProblem,
    },
    /// A word about how the profile was recorded that is too long, or not for people.
    #[error("line {line}: a word of `recorded` has more than {most} bytes, or a control character")]
    Evidence {
        /// The line of the table, from 1.
        line: usize,
        /// The most bytes that are accepted.
        most: usize,
    },
    /// Two entries contradict each other, or one says what another has said.
    #[error("line {line}: `{call}` {problem}")]
    Clash {
        /// The line of the later entry, from 1.
        line: usize,
        /// The call both name.
        call: Syscall,
        /// How they clash.
        problem: &'static str,
    },
}

impl ProfileError {
    /// Gives the line that is wrong, from 1, where the reader knows it.
    pub const fn line(&self) -> Option<usize> {
        match self {
            Self::Syntax { line, .. } => *line,
            Self::Size { line, .. }
            | Self::Call { line, .. }
            | Self::Answer { line, .. }
            | Self::Condition { line, .. }
            | Self::Evidence { line, .. }
            | Self::Clash { line, .. } => Some(*line),
            Self::TooLong { .. } | Self::Schema { .. } | Self::Name(_) => None,
        }
    }
}

fn place(line: Option<usize>) -> String {
    line.map_or_else(String::new, |line| format!(" at line {line}"))
}

/// What can be wrong with a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ConditionProblem {
    /// The argument does not exist.
    #[error("there is no argument {arg}: they count from 0 to 5")]
    Argument {
        /// What was written.
        arg: u8,
    },
    /// The width is neither of the two there are.
    #[error(
        "a condition compares 32 or 64 bits, not {bits}; most arguments are `int` or `unsigned int` in the kernel: 32"
    )]
    Width {
        /// What was written.
        bits: u8,
    },
    /// Neither form, or both at once.
    #[error("a condition has either `one-of` with at least one value, or `equals`")]
    Form,
    /// A mask that looks at nothing, or beyond the width.
    #[error("the mask {mask:#x} looks at nothing, or beyond the {bits} bits that are compared")]
    Mask {
        /// What was written.
        mask: u64,
        /// The width of the comparison.
        bits: u8,
    },
    /// A value with bits that the comparison does not look at.
    #[error("a condition can never hold: {value:#x} has bits outside of {mask:#x}")]
    NeverHolds {
        /// The value to compare with.
        value: u64,
        /// The bits that are compared.
        mask: u64,
    },
    /// Two tests on one argument exclude each other.
    #[error("these conditions can never hold together")]
    Contradiction,
    /// More combinations than a rule may have.
    #[error("these conditions have more than {most} combinations")]
    TooMany {
        /// The most that is accepted.
        most: usize,
    },
    /// A refusal with a condition.
    #[error("a refusal has no condition: it answers whatever no `allow` entry of the same call admits")]
    OnRefusal,
}
