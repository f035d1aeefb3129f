//! 2, 3, 4, 5, 7, 8: what tightening and asking for less do.

use std::collections::BTreeSet;

use perry_sandbox_policy::{LaunchPlan, Network, RootfsMode, Verdict};
use proptest::prelude::*;

use crate::support::asks::{Ask, ask, is_allowed};
use crate::support::spec::{PolicySpec, TIERS, policy, tier};
use crate::support::{backend, host, loaded};

fn plan(verdict: Verdict) -> Option<LaunchPlan> {
    match verdict {
        Verdict::Allow(plan) => Some(*plan),
        Verdict::Deny(_) => None,
    }
}

/// Every way to ask for one thing less.
fn lesser(ask: &Ask) -> Vec<Ask> {
    let mut lesser = Vec::new();
    macro_rules! without_one {
        ($($field:ident),+) => {$(
            for item in &ask.$field {
                let mut less = ask.clone();
                less.$field.remove(item);
                lesser.push(less);
            }
        )+};
    }
    without_one!(egress, read, write, env, secrets, caps, devices);
    lesser.push(Ask { memory: None, ..ask.clone() });
    lesser.push(Ask { args: 0, ..ask.clone() });
    lesser
}

/// The policy with every tier cut down by another one, its signers fewer or required by name, and further signers denied or revoked.
fn tightened(
    spec: &PolicySpec,
    by: &crate::support::spec::TierSpec,
    signers: bool,
    withdrawn: &PolicySpec,
) -> Option<PolicySpec> {
    let mut tight = spec.clone();
    tight.revoked.extend(&withdrawn.revoked);
    tight.denied.extend(&withdrawn.denied);
    for tier in &mut tight.tiers {
        let levels: BTreeSet<_> = tier.accept.intersection(&by.accept).copied().collect();
        if levels.is_empty() {
            return None;
        }
        *tier = tier.under(by);
    }
    // A pattern of a parent that is wider than `by` is gone, and the narrower one of its child with it.
    let [t0, t1, t2, t3] = tight.tiers;
    let (t1, t2) = (t1.under(&t0), t2.under(&t0));
    let t3 = t3.under(&t1).under(&t2);
    tight.tiers = [t0, t1, t2, t3];
    // An entry's own limit would be lowered with its tier in the text; the entry is to stay as it was.
    tight.limits = None;
    let listed = |spec: &PolicySpec| u32::try_from(spec.signers.len()).unwrap();
    let must = |spec: &PolicySpec| u32::try_from(spec.required.len()).unwrap();
    // As many as before, and further ones of them by name.
    tight.required.extend(&withdrawn.required & &tight.signers);
    tight.quorum = (spec.quorum + must(spec)).saturating_sub(must(&tight));
    if signers {
        let gone = tight.signers.difference(&tight.required).next().copied();
        tight.signers.retain(|name| Some(*name) != gone);
        if tight.quorum + must(&tight) > listed(&tight) {
            return None;
        }
    }
    Some(tight)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn p02_tightening_never_turns_a_denial_into_an_approval(
        spec in policy(), by in tier(), signers in any::<bool>(), withdrawn in policy(), asks in proptest::collection::vec(ask(), 8)
    ) {
        let spec = PolicySpec { limits: None, ..spec };
        if let Some(tight) = tightened(&spec, &by, signers, &withdrawn) {
            let (wide, narrow) = (loaded(&spec.to_toml()), loaded(&tight.to_toml()));
            for ask in asks {
                let (before, after) = (ask.verdict(&wide, &spec), ask.verdict(&narrow, &tight));
                prop_assert!(is_allowed(&before) || !is_allowed(&after), "{:?}\n{}\n{}", ask, spec.to_toml(), tight.to_toml());
            }
        }
    }

    #[test]
    fn p03_asking_for_less_never_gets_less(spec in policy(), asks in proptest::collection::vec(ask(), 10)) {
        let policy = loaded(&spec.to_toml());
        for ask in asks {
            if is_allowed(&ask.verdict(&policy, &spec)) {
                for less in lesser(&ask) {
                    prop_assert!(is_allowed(&less.verdict(&policy, &spec)), "{:?} and not {:?}", ask, less);
                }
            }
        }
    }

    #[test]
    fn p04_without_an_isolation_level_nothing_runs(spec in policy(), ask in ask()) {
        let policy = loaded(&spec.to_toml());
        let none = Ask { backends: Vec::new(), ..ask.clone() };
        prop_assert!(!is_allowed(&none.verdict(&policy, &spec)));
        let accept = &spec.tiers[spec.tier].accept;
        let others = ask.backends.into_iter().map(|(levels, lacking)| {
            (levels.into_iter().filter(|level| !accept.contains(level)).collect(), lacking)
        });
        let unaccepted = Ask { backends: others.collect(), ..none };
        prop_assert!(!is_allowed(&unaccepted.verdict(&policy, &spec)));
    }

    #[test]
    fn p05_more_trust_never_grants_less(spec in policy(), asks in proptest::collection::vec(ask(), 8)) {
        let policies: Vec<_> = (0..4)
            .map(|tier| {
                let spec = PolicySpec { tier, limits: None, ..spec.clone() };
                (loaded(&spec.to_toml()), spec)
            })
            .collect();
        let ceiling = |at: usize| policies[0].0.ceiling(&TIERS[at].parse().unwrap()).unwrap();
        for ask in asks {
            let allowed: Vec<bool> = policies.iter().map(|(policy, spec)| is_allowed(&ask.verdict(policy, spec))).collect();
            // The tier that is asked for instead of the entry's.
            let asked: Vec<bool> = TIERS
                .iter()
                .map(|tier| is_allowed(&Ask { tier: Some(tier), ..ask.clone() }.verdict(&policies[0].0, &policies[0].1)))
                .collect();
            for a in 0..4 {
                for b in (0..4).filter(|b| ceiling(a).is_within(ceiling(*b))) {
                    prop_assert!(!allowed[a] || allowed[b], "{} ⊑ {}: {:?}", TIERS[a], TIERS[b], ask);
                    prop_assert!(!asked[a] || asked[b], "asking for {} ⊑ {}: {:?}", TIERS[a], TIERS[b], ask);
                }
            }
        }
    }

    #[test]
    fn p07_the_plan_is_inside_the_ceiling_and_inside_the_request(spec in policy(), asks in proptest::collection::vec(ask(), 10)) {
        let policy = loaded(&spec.to_toml());
        for ask in asks {
            let Some(plan) = plan(ask.verdict(&policy, &spec)) else { continue };
            let tier = &spec.tiers[spec.tier];
            let ceiling = policy.ceiling(&TIERS[spec.tier].parse().unwrap()).unwrap();
            prop_assert!(tier.accept.contains(&plan.isolation));
            prop_assert!(plan.rootfs == RootfsMode::ReadOnly || tier.ephemeral);
            prop_assert!(plan.process.user.uid != 0 || tier.any_user);
            prop_assert!(plan.seccomp.is_within(&ceiling.seccomp.value));
            prop_assert!(plan.memory_enforcement <= ceiling.memory_enforcement.value);
            let limits = &plan.limits;
            let most = ceiling.limits.values();
            prop_assert!(limits.memory <= most.memory && limits.cpu <= most.cpu && limits.pids <= most.pids);
            prop_assert!(limits.wall <= most.wall && limits.output <= most.output && limits.disk <= most.disk);
            prop_assert!(limits.open_files <= most.open_files && plan.tmp <= most.disk);
            prop_assert!(ask.memory.is_none_or(|mib| limits.memory.bytes() <= u64::from(mib) << 20));
            let asked: BTreeSet<String> = ask.egress.iter().map(|(host, port)| format!("{host}:{port}")).collect();
            match &plan.network {
                Network::None => prop_assert!(asked.is_empty()),
                Network::Egress(list) => {
                    prop_assert_eq!(list.iter().cloned().collect::<BTreeSet<_>>(), asked);
                    for item in list {
                        prop_assert!(ceiling.grants.egress.includes(&item.parse().unwrap()));
                    }
                }
            }
            for mount in &plan.mounts {
                let path = mount.source.as_str();
                prop_assert_eq!(path, mount.target.as_str());
                prop_assert!(ask.read.contains(path) || ask.write.contains(path) || ask.exec.contains(path));
                prop_assert!(ceiling.grants.mounts_read.includes(&path.parse().unwrap()));
            }
            prop_assert!(plan.linux_caps.iter().all(|cap| ask.caps.contains(cap.name()) && tier.caps.contains(cap.name())));
            prop_assert!(plan.devices.iter().all(|device| tier.devices.contains(device.as_str())));
            let of_proxy = |name: &str| !ask.egress.is_empty() && name.to_ascii_uppercase().ends_with("_PROXY");
            let ours = |name: &str| ["PATH", "HOME"].contains(&name) || of_proxy(name);
            let given = plan.process.env.keys().filter(|name| !ours(name));
            prop_assert_eq!(given.map(String::as_str).collect::<BTreeSet<_>>(), ask.env);
            for line in &plan.lines {
                prop_assert_eq!(&line.enforcer, &format!("enforcer of {}", line.control));
            }
        }
    }

    #[test]
    fn p08_another_level_never_changes_an_approval_to_a_denial(
        spec in policy(), asks in proptest::collection::vec(ask(), 10), at in 0_usize..4
    ) {
        let policy = loaded(&spec.to_toml());
        for ask in asks {
            let Some(before) = plan(ask.verdict(&policy, &spec)) else { continue };
            let mut more = ask.host();
            let level = perry_sandbox_policy::IsolationLevel::ALL[at];
            more.backends.push(backend("another", &[level], &[]));
            let image = crate::support::image();
            let verdict = |facts| {
                perry_sandbox_policy::decide(&policy, &ask.request(), &ask.evidence(&spec), &image, facts, crate::support::now())
            };
            let after = plan(verdict(&more));
            prop_assert!(after.is_some_and(|plan| spec.tiers[spec.tier].accept.contains(&plan.isolation)));
            let only = host(ask.host().backends.into_iter().filter(|known| known.name == before.backend).collect());
            prop_assert!(is_allowed(&verdict(&only)));
        }
    }
}
