//! A seccomp profile: which system calls are admitted, with which arguments, and what the others answer.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::str::FromStr;

use sha2::{Digest as _, Sha256};
use thiserror::Error;

use super::action::{Action, Refusal};
use super::admission::Admission;
use super::builtin;
use super::clause::ARGS;
use super::entry::Entry;
use super::error::ProfileError;
use super::reader;
use super::recorded::Recorded;
use crate::arch::Arch;
use crate::syscall::Syscall;

/// A seccomp profile.
///
/// Two profiles are equal when they have one name and mean the same; descriptions and reasons do not count.
#[derive(Clone, Debug)]
pub struct SeccompProfile {
    pub(super) name: ProfileName,
    pub(super) meaning: Meaning,
    pub(super) text: Text,
}

/// What a profile says to people. The program's own profiles keep it in their files until somebody asks.
#[derive(Clone, Debug)]
pub(super) enum Text {
    Read { description: String, entries: Vec<Entry>, recorded: Option<Box<Recorded>> },
    Builtin { read: fn() -> Option<&'static SeccompProfile>, digest: &'static str },
}

/// What a profile does, without its name and its reasons.
///
/// INVARIANT: no table holds a rule that says the same as no rule, so equal meanings have one form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Meaning {
    pub(super) unknown: Refusal,
    pub(super) x86_64: Table,
    pub(super) aarch64: Table,
}

/// The rules of one architecture, sorted by call; a call without a rule answers as an unknown one.
pub(super) type Table = Cow<'static, [(Syscall, Rule)]>;

/// What happens to one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rule {
    pub(super) admission: Admission,
    /// The answer outside of the admission; `None` exactly when there is no outside.
    pub(super) otherwise: Option<Refusal>,
}

impl Rule {
    /// Makes a rule in its one form.
    pub(super) fn new(admission: Admission, otherwise: Refusal) -> Self {
        let otherwise = if admission.is_always() { None } else { Some(otherwise) };
        Self { admission, otherwise }
    }
}

impl Meaning {
    /// Makes a meaning in its one form.
    pub(super) fn new(unknown: Refusal, mut tables: BTreeMap<Arch, BTreeMap<Syscall, Rule>>) -> Self {
        let silent = Rule::new(Admission::never(), unknown);
        let mut table = |arch: Arch| -> Table {
            let rules = tables.remove(&arch).unwrap_or_default().into_iter();
            rules.filter(|(call, rule)| *rule != silent && call.number(arch).is_some()).collect()
        };
        Self { unknown, x86_64: table(Arch::X86_64), aarch64: table(Arch::Aarch64) }
    }

    pub(super) fn table(&self, arch: Arch) -> &[(Syscall, Rule)] {
        match arch {
            Arch::X86_64 => &self.x86_64,
            Arch::Aarch64 => &self.aarch64,
        }
    }

    pub(super) fn rules(&self, arch: Arch) -> impl Iterator<Item = (Syscall, &Rule)> {
        self.table(arch).iter().map(|(call, rule)| (*call, rule))
    }

    pub(super) fn rule(&self, arch: Arch, call: Syscall) -> Option<&Rule> {
        let table = self.table(arch);
        let at = table.binary_search_by(|(known, _)| known.cmp(&call)).ok()?;
        table.get(at).map(|(_, rule)| rule)
    }
}

/// What a profile does with one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallRule<'a> {
    /// The call.
    pub call: Syscall,
    /// The arguments that it is admitted with.
    pub admission: &'a Admission,
    /// The answer to other arguments; nothing exactly when the call is always admitted.
    pub otherwise: Option<Refusal>,
}

/// A system call as a seccomp filter sees it (`struct seccomp_data`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SyscallAttempt {
    /// The call's number.
    pub number: u32,
    /// The audit value of the ABI that the call came through.
    pub audit_arch: u32,
    /// The arguments, as wide as registers.
    pub args: [u64; ARGS],
}

impl SeccompProfile {
    /// Reads a profile from TOML (the format is described in `builtin/README.md`).
    ///
    /// # Errors
    ///
    /// When anything in the text is unknown, repeated, contradictory, too long, or without a reason.
    pub fn parse(text: &str) -> Result<Self, ProfileError> {
        reader::read(text)
    }

    /// Puts a profile together that is still to be written and read: its meaning is that of no entry.
    pub(crate) fn drafted(
        name: ProfileName,
        description: String,
        unknown: Refusal,
        entries: Vec<Entry>,
        recorded: Recorded,
    ) -> Self {
        let meaning = Meaning::new(unknown, BTreeMap::new());
        Self { name, meaning, text: Text::Read { description, entries, recorded: Some(Box::new(recorded)) } }
    }

