//! Who has signed, for the quorum: every name needs a holder of its own.

use std::collections::{BTreeMap, BTreeSet};

use perry_sandbox_policy::{SignerName, VerifiedIdentity, VerifiedSignature};

/// The most names that can be given to different holders: a key or certificate identity that fits two names counts
/// for one of them only.
// SECURITY: otherwise one key under two names, or one workflow that two patterns match, would be a quorum of two.
pub(crate) fn signed_by(signatures: &[VerifiedSignature]) -> BTreeSet<SignerName> {
    let mut holders: Vec<&VerifiedIdentity> = Vec::new();
    let mut fits: BTreeMap<&SignerName, BTreeSet<usize>> = BTreeMap::new();
    for signature in signatures {
        let known = holders.iter().position(|it| **it == signature.by);
        let at = known.unwrap_or(holders.len());
        if known.is_none() {
            holders.push(&signature.by);
        }
        fits.entry(&signature.signer).or_default().insert(at);
    }
    let mut taken = BTreeMap::new();
    for name in fits.keys().copied() {
        place(name, &fits, &mut taken, &mut BTreeSet::new());
    }
    taken.into_values().cloned().collect()
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
    use perry_sandbox_policy::SignatureFormat;
    use perry_sandbox_reference::Digest;

    use super::*;

    fn signed(pairs: &[(&str, &str)]) -> usize {
        let signature = |(name, holder): &(&str, &str)| VerifiedSignature {
            signer: name.parse().unwrap(),
            signed: Digest::of(b""),
            format: SignatureFormat::Bundle,
            object: Digest::of(b""),
            by: VerifiedIdentity::Key { fingerprint: Digest::of(holder.as_bytes()) },
            times: vec![],
            log: None,
            root: None,
            signed_reference: None,
            serial: None,
            build: None,
        };
        signed_by(&pairs.iter().map(signature).collect::<Vec<_>>()).len()
    }

    #[test]
    fn one_holder_counts_for_one_name() {
        assert_eq!(signed(&[]), 0);
        assert_eq!(signed(&[("a", "x"), ("b", "x")]), 1);
        assert_eq!(signed(&[("a", "x"), ("a", "y")]), 1);
        assert_eq!(signed(&[("a", "x"), ("b", "y")]), 2);
    }

    #[test]
    fn names_make_room_for_each_other() {
        assert_eq!(signed(&[("a", "x"), ("a", "y"), ("b", "x")]), 2);
        assert_eq!(signed(&[("a", "x"), ("a", "y"), ("b", "x"), ("c", "x")]), 2);
        assert_eq!(signed(&[("a", "x"), ("a", "y"), ("b", "y"), ("b", "z"), ("c", "x"), ("c", "y")]), 3);
    }
}
