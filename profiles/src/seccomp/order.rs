//! The order of profiles: what one admits, the other admits too.

use std::collections::{BTreeMap, BTreeSet};

use super::action::Refusal;
use super::admission::Admission;
use super::profile::{Meaning, ProfileName, Rule, SeccompProfile, Text, sha256_hex};
use crate::arch::Arch;
use crate::syscall::Syscall;

/// What the names of computed profiles begin with.
pub(super) const MEET_PREFIX: &str = "meet-";

/// How many digits of the meaning's digest stand in the name of a computed profile.
const NAME_DIGITS: usize = 16;

impl SeccompProfile {
    /// Says whether everything that this profile admits, `other` admits too.
    ///
    /// Computed over every architecture, call and argument; names and answers do not matter.
    pub fn admits_no_more_than(&self, other: &Self) -> bool {
        Arch::ALL.into_iter().all(|arch| {
            let mut rest = other.meaning.table(arch);
            self.meaning.rules(arch).all(|(call, rule)| {
                // Both tables are sorted by call, so they are walked side by side.
                let passed = rest.iter().take_while(|(theirs, _)| *theirs < call).count();
                rest = rest.get(passed..).unwrap_or_default();
                match rest.first() {
                    Some((theirs, their_rule)) if *theirs == call => {
                        rule.admission.is_within(&their_rule.admission)
                    }
                    _ => rule.admission.is_never(),
                }
            })
        })
    }

    /// Gives the profile that admits exactly what both admit; where both refuse, the stricter answer.
    ///
    /// When that is what one of the two says already, it is that one, by its name. Otherwise the name is made
    /// from the meaning's digest, so the same meet has the same name in whatever order it was computed.
    #[must_use]
    pub fn meet(&self, other: &Self) -> Self {
        let meaning = meet_meanings(&self.meaning, &other.meaning);
        let same = [self, other]
            .into_iter()
            .filter(|profile| profile.meaning == meaning)
            .min_by_key(|profile| (profile.name.as_str().starts_with(MEET_PREFIX), &profile.name));
        if let Some(profile) = same {
            return profile.clone();
        }
        let mut entries = self.entries().to_vec();
        entries.extend(other.entries().iter().filter(|entry| !self.entries().contains(entry)).cloned());
        let text = Text::Read { description: String::new(), entries, recorded: None };
        Self { name: computed_name(&meaning), meaning, text }
    }
}

fn computed_name(meaning: &Meaning) -> ProfileName {
    let digest = sha256_hex(meaning.canonical_json().as_bytes());
    let digits: String = digest.chars().take(NAME_DIGITS).collect();
    ProfileName::computed(format!("{MEET_PREFIX}{digits}"))
}

fn meet_meanings(mine: &Meaning, theirs: &Meaning) -> Meaning {
    let tables: BTreeMap<Arch, BTreeMap<Syscall, Rule>> =
        Arch::ALL.into_iter().map(|arch| (arch, meet_tables(arch, mine, theirs))).collect();
    Meaning::new(mine.unknown.stricter(theirs.unknown), tables)
}

fn meet_tables(arch: Arch, mine: &Meaning, theirs: &Meaning) -> BTreeMap<Syscall, Rule> {
    let calls: BTreeSet<Syscall> = mine.rules(arch).chain(theirs.rules(arch)).map(|(call, _)| call).collect();
    calls.into_iter().map(|call| (call, meet_rules(arch, call, mine, theirs))).collect()
}

fn meet_rules(arch: Arch, call: Syscall, mine: &Meaning, theirs: &Meaning) -> Rule {
    let [(my_admission, my_answer), (their_admission, their_answer)] =
        [mine, theirs].map(|meaning| match meaning.rule(arch, call) {
            Some(rule) => (rule.admission.clone(), rule.otherwise),
            None => (Admission::never(), Some(meaning.unknown)),
        });
    let answer = match (my_answer, their_answer) {
        (Some(mine), Some(theirs)) => mine.stricter(theirs),
        (Some(only), None) | (None, Some(only)) => only,
        // Both admit everything: the meet does too, and never answers.
        (None, None) => Refusal::Kill,
    };
    Rule::new(my_admission.meet(&their_admission), answer)
}
