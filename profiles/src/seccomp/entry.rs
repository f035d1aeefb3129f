//! What a profile's author wrote, kept for people: entries with their reasons.

use std::collections::BTreeMap;

use super::action::Refusal;
use super::clause::ArgTest;
use crate::arch::Arch;
use crate::syscall::Syscall;

/// What an entry does with its calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verb {
    /// Admits them, under the entry's conditions.
    Allow,
    /// Answers every attempt that no `allow` entry admits.
    Refuse(Refusal),
}

/// One entry of a profile: some calls, what happens to them, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub(super) verb: Verb,
    pub(super) calls: Vec<Syscall>,
    pub(super) arches: Vec<Arch>,
    pub(super) when: Vec<NamedTest>,
    pub(super) reason: String,
    pub(super) seen: Option<u32>,
    pub(super) runtime: Option<String>,
}

impl Entry {
    /// Makes an entry about one architecture.
    pub(crate) fn drafted(
        verb: Verb,
        calls: Vec<Syscall>,
        arch: Arch,
        when: Vec<NamedTest>,
        reason: String,
    ) -> Self {
        Self { verb, calls, arches: vec![arch], when, reason, seen: None, runtime: None }
    }

    /// Adds the evidence: in how many runs it was seen, and which runtime needs it.
    pub(crate) fn with_evidence(self, seen: Option<u32>, runtime: Option<&str>) -> Self {
        Self { seen, runtime: runtime.map(str::to_owned), ..self }
    }

    /// Says what the entry does with its calls.
    pub const fn verb(&self) -> Verb {
        self.verb
    }

    /// Lists the calls in the order of writing.
    pub fn calls(&self) -> &[Syscall] {
        &self.calls
    }

    /// Lists the architectures that the entry speaks about.
    pub fn arches(&self) -> &[Arch] {
        &self.arches
    }

    /// Lists the conditions, all of which must hold.
    pub fn when(&self) -> &[NamedTest] {
        &self.when
    }

    /// Gives the author's reason.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// Says in how many runs its calls were seen, where the entry was recorded.
    pub const fn seen(&self) -> Option<u32> {
        self.seen
    }

    /// Names the runtime that needs its calls between loading the filter and the program's start.
    pub fn runtime(&self) -> Option<&str> {
        self.runtime.as_deref()
    }
}

/// One condition as its author wrote it, with names for the values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedTest {
    pub(super) arg: u8,
    pub(super) mask: u64,
    pub(super) values: BTreeMap<String, u64>,
}

impl NamedTest {
    /// Names the values that the bits of a test may have.
    pub(crate) const fn new(test: ArgTest, values: BTreeMap<String, u64>) -> Self {
        Self { arg: test.arg, mask: test.mask, values }
    }

    /// Gives the argument that is looked at, from 0 to 5.
    pub const fn arg(&self) -> u8 {
        self.arg
    }

    /// Gives the bits that are compared.
    pub const fn mask(&self) -> u64 {
        self.mask
    }

    /// Gives the accepted values by name.
    pub const fn values(&self) -> &BTreeMap<String, u64> {
        &self.values
    }
}

impl std::fmt::Display for NamedTest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "argument {}", self.arg)?;
        match self.mask {
            u64::MAX => {}
            0xffff_ffff => f.write_str(" (32 bits)")?,
            mask => write!(f, " & {mask:#x}")?,
        }
        f.write_str(" is ")?;
        for (at, (name, value)) in self.values.iter().enumerate() {
            let between = if at == 0 { "" } else { ", " };
            let number = format!("{value:#x}");
            // A value without a name of its own goes by its number.
            write!(f, "{between}{name}")?;
            if *name != number {
                write!(f, " {number}")?;
            }
        }
        Ok(())
    }
}
