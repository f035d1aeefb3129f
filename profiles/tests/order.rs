//! The order of profiles and their meet, against trying every call with every argument that matters.

use perry_sandbox_profiles::{Action, Arch, SeccompProfile, Syscall, SyscallAttempt};
use proptest::prelude::*;

use crate::random_profiles::{Draft, all_args, draft, few_calls};

fn few() -> impl Strategy<Value = Draft> {
    draft(few_calls(), 6)
}

/// Lists every call of the table with every argument list, on both architectures.
fn is_admitted(profile: &SeccompProfile, arch: Arch, call: Syscall, args: &[u64; 6]) -> bool {
    profile.admission(arch, call).is_some_and(|admission| admission.admits(args))
}

fn holds_everywhere(arch_and_call: impl Fn(Arch, Syscall, &[u64; 6]) -> bool) -> bool {
    let args = all_args();
    let named = few_calls();
    Arch::ALL.into_iter().all(|arch| {
        // A call that no profile names needs one look only.
        Syscall::all().all(|call| {
            let tried = if named.contains(&call) { args.len() } else { 1 };
            args.iter().take(tried).all(|args| arch_and_call(arch, call, args))
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn inclusion_is_what_trying_everything_says(a in few(), more in few(), b in few()) {
        for (small, large) in [(a.clone(), b), (a.clone(), a.clone().and(more.clone())), (a.clone().and(more), a)] {
            let (small, large) = (small.profile("small"), large.profile("large"));
            let tried = holds_everywhere(|arch, call, args| {
                !is_admitted(&small, arch, call, args) || is_admitted(&large, arch, call, args)
            });
            prop_assert_eq!(small.admits_no_more_than(&large), tried);
        }
    }

    #[test]
    fn the_meet_admits_what_both_admit(a in few(), b in few()) {
        let (a, b) = (a.profile("a"), b.profile("b"));
        let met = a.meet(&b);
        let tried = holds_everywhere(|arch, call, args| {
            let both = is_admitted(&a, arch, call, args) && is_admitted(&b, arch, call, args);
            is_admitted(&met, arch, call, args) == both
        });
        prop_assert!(tried);
        prop_assert!(met.admits_no_more_than(&a) && met.admits_no_more_than(&b));
    }

    #[test]
    fn the_meet_is_idempotent_commutative_and_associative(a in few(), b in few(), c in few()) {
        let (a, b, c) = (a.profile("a"), b.profile("b"), c.profile("c"));
        prop_assert_eq!(&a.meet(&a), &a);
        prop_assert_eq!(a.meet(&b).canonical_json(), b.meet(&a).canonical_json());
        prop_assert_eq!(a.meet(&b).meet(&c).canonical_json(), a.meet(&b.meet(&c)).canonical_json());
        prop_assert_eq!(a.meet(&b).meet(&a), a.meet(&b));
    }

    #[test]
    fn canonical_json_is_read_back(a in few(), b in few()) {
        let met = a.profile("a").meet(&b.profile("b"));
        let back: SeccompProfile = serde_json::from_str(&met.canonical_json()).unwrap();
        prop_assert_eq!(back.digest(), met.digest());
        prop_assert_eq!(back, met);
    }

    #[test]
    fn the_verdict_follows_the_admission_and_the_answer(a in few(), number in 0_u32..500) {
        let profile = a.profile("a");
        for arch in Arch::ALL {
            let Some(call) = Syscall::with_number(arch, number) else { continue };
            for args in all_args() {
                let attempt = SyscallAttempt { number, audit_arch: arch.audit_value(), args };
                let expected = if is_admitted(&profile, arch, call, &args) {
                    Action::Allow
                } else {
                    Action::Refuse(profile.refusal(arch, call).unwrap())
                };
                prop_assert_eq!(profile.verdict(arch, &attempt), expected);
            }
        }
    }
}

#[test]
fn minimal_is_strictly_inside_default_and_is_their_meet() {
    let minimal = SeccompProfile::builtin("perry-minimal").unwrap();
    let default = SeccompProfile::builtin("perry-default").unwrap();
    assert!(minimal.admits_no_more_than(default));
    assert!(!default.admits_no_more_than(minimal));
    assert_eq!(&default.meet(minimal), minimal);
    assert_eq!(&minimal.meet(default), minimal);
    for arch in Arch::ALL {
        assert!(minimal.call_count(arch) < default.call_count(arch));
    }
}

#[test]
fn a_name_does_not_make_a_profile_tighter() {
    let text = include_str!("../builtin/perry-default.toml");
    let renamed = SeccompProfile::parse(&text.replace("\"perry-default\"", "\"perry-minimal\"")).unwrap();
    assert!(!renamed.admits_no_more_than(SeccompProfile::builtin("perry-minimal").unwrap()));
    assert!(renamed.admits_no_more_than(SeccompProfile::builtin("perry-default").unwrap()));
}
