//! A filter over system calls, as rules look at it.

use super::action::CallAnswer;
use super::test::{ARGS, ArgTest};
use crate::place::{Place, Placed};

/// A filter: one of a profile, or that of one thread.
#[derive(Debug, Clone)]
pub struct Filter {
    /// The answer to what no rule names.
    pub default: Placed<CallAnswer>,
    /// Where the default answer's error number stands, if it is stated.
    pub default_errno: Option<Place>,
    /// The architectures that it is loaded for.
    pub arches: Arches,
    /// Its rules, in the order of the file.
    pub rules: Vec<FilterRule>,
}

/// The architectures that a filter is for.
#[derive(Debug, Clone)]
pub enum Arches {
    /// Those of a list, in the words of the OCI specification; no place where there is no list.
    Listed(Vec<String>, Option<Place>),
    /// One only; calls by another ABI are answered by the loader itself: they die.
    OthersDie,
    /// One only, and only the call's number is compared.
    NumbersOnly,
}

/// A rule of a filter.
#[derive(Debug, Clone)]
pub struct FilterRule {
    /// The calls.
    pub names: Vec<Placed<String>>,
    /// What it answers.
    pub answer: CallAnswer,
    /// The arguments that it is for: one of these lists of tests must pass. No list: all arguments.
    pub tests: Vec<Vec<ArgTest>>,
    /// When it is part of the filter.
    pub gate: Gate,
    /// What recordings say of it.
    pub evidence: Evidence,
}

/// What recordings say of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Evidence {
    /// The profile was not recorded.
    None,
    /// It was seen, or its runtime needs it.
    Seen,
    /// The profile was recorded, and no run has seen it.
    Unseen,
}

/// When a rule is part of a filter.
#[derive(Debug, Clone, Default)]
pub struct Gate {
    /// Only with these Linux caps.
    pub caps: Vec<String>,
    /// Only without these Linux caps.
    pub without_caps: Vec<String>,
    /// Only on these architectures, in Go's words.
    pub arches: Vec<String>,
    /// Not on these.
    pub without_arches: Vec<String>,
    /// Only on this kernel and later ones.
    pub min_kernel: Option<Placed<KernelVersion>>,
    /// Not on this kernel and later ones.
    pub below_kernel: Option<KernelVersion>,
}

/// A kernel's version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct KernelVersion(pub u32, pub u32);

impl KernelVersion {
    /// The oldest kernel that its makers still mend, of November 2026.
    pub(crate) const OLDEST: Self = Self(5, 10);

    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (major, minor) = text.split_once('.').unwrap_or((text, "0"));
        Some(Self(major.parse().ok()?, minor.parse().ok()?))
    }

    /// Whether every kernel that is still mended is at least this one.
    pub const fn is_always_met(self) -> bool {
        self.0 < Self::OLDEST.0 || (self.0 == Self::OLDEST.0 && self.1 <= Self::OLDEST.1)
    }
}

/// The architectures that an auditor thinks of: on others arguments stand elsewhere.
const COMMON: [&str; 2] = ["amd64", "arm64"];

impl Gate {
    /// Whether the rule is part of the filter of a program without any Linux cap, on a kernel and machine of today.
    pub fn is_open(&self) -> bool {
        let fits = |arches: &[String]| COMMON.iter().any(|known| arches.iter().any(|arch| arch == known));
        let excluded = COMMON.iter().all(|known| self.without_arches.iter().any(|arch| arch == known));
        self.caps.is_empty()
            && (self.arches.is_empty() || fits(&self.arches))
            && !excluded
            && !self.below_kernel.is_some_and(KernelVersion::is_always_met)
    }

    /// Whether another gate asks the same; places do not count.
    fn asks_the_same(&self, other: &Self) -> bool {
        let kernel = |gate: &Self| gate.min_kernel.as_ref().map(|version| version.value);
        self.caps == other.caps
            && self.without_caps == other.without_caps
            && self.arches == other.arches
            && self.without_arches == other.without_arches
            && kernel(self) == kernel(other)
            && self.below_kernel == other.below_kernel
    }

    /// Whether nothing is asked.
    pub fn is_none(&self) -> bool {
        self.caps.is_empty()
            && self.without_caps.is_empty()
            && self.arches.is_empty()
            && self.without_arches.is_empty()
            && self.min_kernel.is_none()
            && self.below_kernel.is_none()
    }
}

/// By what a call goes through.
#[derive(Debug, Clone, Copy)]
pub enum Opening<'a> {
    /// By nothing.
    Closed,
    /// By a rule that names it, there.
    Rule(&'a FilterRule, &'a Placed<String>),
    /// By the default answer.
    Default,
}

impl Opening<'_> {
    /// Whether it goes through.
    pub const fn is_open(&self) -> bool {
        !matches!(self, Self::Closed)
    }

    /// What lets it through.
    pub fn place(&self, filter: &Filter) -> Option<Place> {
        match self {
            Self::Closed => None,
            Self::Rule(_, name) => Some(name.place),
            Self::Default => Some(filter.default.place),
        }
    }
}

impl FilterRule {
    /// Whether it speaks about these arguments.
    pub fn is_for(&self, args: &[u64; ARGS]) -> bool {
        self.tests.is_empty() || self.tests.iter().any(|tests| tests.iter().all(|test| test.passes(args)))
    }

    /// Whether another rule gives the same answer under the same conditions, whatever calls it names.
    pub fn says_the_same(&self, other: &Self) -> bool {
        self.answer == other.answer && self.tests == other.tests && self.gate.asks_the_same(&other.gate)
    }

    /// Where it names a call.
    pub fn naming(&self, call: &str) -> Option<&Placed<String>> {
        self.names.iter().find(|name| name.value == call)
    }
}

impl Filter {
    /// The rules that name a call and are part of the filter of a program without Linux caps.
    pub fn naming<'a>(
        &'a self,
        call: &'a str,
    ) -> impl Iterator<Item = (&'a FilterRule, &'a Placed<String>)> + 'a {
        self.rules
            .iter()
            .filter(|rule| rule.gate.is_open())
            .filter_map(move |rule| Some((rule, rule.naming(call)?)))
    }

    /// By what a call with these arguments goes through for a program without Linux caps. Of rules that contradict each
    /// other the one counts that opens.
    pub fn opening<'a>(&'a self, call: &'a str, args: [u64; ARGS]) -> Opening<'a> {
        let mut is_refused = false;
        for (rule, name) in self.naming(call).filter(|(rule, _)| rule.is_for(&args)) {
            if rule.answer.lets_through() {
                return Opening::Rule(rule, name);
            }
            is_refused = true;
        }
        if self.default.value.lets_through() && !is_refused { Opening::Default } else { Opening::Closed }
    }

    /// Whether some arguments of a call go through.
    pub fn admits(&self, call: &str) -> bool {
        let mut is_refused = false;
        for (rule, _) in self.naming(call) {
            if rule.answer.lets_through() {
                return true;
            }
            is_refused |= rule.tests.is_empty();
        }
        self.default.value.lets_through() && !is_refused
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_compared_by_its_numbers() {
        for (text, always) in [("4.8", true), ("5.10", true), ("5.9", true), ("5.11", false), ("6.1", false)]
        {
            assert_eq!(KernelVersion::parse(text).map(KernelVersion::is_always_met), Some(always), "{text}");
        }
        assert_eq!(KernelVersion::parse("x.1"), None);
    }
}
