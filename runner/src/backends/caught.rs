//! Which signals a sandbox's program acts on, as its engine sees it: process numbers of an engine need not be ours.

use std::fmt::Write as _;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::http::Exchange;
use crate::native::is_handled_with;

/// How long an engine may take to say it; meanwhile nothing else of the sandbox is looked at.
const SAYING: Duration = Duration::from_secs(2);
/// What the engine's `ps` is asked for, and what the kernel calls it.
pub(super) const COLUMNS: &str = "pid,blocked,ignored,caught";
const MASKS: [&str; 3] = ["SigBlk:", "SigIgn:", "SigCgt:"];

/// Two questions to an engine: which process the program is, and what its processes do with signals.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Caught {
    pub(crate) state: Exchange,
    pub(crate) processes: Exchange,
}

impl Caught {
    /// Whether the program acts on a signal. One whose engine does not say so does not: the kernel shields process 1 of a
    /// namespace from what it does not catch, and a signal that ends nothing would be waited for in vain.
    pub(crate) fn has(&self, number: i32) -> bool {
        let ask = |exchange: &Exchange| serde_json::from_slice(&exchange.answer(SAYING).ok()?).ok();
        let (Some(state), Some(processes)) = (ask(&self.state), ask(&self.processes)) else { return false };
        masks(&state, &processes).is_some_and(|masks| is_handled_with(&masks, number))
    }
}

/// The masks of the program, as lines of `/proc/PID/status`.
fn masks(state: &Value, processes: &Value) -> Option<String> {
    let pid = state.pointer("/State/Pid")?.as_u64()?.to_string();
    let rows = processes.get("Processes")?.as_array()?;
    let cells = |row: &Value| row.as_array()?.iter().map(|cell| cell.as_str().map(str::to_owned)).collect();
    let mut rows = rows.iter().filter_map(|row| -> Option<Vec<String>> { cells(row) });
    let row = rows.find(|row| row.len() == 4 && row.first() == Some(&pid))?;
    let mut lines = String::new();
    for (name, mask) in MASKS.iter().zip(row.iter().skip(1)) {
        // A string takes everything.
        let _ = writeln!(lines, "{name}\t{mask}");
    }
    Some(lines)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_programs_own_row_counts() {
        let state = json!({ "State": { "Pid": 42 } });
        let row = |pid: &str, caught: &str| json!([pid, "0000000000000000", "0000000000000000", caught]);
        let term = "0000000000004000";
        let has = |processes: Value| {
            masks(&state, &processes).is_some_and(|masks| is_handled_with(&masks, libc::SIGTERM))
        };
        assert!(has(json!({ "Processes": [row("7", "0"), row("42", term)] })));
        assert!(!has(json!({ "Processes": [row("7", term), row("42", "0000000000000002")] })));
        for other in
            [json!({}), json!({ "Processes": [["42", term]] }), json!({ "Processes": [row("7", term)] })]
        {
            assert!(!has(other.clone()), "{other}");
        }
        assert!(
            masks(&json!({ "State": { "Pid": "42" } }), &json!({ "Processes": [row("42", term)] })).is_none()
        );
    }
}
