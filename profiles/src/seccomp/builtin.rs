//! The profiles that come with the program.
//!
//! Their source is `builtin/*.toml`. Reading that takes a millisecond, which every launch would pay, so what the
//! files mean is also in the program as tables; a test holds the two together, and writes the tables anew.

use std::borrow::Cow;
use std::sync::LazyLock;

use super::action::Refusal;
use super::admission::Admission;
use super::builtin_table::{default, minimal};
use super::clause::{ARGS, Clause};
use super::error::ProfileError;
use super::profile::{Meaning, ProfileName, Rule, SeccompProfile, Text};
use super::reader;
use crate::seccomp::Errno;
use crate::syscall::Syscall;

/// The names of the profiles below, the widest first.
pub(super) const NAMES: [&str; 2] = ["perry-default", "perry-minimal"];

type Parsed = Result<SeccompProfile, ProfileError>;

static DEFAULT_TEXT: LazyLock<Parsed> =
    LazyLock::new(|| reader::read(include_str!("../../builtin/perry-default.toml")));
static MINIMAL_TEXT: LazyLock<Parsed> =
    LazyLock::new(|| reader::read(include_str!("../../builtin/perry-minimal.toml")));

static DEFAULT: SeccompProfile = SeccompProfile {
    name: ProfileName::builtin("perry-default"),
    meaning: Meaning {
        unknown: Refusal::Errno(Errno::ENOSYS),
        x86_64: Cow::Borrowed(default::X86_64),
        aarch64: Cow::Borrowed(default::AARCH64),
    },
    text: Text::Builtin { read: || DEFAULT_TEXT.as_ref().ok(), digest: default::DIGEST },
};

static MINIMAL: SeccompProfile = SeccompProfile {
    name: ProfileName::builtin("perry-minimal"),
    meaning: Meaning {
        unknown: Refusal::Errno(Errno::ENOSYS),
        x86_64: Cow::Borrowed(minimal::X86_64),
        aarch64: Cow::Borrowed(minimal::AARCH64),
    },
    text: Text::Builtin { read: || MINIMAL_TEXT.as_ref().ok(), digest: minimal::DIGEST },
};

/// Finds a profile by name.
pub(super) fn find(name: &str) -> Option<&'static SeccompProfile> {
    [&DEFAULT, &MINIMAL].into_iter().find(|profile| profile.name.as_str() == name)
}

/// A row of the tables: a call that is always admitted.
pub(super) const fn always(call: &str) -> (Syscall, Rule) {
    (Syscall::known(call), Rule { admission: Admission::always(), otherwise: None })
}

/// A row of the tables: a call that is never admitted, and its answer.
pub(super) const fn never(call: &str, answer: Errno) -> (Syscall, Rule) {
    (Syscall::known(call), Rule { admission: Admission::never(), otherwise: Some(Refusal::Errno(answer)) })
}

/// A row of the tables: a call that is admitted with some arguments, and its answer to others.
pub(super) const fn when(call: &str, clauses: &'static [Clause], answer: Errno) -> (Syscall, Rule) {
    let admission = Admission::of_sorted(clauses);
    (Syscall::known(call), Rule { admission, otherwise: Some(Refusal::Errno(answer)) })
}

/// A clause of the tables: what the masked bits of one argument must be.
pub(super) const fn only(arg: usize, mask: u64, value: u64) -> Clause {
    clause([(arg, mask, value), (arg, 0, 0), (arg, 0, 0)])
}

