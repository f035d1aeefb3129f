//! The OCI form, read by an interpreter of its own that knows only the specification.

use perry_sandbox_profiles::{Action, Arch, SeccompProfile, Syscall, SyscallAttempt, to_oci_json};
use proptest::prelude::*;
use serde_json::Value;

use crate::random_profiles::{all_args, draft, few_calls};

/// What a runtime makes of one attempt: the first entry that matches, else the default.
fn oci_verdict(oci: &Value, call: Syscall, args: &[u64; 6]) -> (String, Option<u64>) {
    let matches = |entry: &&Value| {
        let named = entry["names"].as_array().unwrap().iter().any(|name| name == call.name());
        let conditions = entry.get("args").and_then(Value::as_array);
        named && conditions.is_none_or(|conditions| conditions.iter().all(|condition| holds(condition, args)))
    };
    let (entry, action, errno) = match oci["syscalls"].as_array().unwrap().iter().find(matches) {
        Some(entry) => (entry, "action", "errnoRet"),
        None => (oci, "defaultAction", "defaultErrnoRet"),
    };
    (entry[action].as_str().unwrap().to_owned(), entry.get(errno).and_then(Value::as_u64))
}

fn holds(condition: &Value, args: &[u64; 6]) -> bool {
    let index = usize::try_from(condition["index"].as_u64().unwrap()).unwrap();
    let arg = args.get(index).unwrap();
    let value = condition["value"].as_u64().unwrap();
    match condition["op"].as_str().unwrap() {
        "SCMP_CMP_EQ" => *arg == value,
        "SCMP_CMP_MASKED_EQ" => arg & value == condition["valueTwo"].as_u64().unwrap(),
        other => panic!("{other}"),
    }
}

/// What the specification can say of a verdict: outside of conditions the answer is the default one.
fn expected(profile: &SeccompProfile, arch: Arch, call: Syscall, args: &[u64; 6]) -> (String, Option<u64>) {
    let attempt =
        SyscallAttempt { number: call.number(arch).unwrap(), audit_arch: arch.audit_value(), args: *args };
    let conditional = profile.admission(arch, call).is_some_and(|admission| !admission.is_always());
    let refusal = match profile.verdict(arch, &attempt) {
        Action::Allow => return (String::from("SCMP_ACT_ALLOW"), None),
        Action::Refuse(_) if conditional => profile.unknown(),
        Action::Refuse(refusal) => refusal,
    };
    match refusal {
        perry_sandbox_profiles::Refusal::Kill => (String::from("SCMP_ACT_KILL_PROCESS"), None),
        perry_sandbox_profiles::Refusal::Errno(errno) => {
            (String::from("SCMP_ACT_ERRNO"), Some(u64::from(errno.number())))
        }
    }
}

fn agrees(profile: &SeccompProfile, arch: Arch, all_args: &[[u64; 6]]) {
    let oci = to_oci_json(profile, arch);
    for call in Syscall::all().filter(|call| call.number(arch).is_some()) {
        let conditional = profile.admission(arch, call).is_some_and(|admission| !admission.is_always());
        for args in all_args.iter().take(if conditional { all_args.len() } else { 1 }) {
            assert_eq!(
                oci_verdict(&oci, call, args),
                expected(profile, arch, call, args),
                "{call} {args:x?}"
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn the_oci_form_admits_the_same(draft in draft(few_calls(), 7)) {
        for arch in Arch::ALL {
            agrees(&draft.profile("random"), arch, &all_args());
        }
    }
}

#[test]
fn the_builtin_profiles_admit_the_same_in_oci_form() {
    let interesting =
        [0, 1, 2, 3, 6, 10, 16, 17, 0x1000, 0x5401, 0x5412, 0x1_0000_5412, 0x1000_0000, 0x7e02_0000];
    let args: Vec<[u64; 6]> = interesting
        .iter()
        .flat_map(|a| interesting.iter().map(|b| [*a, *b, *a, *b, 0, 0]))
        .chain(interesting.iter().map(|a| [2, 1 | 0x80000, *a, 0, 0, 0]))
        .chain(
            [0, 0o644, 0o2755, 0o4755]
                .iter()
                .flat_map(|mode| [[0, 0x40, *mode, 0, 0, 0], [0, *mode, 0x40, *mode, 0, 0]]),
        )
        .collect();
    for name in SeccompProfile::builtin_names() {
        for arch in Arch::ALL {
            agrees(SeccompProfile::builtin(name).unwrap(), arch, &args);
        }
    }
}

#[test]
fn the_oci_form_has_one_architecture_and_no_two_conditions_on_one_argument() {
    for name in SeccompProfile::builtin_names() {
        let oci = to_oci_json(SeccompProfile::builtin(name).unwrap(), Arch::X86_64);
        assert_eq!(oci["architectures"], serde_json::json!(["SCMP_ARCH_X86_64"]));
        assert_eq!(oci["defaultAction"], "SCMP_ACT_ERRNO");
        assert_eq!(oci["defaultErrnoRet"], 38);
        for entry in oci["syscalls"].as_array().unwrap() {
            let conditions = entry.get("args").and_then(Value::as_array);
            let indices: Vec<u64> = conditions
                .into_iter()
                .flatten()
                .map(|condition| condition["index"].as_u64().unwrap())
                .collect();
            let mut distinct = indices.clone();
            distinct.dedup();
            assert_eq!(indices, distinct);
        }
    }
}
