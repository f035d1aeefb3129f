//! A system call's name, checked against the table.

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};
use std::ptr;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use thiserror::Error;

use super::table::{ROWS, Row};
use crate::arch::Arch;

/// A system call that at least one of our architectures has.
///
/// Made only from a name in the table, so a profile cannot hold a misspelt call.
#[derive(Clone, Copy)]
pub struct Syscall(&'static Row);

/// A name that no architecture has a system call for.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("unknown system call `{name}`{}", suggestion_text(*.suggestion))]
pub struct UnknownSyscall {
    name: String,
    suggestion: Option<Syscall>,
}

fn suggestion_text(suggestion: Option<Syscall>) -> String {
    suggestion.map_or_else(String::new, |call| format!("; did you mean `{call}`?"))
}

impl UnknownSyscall {
    /// Gives the known name that looks most like the one that was written, if any looks alike.
    pub const fn suggestion(&self) -> Option<Syscall> {
        self.suggestion
    }
}

impl Syscall {
    /// Lists every call of the table, by name.
    pub fn all() -> impl DoubleEndedIterator<Item = Self> {
        ROWS.iter().map(Self)
    }

    /// Finds the call that has this number, if the architecture has one.
    pub fn with_number(arch: Arch, number: u32) -> Option<Self> {
        Self::all().find(|call| call.number(arch) == Some(number))
    }

    /// Finds a name while the program is compiled; a name that is not in the table ends the compilation.
    #[expect(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::panic,
        reason = "called while the program is compiled, where it would end that"
    )]
    pub(crate) const fn known(name: &str) -> Self {
        let mut from = 0;
        let mut to = ROWS.len();
        while from < to {
            let middle = usize::midpoint(from, to);
            match compare(ROWS[middle].name.as_bytes(), name.as_bytes()) {
                Ordering::Equal => return Self(&ROWS[middle]),
                Ordering::Less => from = middle + 1,
                Ordering::Greater => to = middle,
            }
        }
        panic!("no such system call")
    }

    /// Gives the name as the kernel's headers write it, without `__NR_`.
    pub const fn name(self) -> &'static str {
        self.0.name
    }

    /// Gives the number on an architecture, or nothing where it lacks the call.
    pub fn number(self, arch: Arch) -> Option<u32> {
        let number = match arch {
            Arch::X86_64 => self.0.x86_64,
            Arch::Aarch64 => self.0.aarch64,
        };
        u32::try_from(number).ok()
    }
}

/// Compares texts, which the standard library cannot while the program is compiled.
const fn compare(mut left: &[u8], mut right: &[u8]) -> Ordering {
    loop {
        match (left, right) {
            ([], []) => return Ordering::Equal,
            ([], _) => return Ordering::Less,
            (_, []) => return Ordering::Greater,
            ([a, left_rest @ ..], [b, right_rest @ ..]) => {
                if *a < *b {
                    return Ordering::Less;
                }
                if *a > *b {
                    return Ordering::Greater;
                }
                left = left_rest;
                right = right_rest;
            }
        }
    }
}

/// Names longer than this are not compared with the table.
const LONGEST_NAME: usize = 64;

impl FromStr for Syscall {
    type Err = UnknownSyscall;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        if let Ok(row) = ROWS.binary_search_by(|row| row.name.cmp(name)).map(|at| ROWS.get(at))
            && let Some(row) = row
        {
            return Ok(Self(row));
        }
        let name: String = name.chars().take(LONGEST_NAME).collect();
        let suggestion = Self::all()
            .map(|call| (strsim::jaro_winkler(call.name(), &name), call))
            .filter(|(likeness, _)| *likeness > 0.85)
            .max_by(|(left, _), (right, _)| left.total_cmp(right))
            .map(|(_, call)| call);
        Err(UnknownSyscall { name, suggestion })
    }
}

// The table is one array sorted by name, so the order of rows in memory is the order of names.
impl PartialEq for Syscall {
    fn eq(&self, other: &Self) -> bool {
        ptr::eq(self.0, other.0)
    }
}

impl Eq for Syscall {}

impl PartialOrd for Syscall {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Syscall {
    fn cmp(&self, other: &Self) -> Ordering {
        ptr::from_ref(self.0).cmp(&ptr::from_ref(other.0))
    }
}

impl Hash for Syscall {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name().hash(state);
    }
}

impl std::fmt::Debug for Syscall {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Syscall({})", self.name())
    }
}

impl std::fmt::Display for Syscall {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for Syscall {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Syscall {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_no_number_is_given_twice() {
        assert!(ROWS.is_sorted_by(|left, right| left.name < right.name));
        for arch in Arch::ALL {
            let mut numbers: Vec<_> = Syscall::all().filter_map(|call| call.number(arch)).collect();
            let count = numbers.len();
            numbers.sort_unstable();
            numbers.dedup();
            assert_eq!(numbers.len(), count, "{arch}");
        }
    }

    #[test]
    fn every_name_of_the_table_is_found_again() {
        for call in Syscall::all() {
            assert_eq!(call.name().parse(), Ok(call));
        }
    }

    #[test]
    fn the_order_of_calls_is_the_order_of_their_names() {
        assert!(Syscall::all().is_sorted_by(|left, right| left < right && left.name() < right.name()));
        for call in Syscall::all() {
            assert_eq!(Syscall::known(call.name()), call);
        }
    }

    #[test]
    fn an_unknown_name_is_refused_with_the_nearest_one() {
        let error = "mout".parse::<Syscall>().unwrap_err();
        assert_eq!(error.to_string(), "unknown system call `mout`; did you mean `mount`?");
        assert_eq!("zzzzzz".parse::<Syscall>().unwrap_err().suggestion(), None);
    }

    #[test]
    fn a_call_that_an_architecture_lacks_has_no_number_there() {
        let open: Syscall = "open".parse().unwrap();
        assert_eq!((open.number(Arch::X86_64), open.number(Arch::Aarch64)), (Some(2), None));
    }
}
