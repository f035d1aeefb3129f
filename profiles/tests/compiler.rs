//! Compiled filters, against the profile's own verdict and against another project's compiler.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use perry_sandbox_profiles::bpf::{CompileError, SockFilter, compile, interpret};
use perry_sandbox_profiles::{
    Action, Arch, ArgTest, CallRule, Clause, Refusal, SeccompProfile, Syscall, SyscallAttempt,
};
use proptest::prelude::*;
use seccompiler::{
    SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule, TargetArch,
};

use crate::random_profiles::{all_args, draft, few_calls};

/// The numbers that a filter is tried with: all that calls have, their neighbours, and the edges of the tree.
fn numbers() -> impl Iterator<Item = u32> {
    (0..=512).chain([
        0x3fff_ffff,
        0x4000_0000,
        0x4000_0027,
        0x7fff_ffff,
        0x8000_0000,
        0xffff_fffe,
        0xffff_ffff,
    ])
}

fn native(arch: Arch, number: u32, args: [u64; 6]) -> SyscallAttempt {
    SyscallAttempt { number, audit_arch: arch.audit_value(), args }
}

/// The other project's filters for a profile: one for calls without a condition, one for each answer of the others.
struct Oracle {
    arch: Arch,
    always: Vec<SockFilter>,
    by_answer: BTreeMap<u32, Vec<SockFilter>>,
    answers: BTreeMap<u32, u32>,
}

fn their_action(answer: Refusal) -> SeccompAction {
    match answer {
        Refusal::Kill => SeccompAction::KillProcess,
        Refusal::Errno(errno) => SeccompAction::Errno(u32::from(errno.number())),
    }
}

fn their_filter(arch: Arch, rules: BTreeMap<i64, Vec<SeccompRule>>, mismatch: Refusal) -> Vec<SockFilter> {
    let target = TargetArch::try_from(arch.name()).unwrap();
    let filter = SeccompFilter::new(rules, their_action(mismatch), SeccompAction::Allow, target).unwrap();
    let program: seccompiler::BpfProgram = filter.try_into().unwrap();
    program.iter().map(|one| SockFilter { code: one.code, jt: one.jt, jf: one.jf, k: one.k }).collect()
}

fn their_condition(test: ArgTest) -> SeccompCondition {
    let (length, operator) = match test.mask {
        u64::MAX => (SeccompCmpArgLen::Qword, SeccompCmpOp::Eq),
        0xffff_ffff => (SeccompCmpArgLen::Dword, SeccompCmpOp::Eq),
        mask => (SeccompCmpArgLen::Qword, SeccompCmpOp::MaskedEq(mask)),
    };
    SeccompCondition::new(test.arg, length, operator, test.value).unwrap()
}

fn their_rule(clause: &Clause) -> SeccompRule {
    SeccompRule::new(clause.tests().map(their_condition).collect()).unwrap()
}

impl Oracle {
    fn new(profile: &SeccompProfile, arch: Arch) -> Self {
        let mut always = BTreeMap::new();
        let mut by_answer: BTreeMap<u32, (Refusal, BTreeMap<i64, Vec<SeccompRule>>)> = BTreeMap::new();
        let mut answers = BTreeMap::new();
        for rule in profile.rules(arch) {
            let number = rule.call.number(arch).unwrap();
            let Some(otherwise) = rule.otherwise else {
                always.insert(i64::from(number), Vec::new());
                continue;
            };
            let value = Action::Refuse(otherwise).return_value();
            answers.insert(number, value);
            let rules = &mut by_answer.entry(value).or_insert((otherwise, BTreeMap::new())).1;
            if !rule.admission.is_never() {
                rules.insert(i64::from(number), rule.admission.clauses().iter().map(their_rule).collect());
            }
        }
        Self {
            arch,
            always: their_filter(arch, always, profile.unknown()),
            by_answer: by_answer
                .into_iter()
                .map(|(value, (otherwise, rules))| (value, their_filter(arch, rules, otherwise)))
                .collect(),
            answers,
        }
    }

    fn verdict(&self, attempt: &SyscallAttempt) -> u32 {
        if attempt.audit_arch == self.arch.audit_value() && self.arch.is_foreign_number(attempt.number) {
            // The other project lets x32 fall to the default answer.
            return Action::Refuse(Refusal::Kill).return_value();
        }
        let filter = match self.answers.get(&attempt.number) {
            None => &self.always,
            Some(answer) => self.by_answer.get(answer).unwrap(),
        };
        interpret(filter, attempt).unwrap()
    }
}

/// Tries every number with these arguments, under every ABI.
fn agrees(profile: &SeccompProfile, arch: Arch, all_args: &[[u64; 6]]) -> Result<(), TestCaseError> {
    let program = compile(profile, arch).unwrap();
    let oracle = Oracle::new(profile, arch);
    let named: Vec<u32> = profile.rules(arch).filter_map(|rule| rule.call.number(arch)).collect();
    for number in numbers() {
        let tried = if named.contains(&number) { all_args.len() } else { 1 };
        for args in all_args.iter().take(tried) {
            let attempt = native(arch, number, *args);
            let ours = interpret(program.instructions(), &attempt).unwrap();
            prop_assert_eq!(ours, profile.verdict(arch, &attempt).return_value(), "verdict on {:?}", attempt);
            prop_assert_eq!(ours, oracle.verdict(&attempt), "oracle on {:?}", attempt);
        }
    }
    for audit_arch in
        [0x4000_0003, 0x4000_0028, 0, Arch::ALL.iter().find(|one| **one != arch).unwrap().audit_value()]
    {
        let foreign = SyscallAttempt { number: 0, audit_arch, args: [0; 6] };
        prop_assert_eq!(interpret(program.instructions(), &foreign).unwrap(), 0x8000_0000);
    }
    Ok(())
}

