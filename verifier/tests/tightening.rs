//! Asking for more never turns a denial into an approval, whatever is asked for.

use std::num::NonZeroU32;
use std::time::Duration;

use perry_sandbox_policy::{LogRule, PredicateRule, ProvenanceRule, RepositoryRule, Requirement};
use perry_sandbox_reference::Digest;
use proptest::prelude::*;

use crate::kit::{INDEX, acme, check, layout, require, signer_of};

const LAYOUTS: [&str; 4] = ["cosign2-key2", "cosign3-key3", "cosign2-kl2ts", "cosign3-kl3v2"];

/// One way to ask for more, or for nothing more.
fn tighten(requirement: &mut Requirement, how: u8) {
    match how {
        0 => requirement.at_least = requirement.at_least.saturating_add(1),
        1 => requirement.digests = Some([INDEX.parse().unwrap()].into()),
        2 => requirement.digests = Some([Digest::of(b"other")].into()),
        3 => requirement.max_age = Some(Duration::from_secs(7 * 86_400)),
        4 => requirement.max_age = Some(Duration::from_secs(1)),
        5 => requirement.log = LogRule::Required,
        6 => requirement.repository = RepositoryRule::Exact("127.0.0.1:5555/test/key2".parse().unwrap()),
        7 => {
            let by = requirement.signers.clone();
            requirement.provenance = Some(ProvenanceRule {
                predicate: "https://slsa.dev/provenance/v1".into(),
                by,
                says: PredicateRule::default(),
            });
        }
        8 => {
            let gone = requirement.signers.pop_if(|it| !requirement.required.contains(&it.name));
            drop(gone);
        }
        9 | 10 => {
            let names = requirement.signers.iter().map(|it| it.name.clone());
            requirement.required.extend(names.skip(usize::from(how == 10)).take(1));
        }
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn tightening_never_turns_a_denial_into_an_approval(which in 0..LAYOUTS.len(), first in 0_u8..12, second in 0_u8..12) {
        let source = layout(LAYOUTS[which]);
        let mut requirement = require(vec![acme(), signer_of("cosign3-key3")]);
        tighten(&mut requirement, first);
        let before = check(&source, &requirement).is_ok();
        let digests = requirement.digests.clone();
        let max_age = requirement.max_age;
        tighten(&mut requirement, second);
        // A second list or age that is wider than the first is no tightening.
        let wider = digests.is_some() && requirement.digests != digests || max_age.is_some() && requirement.max_age > max_age;
        if !wider {
            prop_assert!(before || check(&source, &requirement).is_err(), "{first} then {second}");
        }
    }
}

#[test]
fn the_layouts_are_accepted_before_anything_is_asked_for() {
    for name in LAYOUTS {
        let mut requirement = require(vec![acme(), signer_of("cosign3-key3")]);
        requirement.at_least = NonZeroU32::MIN;
        assert!(check(&layout(name), &requirement).is_ok(), "{name}");
    }
}
