//! One run, attempt by attempt. The program that is watched may be hostile: what is kept of it is bounded.

use std::collections::{BTreeMap, BTreeSet};

use super::classes;
use crate::arch::Arch;
use crate::seccomp::{Action, Admission, Clause, Refusal, SeccompProfile, SyscallAttempt};
use crate::syscall::Syscall;

/// More classes of one call than any program that is recorded for good has.
const MOST_CLASSES: usize = 64;
/// Numbers that no table has, kept to be shown.
const MOST_NUMBERS: usize = 16;

/// What one run showed.
#[derive(Clone, Debug)]
pub struct Run {
    arch: Arch,
    profile: SeccompProfile,
    /// Classes that were admitted, by call.
    pub(super) seen: BTreeMap<Syscall, BTreeSet<Clause>>,
    /// Calls with more classes than are kept.
    pub(super) crowded: BTreeSet<Syscall>,
    /// Calls that were denied, with what they were answered.
    pub(super) refused: BTreeSet<(Syscall, Refusal)>,
    /// Numbers that no table has; they were denied.
    pub(super) numbers: BTreeSet<u32>,
    /// Whether the launcher has made place for the program.
    stage: Stage,
}

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// The launcher, with the filter loaded.
    Launcher,
    /// The launcher, which looks for the program: one `execve` for each place it may be in.
    Executing,
    /// The program.
    Program,
}

impl Run {
    /// Begins a run under the profile that is in force.
    pub fn new(profile: &SeccompProfile, arch: Arch) -> Self {
        Self {
            arch,
            profile: profile.clone(),
            seen: BTreeMap::new(),
            crowded: BTreeSet::new(),
            refused: BTreeSet::new(),
            numbers: BTreeSet::new(),
            stage: Stage::Launcher,
        }
    }

    /// Gives the architecture.
    pub const fn arch(&self) -> Arch {
        self.arch
    }

    /// Says whether the program itself asked for anything.
    pub fn has_begun(&self) -> bool {
        self.stage == Stage::Program
    }

    /// Notes one attempt. What the profile in force denies is noted as denied, whatever happened to it.
    pub fn note(&mut self, attempt: &SyscallAttempt) {
        let Some(call) = Syscall::with_number(self.arch, attempt.number) else {
            if self.numbers.len() < MOST_NUMBERS {
                self.numbers.insert(attempt.number);
            }
            return;
        };
        if let Action::Refuse(answer) = self.profile.verdict(self.arch, attempt) {
            self.refused.insert((call, answer));
            return;
        }
        if self.is_the_programs(call) {
            self.admit(call, attempt);
        }
    }

    /// What the launcher needs is not of the program: a table says it.
    fn is_the_programs(&mut self, call: Syscall) -> bool {
        let executes = matches!(call.name(), "execve" | "execveat");
        self.stage = match self.stage {
            Stage::Launcher if executes => Stage::Executing,
            Stage::Executing if !executes => Stage::Program,
            Stage::Launcher | Stage::Executing | Stage::Program => self.stage,
        };
        self.stage == Stage::Program
    }

    fn admit(&mut self, call: Syscall, attempt: &SyscallAttempt) {
        let classes = self.seen.entry(call).or_default();
        if classes.len() >= MOST_CLASSES {
            self.crowded.insert(call);
            return;
        }
        let class = classes::class(call.name(), &attempt.args).unwrap_or(Clause::ANY);
        // The conditions of the profile in force stay: a recording is never wider than that.
        let ceiling = self.profile.admission(self.arch, call).map(Admission::clauses).unwrap_or_default();
        let passed = ceiling.iter().filter(|clause| clause.admits(&attempt.args));
        classes.extend(passed.filter_map(|clause| clause.meet(&class)));
    }
}