/// The values of a rule's conditions, with one bit changed, a high word added, or every other bit set.
fn args_around(rule: &CallRule<'_>) -> Vec<[u64; 6]> {
    let mut words = vec![0, 1, 2, u64::from(u32::MAX), u64::MAX, 1 << 32];
    for test in rule.admission.clauses().iter().flat_map(Clause::tests) {
        words.extend([test.value, test.value ^ 1, test.value | 1 << 32, test.value | !test.mask]);
    }
    words.sort_unstable();
    words.dedup();
    let pairs =
        |first: &u64| words.iter().map(|second| [*first, *second, 6, *first, 0, 0]).collect::<Vec<_>>();
    words.iter().flat_map(pairs).chain(words.iter().map(|word| [*word; 6])).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn filters_of_few_calls_agree_on_every_argument(draft in draft(few_calls(), 7)) {
        let profile = draft.profile("random");
        for arch in Arch::ALL {
            agrees(&profile, arch, &all_args())?;
        }
    }

    #[test]
    fn filters_of_many_calls_agree(draft in draft(Syscall::all().collect(), 120)) {
        let profile = draft.profile("random");
        let some: Vec<[u64; 6]> = all_args().into_iter().step_by(37).collect();
        for arch in Arch::ALL {
            agrees(&profile, arch, &some)?;
        }
    }
}

#[test]
fn the_builtin_filters_agree() {
    for name in SeccompProfile::builtin_names() {
        let profile = SeccompProfile::builtin(name).unwrap();
        for arch in Arch::ALL {
            agrees(profile, arch, &[[0; 6], [u64::MAX; 6]]).unwrap();
            let program = compile(profile, arch).unwrap();
            let oracle = Oracle::new(profile, arch);
            for rule in profile.rules(arch) {
                for args in args_around(&rule) {
                    let attempt = native(arch, rule.call.number(arch).unwrap(), args);
                    let expected = match rule.otherwise {
                        Some(refusal) if !rule.admission.admits(&args) => Action::Refuse(refusal),
                        _ => Action::Allow,
                    };
                    let ours = interpret(program.instructions(), &attempt);
                    assert_eq!(ours, Ok(expected.return_value()), "{attempt:x?}");
                    assert_eq!(ours, Ok(oracle.verdict(&attempt)), "{attempt:x?}");
                }
            }
        }
    }
}

/// Writes a profile in which each of the first `calls` calls admits `values` values of its first argument.
fn wide_profile(calls: usize, values: usize) -> SeccompProfile {
    let mut text = String::from(
        "schema = \"perry-sandbox/seccomp-profile/v1\"\nname = \"wide\"\ndescription = \"d\"\nunknown = \"ENOSYS\"\n",
    );
    let native = Syscall::all().filter(|call| call.number(Arch::X86_64).is_some());
    for (at, call) in native.take(calls).enumerate() {
        text.push_str("[[allow]]\nreason = \"r\"\ncalls = [\"");
        text.push_str(call.name());
        text.push_str("\"]\n[[allow.when]]\narg = 0\nbits = 64\n[allow.when.one-of]\n");
        // Every call has values of its own, so that no two searches are alike.
        for value in (at..).step_by(1000).take(values) {
            writeln!(text, "V{value} = {value}").unwrap();
        }
    }
    SeccompProfile::parse(&text).unwrap()
}

#[test]
fn jumps_longer_than_a_byte_agree_too() {
    let profile = wide_profile(140, 12);
    let program = compile(&profile, Arch::X86_64).unwrap();
    assert!(program.instructions().len() > 2000, "{}", program.instructions().len());
    assert!(program.instructions().iter().any(|one| one.code == 0x05), "no long jump was needed");
    for rule in profile.rules(Arch::X86_64) {
        let number = rule.call.number(Arch::X86_64).unwrap();
        for value in rule.admission.clauses().iter().flat_map(Clause::tests).map(|test| test.value) {
            for (word, expected) in
                [(value, 0x7fff_0000), (value ^ 1 << 20, 0x0005_0001), (value | 1 << 32, 0x0005_0001)]
            {
                let attempt = native(Arch::X86_64, number, [word; 6]);
                assert_eq!(interpret(program.instructions(), &attempt), Ok(expected));
            }
        }
    }
    for number in numbers() {
        let attempt = native(Arch::X86_64, number, [1; 6]);
        let expected = profile.verdict(Arch::X86_64, &attempt).return_value();
        assert_eq!(interpret(program.instructions(), &attempt), Ok(expected));
    }
}

#[test]
fn a_filter_too_long_for_the_kernel_is_refused() {
    let error = compile(&wide_profile(200, 40), Arch::X86_64).unwrap_err();
    assert!(matches!(error, CompileError::TooLong { length } if length > 4096));
}

#[test]
fn the_builtin_filters_stay_short() {
    for name in SeccompProfile::builtin_names() {
        for arch in Arch::ALL {
            let length = compile(SeccompProfile::builtin(name).unwrap(), arch).unwrap().instructions().len();
            assert!(length <= 322, "{name} on {arch} has {length} instructions");
        }
    }
}

#[test]
fn the_bytes_are_eight_for_each_instruction_in_the_machines_order() {
    let program = compile(SeccompProfile::builtin("perry-minimal").unwrap(), Arch::X86_64).unwrap();
    let bytes = program.to_bytes();
    assert_eq!(bytes.len(), program.instructions().len() * 8);
    let first = program.instructions().first().unwrap();
    assert_eq!(bytes.get(..2), Some(&first.code.to_ne_bytes()[..]));
    assert_eq!(bytes.get(4..8), Some(&first.k.to_ne_bytes()[..]));
}
