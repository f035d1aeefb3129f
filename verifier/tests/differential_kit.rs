//! Cases that two verifiers judge, and what is made of their verdicts.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What should become of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Want {
    Accept,
    Refuse,
}

/// What became of it, and what was said about that.
#[derive(Debug, Clone)]
pub(crate) struct Said {
    pub(crate) verdict: Want,
    pub(crate) words: String,
}

impl Said {
    pub(crate) fn new(accepted: bool, words: String) -> Self {
        Self { verdict: if accepted { Want::Accept } else { Want::Refuse }, words }
    }
}

/// A case in which cosign does not do what we want, and why that is so.
pub(crate) type Difference = (&'static str, &'static str);

/// Runs all cases on a few threads, in no order.
pub(crate) fn in_parallel<C: Sync, T: Send>(cases: &[C], judge: impl Fn(&C) -> T + Sync) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let done = Mutex::new(BTreeMap::new());
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(case) = cases.get(at) else { break };
                    let said = judge(case);
                    done.lock().unwrap().insert(at, said);
                }
            });
        }
    });
    done.into_inner().unwrap().into_values().collect()
}

/// Ours must be what is wanted, everywhere. Theirs must be the same but for the differences in the table, each of
/// which must be there.
#[track_caller]
pub(crate) fn compare(cases: &[(&str, Want)], said: &[(Said, Said)], differences: &[Difference]) {
    assert_eq!(cases.len(), said.len());
    let mut wrong = Vec::new();
    for ((name, want), (ours, theirs)) in cases.iter().zip(said) {
        let known = differences.iter().find(|(case, _)| case == name);
        let words = format!("\n  we said: {}\n  cosign said: {}", ours.words.trim(), theirs.words.trim());
        if ours.verdict != *want {
            wrong.push(format!("{name}: we do not {want:?}{words}"));
        }
        match (theirs.verdict == *want, known) {
            (false, None) => wrong.push(format!("{name}: cosign does not {want:?}{words}")),
            (true, Some((_, why))) => wrong.push(format!("{name}: cosign does {want:?} in spite of `{why}`")),
            _ => {}
        }
    }
    for (case, _) in differences {
        if !cases.iter().any(|(name, _)| name == case) {
            wrong.push(format!("{case}: a difference without a case"));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}