    /// Gives the profile that comes with the program under this name.
    pub fn builtin(name: &str) -> Option<&'static Self> {
        builtin::find(name)
    }

    /// Lists the names of the profiles that come with the program, the widest first.
    pub const fn builtin_names() -> &'static [&'static str] {
        &builtin::NAMES
    }

    /// Gives the profile's name.
    pub const fn name(&self) -> &ProfileName {
        &self.name
    }

    /// Gives the author's description; empty for a computed profile.
    pub fn description(&self) -> &str {
        match &self.text {
            Text::Read { description, .. } => description,
            Text::Builtin { read, .. } => read().map_or("", Self::description),
        }
    }

    /// Lists the entries as written; a computed profile has those of the profiles that it was computed from.
    pub fn entries(&self) -> &[Entry] {
        match &self.text {
            Text::Read { entries, .. } => entries,
            Text::Builtin { read, .. } => read().map_or(&[], Self::entries),
        }
    }

    /// Says how the profile was recorded, if it was.
    pub fn recorded(&self) -> Option<&Recorded> {
        match &self.text {
            Text::Read { recorded, .. } => recorded.as_deref(),
            Text::Builtin { .. } => None,
        }
    }

    /// Lists the entries that name a call.
    pub fn entries_for(&self, call: Syscall) -> impl Iterator<Item = &Entry> {
        self.entries().iter().filter(move |entry| entry.calls.contains(&call))
    }

    /// Gives the reason that the profile's first entry about this call states.
    pub fn reason(&self, call: Syscall) -> Option<&str> {
        self.entries_for(call).next().map(Entry::reason)
    }

    /// Counts the calls that are admitted on an architecture, with whatever arguments.
    pub fn call_count(&self, arch: Arch) -> usize {
        self.meaning.rules(arch).filter(|(_, rule)| !rule.admission.is_never()).count()
    }

    /// Gives the arguments that a call is admitted with; nothing when it is never admitted.
    pub fn admission(&self, arch: Arch, call: Syscall) -> Option<&Admission> {
        self.meaning.rule(arch, call).map(|rule| &rule.admission).filter(|admission| !admission.is_never())
    }

    /// Gives the answer to a call that is not admitted; nothing when it is always admitted.
    pub fn refusal(&self, arch: Arch, call: Syscall) -> Option<Refusal> {
        self.meaning.rule(arch, call).map_or(Some(self.meaning.unknown), |rule| rule.otherwise)
    }

    /// Lists the calls that the profile has a rule for on an architecture, by name.
    pub fn rules(&self, arch: Arch) -> impl Iterator<Item = CallRule<'_>> {
        self.meaning.rules(arch).map(|(call, rule)| CallRule {
            call,
            admission: &rule.admission,
            otherwise: rule.otherwise,
        })
    }

    /// Gives the answer to calls that the profile does not name.
    pub const fn unknown(&self) -> Refusal {
        self.meaning.unknown
    }

    /// Decides about one attempt, by reading the rules; compiled filters give the same verdict.
    pub fn verdict(&self, arch: Arch, attempt: &SyscallAttempt) -> Action {
        // SECURITY: a filter that looks only at numbers is passed by the same number of another ABI.
        if attempt.audit_arch != arch.audit_value() || arch.is_foreign_number(attempt.number) {
            return Action::Refuse(Refusal::Kill);
        }
        let rule = self
            .meaning
            .rules(arch)
            .find(|(call, _)| call.number(arch) == Some(attempt.number))
            .map(|(_, rule)| rule);
        match rule {
            None => Action::Refuse(self.meaning.unknown),
            Some(rule) => match rule.otherwise {
                Some(refusal) if !rule.admission.admits(&attempt.args) => Action::Refuse(refusal),
                _ => Action::Allow,
            },
        }
    }

    /// Gives the digest of the profile's name and meaning, over its canonical JSON.
    pub fn digest(&self) -> ProfileDigest {
        match self.text {
            Text::Builtin { digest, .. } => ProfileDigest(Cow::Borrowed(digest)),
            Text::Read { .. } => ProfileDigest(Cow::Owned(sha256_hex(self.canonical_json().as_bytes()))),
        }
    }
}

impl PartialEq for SeccompProfile {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.meaning == other.meaning
    }
}

impl Eq for SeccompProfile {}

pub(super) fn sha256_hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from_digit(u32::from(value), 16);
    Sha256::digest(bytes).iter().flat_map(|byte| [byte >> 4, byte & 0xf]).filter_map(digit).collect()
}

/// The digest of a profile: `sha256:` and 64 hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(into = "String")]
pub struct ProfileDigest(Cow<'static, str>);

impl From<ProfileDigest> for String {
    fn from(digest: ProfileDigest) -> Self {
        digest.to_string()
    }
}

impl std::fmt::Display for ProfileDigest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "sha256:{}", self.0)
    }
}

/// A profile's name: 1 to 64 lower-case letters, digits and hyphens, and a letter first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProfileName(Cow<'static, str>);

/// A name that no profile can have.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "a profile cannot be named `{name}`: a name has 1 to 64 of a-z, 0-9 and -, a letter first, and not `meet-`"
)]
pub struct UnusableName {
    name: String,
}

/// The longest name of a profile, in bytes.
const LONGEST_NAME: usize = 64;

impl ProfileName {
    /// Turns the name into the error that says it is kept for computed profiles.
    pub(super) fn reserved(self) -> UnusableName {
        UnusableName { name: self.0.into_owned() }
    }

    /// Takes the name of one of the program's own profiles.
    pub(super) const fn builtin(name: &'static str) -> Self {
        Self(Cow::Borrowed(name))
    }

    /// Takes a name that this crate has made itself.
    pub(super) const fn computed(name: String) -> Self {
        Self(Cow::Owned(name))
    }

    /// Gives the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ProfileName {
    type Err = UnusableName;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let usable = name.len() <= LONGEST_NAME
            && name.starts_with(|first: char| first.is_ascii_lowercase())
            && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'));
        if usable {
            Ok(Self(Cow::Owned(name.to_owned())))
        } else {
            Err(UnusableName { name: name.chars().take(LONGEST_NAME).flat_map(char::escape_debug).collect() })
        }
    }
}

impl std::fmt::Display for ProfileName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_a_path_or_a_control_character_is_refused() {
        for name in ["", "../x", "A", "9a", "a b", "a\u{1b}", &"a".repeat(65)] {
            assert!(name.parse::<ProfileName>().is_err(), "{name:?}");
        }
        assert!("perry-default".parse::<ProfileName>().is_ok());
    }
}
