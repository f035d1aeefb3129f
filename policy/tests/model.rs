//! A second, naive `decide` over explicit sets, compared with the real one.

use perry_sandbox_policy::{Control, IsolationLevel, Verdict};
use proptest::prelude::*;

use crate::support::asks::{Ask, FRAGILE, ask};
use crate::support::loaded;
use crate::support::spec::{PolicySpec, TIERS, TierSpec, egress_matches, env_matches, path_matches, policy};

/// What the model says: nothing for a denial, else where it runs and whether the memory limit is exact.
type Answer = Option<(IsolationLevel, usize, bool)>;

fn model(spec: &PolicySpec, ask: &Ask) -> Answer {
    let wanted = ask.tier.map(|tier| &spec.tiers[TIERS.iter().position(|name| *name == tier).unwrap()]);
    let tiers: Vec<&TierSpec> = std::iter::once(&spec.tiers[spec.tier]).chain(wanted).collect();
    let all = |holds: &dyn Fn(&TierSpec) -> bool| tiers.iter().all(|tier| holds(tier));

    let signed = spec.is_signed(&ask.signed);
    let egress = ask.egress.iter().all(|(host, port)| {
        all(&|tier| tier.egress.iter().any(|pattern| egress_matches(pattern, host, *port)))
    });
    let write =
        ask.write.iter().all(|path| all(&|tier| tier.write.iter().any(|root| path_matches(root, path))));
    let read = ask.read.iter().all(|path| {
        all(&|tier| (&(&tier.read | &tier.write) | &tier.exec).iter().any(|root| path_matches(root, path)))
    });
    let exec = ask.exec.iter().all(|path| all(&|tier| tier.exec.iter().any(|root| path_matches(root, path))));
    let env =
        ask.env.iter().all(|name| all(&|tier| tier.env.iter().any(|pattern| env_matches(pattern, name))));
    let exact = all(&|tier| {
        ask.secrets.is_subset(&tier.secrets)
            && ask.caps.is_subset(&tier.caps)
            && ask.devices.is_subset(&tier.devices)
    });
    let ceiling = tiers.iter().map(|tier| tier.limits[0]).min().unwrap();
    let own = spec.limits.map(|limit| limit.min(spec.tiers[spec.tier].limits[0]));
    let limits = own.is_none_or(|own| own <= ceiling)
        && ask.memory.is_none_or(|wanted| wanted <= own.unwrap_or(ceiling).min(ceiling));
    if !(signed && egress && read && write && exec && env && exact && limits && ask.args <= 2) {
        return None;
    }

    let mut needed = vec![Control::Seccomp, Control::NoNetwork];
    needed.extend((!ask.egress.is_empty()).then_some(Control::Egress));
    let more = |path: &str| ask.write.contains(path) || ask.exec.iter().any(|root| path_matches(root, path));
    needed.extend(ask.read.iter().any(|path| !more(path)).then_some(Control::MountsRead));
    needed.extend((!ask.exec.is_empty()).then_some(Control::MountsExec));
    needed.extend((!ask.write.is_empty()).then_some(Control::MountsWrite));
    needed.extend((!ask.secrets.is_empty()).then_some(Control::Secrets));
    for level in [IsolationLevel::Microvm, IsolationLevel::Gvisor, IsolationLevel::Oci] {
        if !all(&|tier| tier.accept.contains(&level)) {
            continue;
        }
        for (at, (levels, lacking)) in ask.backends.iter().enumerate() {
            let has = |control: Control| !lacking.contains(&control);
            let root =
                has(Control::ReadOnlyRoot) || (all(&|tier| tier.ephemeral) && has(Control::EphemeralRoot));
            let watched = all(&|tier| tier.watched) && has(Control::MemoryWatched);
            let memory = has(Control::MemoryExact) || watched;
            if levels.contains(&level) && root && memory && needed.iter().all(|control| has(*control)) {
                return Some((level, at, has(Control::MemoryExact)));
            }
        }
    }
    None
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn decide_agrees_with_the_model(spec in policy(), asks in proptest::collection::vec(ask(), 12)) {
        let policy = loaded(&spec.to_toml());
        for ask in asks {
            let found: Answer = match ask.verdict(&policy, &spec) {
                Verdict::Allow(plan) => {
                    let at = plan.backend.as_str().strip_prefix("backend").unwrap().parse().unwrap();
                    let exact = plan.memory_enforcement == perry_sandbox_policy::MemoryEnforcement::Exact;
                    Some((plan.isolation, at, exact))
                }
                Verdict::Deny(_) => None,
            };
            prop_assert_eq!(found, model(&spec, &ask), "{:?}\n{}", ask, spec.to_toml());
        }
    }
}

#[test]
fn random_requests_are_neither_all_allowed_nor_all_denied() {
    use proptest::strategy::ValueTree as _;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut allowed = 0;
    for _ in 0..400 {
        let spec = policy().new_tree(&mut runner).unwrap().current();
        let ask = ask().new_tree(&mut runner).unwrap().current();
        allowed += usize::from(model(&spec, &ask).is_some());
    }
    assert!((20..380).contains(&allowed), "{allowed} of 400 are allowed");
    assert_eq!(FRAGILE.len(), 11);
}