/// A clause of the tables: argument, mask and value of up to three tests.
#[expect(clippy::indexing_slicing, reason = "called while the program is compiled, where it would end that")]
pub(super) const fn clause(tests: [(usize, u64, u64); 3]) -> Clause {
    let mut pairs = [(0, 0); ARGS];
    let [(a, a_mask, a_value), (b, b_mask, b_value), (c, c_mask, c_value)] = tests;
    pairs[a] = (a_mask, a_value);
    if b_mask != 0 {
        pairs[b] = (b_mask, b_value);
    }
    if c_mask != 0 {
        pairs[c] = (c_mask, c_value);
    }
    Clause::of_pairs(pairs)
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;
    use crate::arch::Arch;

    fn texts() -> [&'static SeccompProfile; 2] {
        [&DEFAULT_TEXT, &MINIMAL_TEXT].map(|text| match LazyLock::force(text) {
            Ok(profile) => profile,
            Err(error) => panic!("{error}"),
        })
    }

    fn row(call: Syscall, rule: &Rule) -> String {
        let answer = match rule.otherwise {
            None => return format!("always(\"{call}\")"),
            Some(Refusal::Errno(errno)) => errno.name(),
            Some(Refusal::Kill) => panic!("the tables have no row for killing"),
        };
        if rule.admission.is_never() {
            return format!("never(\"{call}\", Errno::{answer})");
        }
        let clauses = packed(rule.admission.clauses().iter().map(written), "        ");
        format!("when(\"{call}\", &[\n{clauses}    ], Errno::{answer})")
    }

    fn written(clause: &Clause) -> String {
        let tests: Vec<String> = clause
            .tests()
            .map(|test| format!("{}, {}, {}", test.arg, hex(test.mask), hex(test.value)))
            .collect();
        match tests.as_slice() {
            [one] => format!("only({one})"),
            [one, two] => format!("clause([({one}), ({two}), (0, 0, 0)])"),
            [one, two, three] => format!("clause([({one}), ({two}), ({three})])"),
            _ => panic!("the tables have no clause of {} tests", tests.len()),
        }
    }

    fn hex(number: u64) -> String {
        if number == u64::from(u32::MAX) {
            return String::from("WORD");
        }
        let digits = format!("{number:x}");
        if digits.len() <= 4 {
            return format!("0x{digits}");
        }
        let padded = format!("{digits:0>width$}", width = digits.len().next_multiple_of(4));
        let groups: Vec<&str> =
            padded.as_bytes().chunks(4).map(|group| std::str::from_utf8(group).unwrap()).collect();
        format!("0x{}", groups.join("_"))
    }

    /// Puts as many items on a line as fit.
    fn packed(items: impl Iterator<Item = String>, indent: &str) -> String {
        let mut lines: Vec<String> = Vec::new();
        for item in items {
            match lines.last_mut() {
                Some(line)
                    if line.len().saturating_add(item.len()) < 108
                        && !item.contains('\n')
                        && !line.contains('\n') =>
                {
                    write!(line, " {item},").unwrap();
                }
                _ => lines.push(format!("{indent}{item},")),
            }
        }
        lines.push(String::new());
        lines.join("\n")
    }

    /// Writes the table that a file means.
    fn table(profile: &SeccompProfile) -> String {
        let mut text = String::from(
            "//! What a file of `builtin/` means, as a table. Written by the test\n\
             //! `the_tables_are_what_the_files_mean` in `builtin.rs`; never edited.\n\n\
             use super::super::action::Errno;\n\
             use super::super::builtin::{always, clause, never, only, when};\n\
             use super::super::profile::Rule;\n\
             use crate::syscall::Syscall;\n\n\
             /// The bits that are compared of an argument that the kernel reads as 32 bits.\n\
             const WORD: u64 = 0xffff_ffff;\n",
        );
        for (name, arch) in ["X86_64", "AARCH64"].into_iter().zip(Arch::ALL) {
            write!(text, "\n#[rustfmt::skip]\npub(in super::super) static {name}: &[(Syscall, Rule)] = &[\n")
                .unwrap();
            text.push_str(&packed(profile.meaning.rules(arch).map(|(call, rule)| row(call, rule)), "    "));
            text.push_str("];\n");
        }
        let digest = profile.digest().to_string();
        let digest = digest.trim_start_matches("sha256:");
        write!(text, "\npub(in super::super) const DIGEST: &str = \"{digest}\";\n").unwrap();
        text
    }

    #[test]
    fn the_tables_are_what_the_files_mean() {
        let written = [
            ("default.rs", include_str!("builtin_table/default.rs")),
            ("minimal.rs", include_str!("builtin_table/minimal.rs")),
        ];
        for ((file, found), profile) in written.into_iter().zip(texts()) {
            let expected = table(profile);
            if expected != found {
                let path = std::env::temp_dir().join(file);
                std::fs::write(&path, expected).unwrap();
                panic!("copy {} to profiles/src/seccomp/builtin_table", path.display());
            }
        }
        for (table, text) in [&DEFAULT, &MINIMAL].into_iter().zip(texts()) {
            assert_eq!(table, text);
            assert_eq!(table.digest(), text.digest());
            assert_eq!(table.description(), text.description());
            assert_eq!(table.entries(), text.entries());
        }
    }

    #[test]
    fn every_builtin_profile_is_found_by_its_name() {
        for name in NAMES {
            assert_eq!(find(name).unwrap().name().as_str(), name);
        }
        assert!(find("none").is_none());
    }
}
