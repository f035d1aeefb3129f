//! Writes a profile as the seccomp part of the OCI runtime specification, for backends that take that.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::action::Refusal;
use super::clause::{ArgTest, Clause};
use super::profile::SeccompProfile;
use crate::arch::Arch;

/// Writes a profile for one architecture as OCI seccomp JSON (also what `docker` and `podman` read from a file).
///
/// It admits exactly what the profile admits. Two answers are coarser than in our own filter, because the format
/// cannot state them: a call outside of its conditions answers as an unknown one, and a foreign ABI is left to
/// libseccomp, which kills on what `architectures` does not list.
///
/// The runtime must be told to set no-new-privileges. Only then does it load the filter last; else it drops
/// privileges afterwards, by calls that `perry-minimal` refuses.
pub fn to_oci_json(profile: &SeccompProfile, arch: Arch) -> Value {
    let mut always = Vec::new();
    let mut refused: BTreeMap<String, (Refusal, Vec<&str>)> = BTreeMap::new();
    let mut conditional = Vec::new();
    for rule in profile.rules(arch) {
        match rule.otherwise {
            None => always.push(rule.call.name()),
            Some(refusal) if rule.admission.is_never() => {
                let entry = refused.entry(refusal.to_string()).or_insert((refusal, Vec::new()));
                entry.1.push(rule.call.name());
            }
            Some(_) => {
                let name = rule.call.name();
                conditional
                    .extend(rule.admission.clauses().iter().map(|clause| conditional_entry(name, clause)));
            }
        }
    }
    let mut syscalls = Vec::new();
    if !always.is_empty() {
        syscalls.push(json!({ "names": always, "action": "SCMP_ACT_ALLOW" }));
    }
    syscalls.extend(conditional);
    for (refusal, names) in refused.into_values() {
        syscalls.push(with_answer(json!({ "names": names }), "action", "errnoRet", refusal));
    }
    let head = json!({ "architectures": [arch.oci_name()], "syscalls": syscalls });
    with_answer(head, "defaultAction", "defaultErrnoRet", profile.unknown())
}

/// Adds an action, and its error number if it has one.
fn with_answer(mut value: Value, action_key: &str, errno_key: &str, refusal: Refusal) -> Value {
    if let Some(object) = value.as_object_mut() {
        match refusal {
            Refusal::Kill => {
                object.insert(action_key.to_owned(), json!("SCMP_ACT_KILL_PROCESS"));
            }
            Refusal::Errno(errno) => {
                object.insert(action_key.to_owned(), json!("SCMP_ACT_ERRNO"));
                object.insert(errno_key.to_owned(), json!(errno.number()));
            }
        }
    }
    value
}

/// One clause is one entry: entries of one call are joined by "or", conditions of one entry by "and".
fn conditional_entry(name: &str, clause: &Clause) -> Value {
    // SECURITY: runc joins two conditions on one argument by "or"; a clause has at most one for each.
    let args: Vec<Value> = clause.tests().map(condition).collect();
    json!({ "names": [name], "action": "SCMP_ACT_ALLOW", "args": args })
}

fn condition(test: ArgTest) -> Value {
    if test.mask == u64::MAX {
        return json!({ "index": test.arg, "value": test.value, "op": "SCMP_CMP_EQ" });
    }
    // In this form `value` is the mask and `valueTwo` what the masked argument must equal.
    json!({ "index": test.arg, "value": test.mask, "valueTwo": test.value, "op": "SCMP_CMP_MASKED_EQ" })
}
