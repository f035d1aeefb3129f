//! Who must have signed: a rule about names, and the names that can be given to different holders.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;

use serde::Serialize;

use crate::at::At;
use crate::evidence::{VerifiedIdentity, VerifiedSignature};
use crate::names::SignerName;
use crate::pattern::first;
use crate::requirement::Requirement;

/// Which signers, and how many of them.
///
/// A file writes `all`, and `at-least` signers `of` others beside those; here they stand in one set, so that the rules
/// of two files meet exactly: who satisfies both satisfies the meet, and nobody else does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Quorum {
    /// Everybody whose signature counts.
    pub signers: At<BTreeSet<SignerName>>,
    /// Those of them who must have signed, whoever else did.
    #[serde(skip_serializing_if = "is_nobody")]
    pub required: At<BTreeSet<SignerName>>,
    /// How many are enough, those who must have signed among them.
    pub at_least: At<NonZeroU32>,
}

fn is_nobody(names: &At<BTreeSet<SignerName>>) -> bool {
    names.value.is_empty()
}

impl Quorum {
    /// What both ask: the signers that both know, everybody whom one of them requires, and the larger number.
    pub(crate) fn meet(&self, other: &Self) -> Self {
        let span = |a: &At<BTreeSet<SignerName>>, b: &At<BTreeSet<SignerName>>| first(a.span, b.span);
        let (a, b) = (self, other);
        let required = &a.required.value | &b.required.value;
        let at_least = if a.at_least.value >= b.at_least.value { a.at_least } else { b.at_least };
        let all = u32::try_from(required.len()).ok().and_then(NonZeroU32::new);
        Self {
            signers: At { value: &a.signers.value & &b.signers.value, span: span(&a.signers, &b.signers) },
            required: At { value: required, span: span(&a.required, &b.required) },
            at_least: At { value: all.map_or(at_least.value, |all| all.max(at_least.value)), ..at_least },
        }
    }
}

impl Requirement {
    /// Who has signed, for the quorum: the most of [`Requirement::signers`] that can be given to different holders,
    /// those who must have signed before others. A key or certificate identity that fits two names counts for one.
    // SECURITY: otherwise one key under two names, or one workflow that two patterns match, would be a quorum of two.
    pub fn who_signed<'a>(
        &self,
        signatures: impl IntoIterator<Item = &'a VerifiedSignature>,
    ) -> BTreeSet<SignerName> {
        let known: BTreeSet<&SignerName> = self.signers.iter().map(|signer| &signer.name).collect();
        let mut holders: Vec<&VerifiedIdentity> = Vec::new();
        let mut fits: BTreeMap<&SignerName, BTreeSet<usize>> = BTreeMap::new();
        for signature in signatures.into_iter().filter(|it| known.contains(&it.signer)) {
            let seen = holders.iter().position(|it| **it == signature.by);
            let at = seen.unwrap_or(holders.len());
            if seen.is_none() {
                holders.push(&signature.by);
            }
            fits.entry(&signature.signer).or_default().insert(at);
        }
        let mut taken = BTreeMap::new();
        // A name that has a holder keeps one while others make room, so those that must have one go first.
        let (must, may): (Vec<_>, Vec<_>) = fits.keys().partition(|name| self.required.contains(**name));
        for name in must.into_iter().chain(may) {
            place(name, &fits, &mut taken, &mut BTreeSet::new());
        }
        taken.into_values().cloned().collect()
    }

    /// Whether signatures by `signed` satisfy the quorum: the one place where it is counted. Each of
    /// [`Requirement::signers`] counts once; names that are not among them count for nothing.
    pub fn quorum_is_met(&self, signed: &BTreeSet<SignerName>) -> bool {
        let names: BTreeSet<_> = self.signers.iter().map(|signer| &signer.name).collect();
        let count = names.iter().filter(|name| signed.contains(**name)).count();
        let enough = usize::try_from(self.at_least.get()).is_ok_and(|needed| count >= needed);
        enough && self.required.iter().all(|name| names.contains(name) && signed.contains(name))
    }

    /// Those who must have signed and are not among `signed`.
    pub fn missing<'a>(&'a self, signed: &'a BTreeSet<SignerName>) -> impl Iterator<Item = &'a SignerName> {
        self.required.iter().filter(|name| !signed.contains(*name))
    }

    /// How many signers are needed beside those who must have signed, and who they may be.
    pub fn beside(&self) -> (usize, BTreeSet<&SignerName>) {
        let needed = usize::try_from(self.at_least.get()).unwrap_or(usize::MAX);
        let others = self.signers.iter().map(|signer| &signer.name);
        (
            needed.saturating_sub(self.required.len()),
            others.filter(|name| !self.required.contains(*name)).collect(),
        )
    }

    /// Who must sign, for people: `2 of a, b`, or `a and 1 of b, c`.
    pub fn quorum_text(&self) -> String {
        let (needed, others) = self.beside();
        let mut parts: Vec<_> = self.required.iter().map(ToString::to_string).collect();
        if needed > 0 || parts.is_empty() {
            let others = others.into_iter().map(SignerName::as_str).collect::<Vec<_>>().join(", ");
            parts.push(format!("{needed} of {others}"));
        }
        parts.join(" and ")
    }
}

