//! The one form in which a profile is serialised: its name and its meaning, sorted, without reasons.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::action::Refusal;
use super::admission::{Admission, MOST_CLAUSES};
use super::clause::{ARGS, ArgTest, Clause};
use super::profile::{Meaning, ProfileName, Rule, SeccompProfile, Text};
use crate::arch::Arch;
use crate::syscall::Syscall;

/// A profile on paper. Maps are sorted by key, and clauses by their tests.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct OnPaper {
    name: ProfileName,
    meaning: MeaningOnPaper,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct MeaningOnPaper {
    arches: BTreeMap<Arch, BTreeMap<Syscall, RuleOnPaper>>,
    unknown: Refusal,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleOnPaper {
    /// One list of tests for each clause; one empty list admits everything, no list nothing.
    admit: Vec<Vec<ArgTest>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    otherwise: Option<Refusal>,
}

impl SeccompProfile {
    /// Gives the canonical JSON: equal for equal profiles, byte for byte.
    pub fn canonical_json(&self) -> String {
        let paper = OnPaper { name: self.name.clone(), meaning: self.meaning.on_paper() };
        // INVARIANT: maps with text keys and numbers have no way to fail.
        serde_json::to_string(&paper).unwrap_or_default()
    }
}

impl Meaning {
    pub(super) fn canonical_json(&self) -> String {
        serde_json::to_string(&self.on_paper()).unwrap_or_default()
    }

    fn on_paper(&self) -> MeaningOnPaper {
        let table = |arch| (arch, self.rules(arch).map(|(call, rule)| (call, rule_on_paper(rule))).collect());
        MeaningOnPaper { unknown: self.unknown, arches: Arch::ALL.into_iter().map(table).collect() }
    }
}

fn rule_on_paper(rule: &Rule) -> RuleOnPaper {
    RuleOnPaper {
        admit: rule.admission.clauses().iter().map(|clause| clause.tests().collect()).collect(),
        otherwise: rule.otherwise,
    }
}

impl Serialize for SeccompProfile {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        OnPaper { name: self.name.clone(), meaning: self.meaning.on_paper() }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for SeccompProfile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let paper = OnPaper::deserialize(deserializer)?;
        let mut tables = BTreeMap::new();
        for (arch, rules) in paper.meaning.arches {
            let table: Result<BTreeMap<Syscall, Rule>, D::Error> =
                rules.into_iter().map(|(call, rule)| Ok((call, rule_from_paper(rule)?))).collect();
            tables.insert(arch, table?);
        }
        let meaning = Meaning::new(paper.meaning.unknown, tables);
        let text = Text::Read { description: String::new(), entries: Vec::new(), recorded: None };
        Ok(Self { name: paper.name, meaning, text })
    }
}

fn rule_from_paper<E: de::Error>(rule: RuleOnPaper) -> Result<Rule, E> {
    if rule.admit.len() > MOST_CLAUSES || rule.admit.iter().any(|tests| tests.len() > ARGS) {
        return Err(E::custom("a rule has more conditions than a profile may hold"));
    }
    let clauses: Option<Vec<Clause>> = rule.admit.into_iter().map(Clause::of).collect();
    let clauses = clauses.ok_or_else(|| E::custom("a condition can never hold"))?;
    let admission = Admission::any_of(clauses);
    match rule.otherwise {
        None if admission.is_always() => Ok(Rule { admission, otherwise: None }),
        Some(otherwise) if !admission.is_always() => Ok(Rule::new(admission, otherwise)),
        _ => Err(E::custom("`otherwise` stands exactly where a call is not always admitted")),
    }
}

impl Serialize for ProfileName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for ProfileName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn builtin_profiles_come_back_from_their_canonical_form() {
        for name in SeccompProfile::builtin_names() {
            let profile = SeccompProfile::builtin(name).unwrap();
            let json = profile.canonical_json();
            let back: SeccompProfile = serde_json::from_str(&json).unwrap();
            assert_eq!(&back, profile);
            assert_eq!(back.canonical_json(), json);
            assert_eq!(serde_json::to_string(profile).unwrap(), json);
        }
    }

    #[test]
    fn a_rule_without_its_answer_is_refused() {
        let json = |rule: &str| {
            format!(
                r#"{{"name":"x","meaning":{{"unknown":"ENOSYS","arches":{{"x86_64":{{"read":{rule}}}}}}}}}"#
            )
        };
        let read = |rule: &str| serde_json::from_str::<SeccompProfile>(&json(rule));
        assert!(read(r#"{"admit":[[]]}"#).is_ok());
        assert!(read(r#"{"admit":[]}"#).is_err());
        assert!(read(r#"{"admit":[[]],"otherwise":"EPERM"}"#).is_err());
        assert!(read(r#"{"admit":[[{"arg":0,"mask":1,"value":2}]],"otherwise":"EPERM"}"#).is_err());
    }
}