/// Finds a holder for a name, moving other names to other holders where that makes room (an augmenting path).
fn place<'a>(
    name: &'a SignerName,
    fits: &BTreeMap<&'a SignerName, BTreeSet<usize>>,
    taken: &mut BTreeMap<usize, &'a SignerName>,
    tried: &mut BTreeSet<usize>,
) -> bool {
    for holder in fits.get(name).into_iter().flatten() {
        if !tried.insert(*holder) {
            continue;
        }
        let before = taken.get(holder).copied();
        if before.is_none_or(|other| place(other, fits, taken, tried)) {
            taken.insert(*holder, name);
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use perry_sandbox_reference::Digest;

    use super::*;
    use crate::evidence::SignatureFormat;
    use crate::requirement::{Signer, SignerIdentity};

    fn name(text: &str) -> SignerName {
        text.parse().unwrap()
    }

    fn requirement(signers: &[&str], required: &[&str]) -> Requirement {
        let identity = || SignerIdentity::Key { pem: String::new(), root: None };
        let signers = signers.iter().map(|signer| Signer::new(name(signer), identity())).collect();
        let required = required.iter().map(|signer| name(signer)).collect();
        Requirement { required, ..Requirement::signed_by(signers) }
    }

    /// The names that count, of signatures by a name and its holder.
    fn signed(requirement: &Requirement, pairs: &[(&str, &str)]) -> Vec<String> {
        let signature = |(signer, holder): &(&str, &str)| VerifiedSignature {
            signer: name(signer),
            signed: Digest::of(b""),
            format: SignatureFormat::Bundle,
            object: Digest::of(b""),
            by: VerifiedIdentity::Key { fingerprint: Digest::of(holder.as_bytes()) },
            claims: Vec::new(),
            authority: None,
            times: vec![],
            log: None,
            root: None,
            signed_reference: None,
            serial: None,
            build: None,
        };
        let signatures: Vec<_> = pairs.iter().map(signature).collect();
        requirement.who_signed(&signatures).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn one_holder_counts_for_one_name() {
        let three = requirement(&["a", "b", "c"], &[]);
        assert!(signed(&three, &[]).is_empty());
        assert_eq!(signed(&three, &[("a", "x"), ("b", "x")]).len(), 1);
        assert_eq!(signed(&three, &[("a", "x"), ("a", "y")]), ["a"]);
        assert_eq!(signed(&three, &[("a", "x"), ("b", "y"), ("nobody", "z")]), ["a", "b"]);
    }

    #[test]
    fn names_make_room_for_each_other() {
        let three = requirement(&["a", "b", "c"], &[]);
        let count = |pairs: &[(&str, &str)]| signed(&three, pairs).len();
        assert_eq!(count(&[("a", "x"), ("a", "y"), ("b", "x")]), 2);
        assert_eq!(count(&[("a", "x"), ("a", "y"), ("b", "x"), ("c", "x")]), 2);
        assert_eq!(count(&[("a", "x"), ("a", "y"), ("b", "y"), ("b", "z"), ("c", "x"), ("c", "y")]), 3);
    }

    #[test]
    fn a_holder_whom_two_names_want_goes_to_the_one_that_must_have_signed() {
        let must = requirement(&["a", "b", "c"], &["c"]);
        assert_eq!(signed(&must, &[("a", "x"), ("c", "x")]), ["c"]);
        assert_eq!(signed(&must, &[("a", "x"), ("b", "x"), ("b", "y"), ("c", "x")]), ["b", "c"]);
        let both = requirement(&["a", "b", "c"], &["b", "c"]);
        assert_eq!(signed(&both, &[("a", "x"), ("b", "x"), ("c", "x"), ("c", "y")]), ["b", "c"]);
    }

    #[test]
    fn a_quorum_needs_its_number_and_everybody_who_must_have_signed() {
        let mut requirement = requirement(&["a", "b", "c"], &["a"]);
        requirement.at_least = NonZeroU32::new(2).unwrap();
        let met = |names: &[&str]| requirement.quorum_is_met(&names.iter().map(|it| name(it)).collect());
        assert!(met(&["a", "b"]) && met(&["a", "c"]) && met(&["a", "b", "c"]));
        assert!(!met(&["a"]) && !met(&["b", "c"]) && !met(&["a", "nobody"]));
        assert_eq!(requirement.quorum_text(), "a and 1 of b, c");
        let stranger = Requirement { required: [name("z")].into(), ..requirement.clone() };
        assert!(!stranger.quorum_is_met(&["a", "b", "z"].map(name).into()));
    }
}
