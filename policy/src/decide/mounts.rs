//! Where the granted folders of the host are seen inside.

use super::grants::Asker;
use crate::denial::{DenyCode, DenyReason};
use crate::grants::Grants;
use crate::pattern::{HostPath, PatternSet, is_at_or_below};
use crate::plan::{Mount, MountAccess};
use crate::project::InsidePath;
use crate::request::{Request, Target, WantedGrants, WantedMount};

/// The row of all that is said about them.
const ROW: &str = "mounts";

/// What the entry gives by itself, where it is on the host, and what the caller wants besides, where the caller wants it; the
/// sources of the latter are added to `grants`, to be held against the ceiling. In order of target, so that a deeper one is
/// mounted over the one that holds it.
pub(crate) fn placed(
    own: Option<&Grants>,
    request: &Request,
    grants: &mut Grants,
    asker: &mut Asker<'_>,
) -> Vec<Mount> {
    let WantedGrants { mounts_read, mounts_write, mounts_exec, .. } = &request.grants;
    let mut all = Vec::new();
    if let Some(own) = own {
        all.extend(in_place(&own.mounts_write, MountAccess::Write));
        all.extend(in_place(&own.mounts_exec, MountAccess::Execute));
        all.extend(in_place(&own.mounts_only_read(), MountAccess::Read));
    }
    let exec: Vec<WantedMount> = mounts_exec.iter().map(WantedMount::in_place).collect();
    let wanted = [
        (mounts_write, MountAccess::Write, &mut grants.mounts_write),
        (&exec, MountAccess::Execute, &mut grants.mounts_exec),
        (mounts_read, MountAccess::Read, &mut grants.mounts_read),
    ];
    for (mounts, access, set) in wanted {
        for mount in mounts {
            if let Some((source, target)) = asker.mount(mount, request) {
                all.push(Mount { source: source.to_string(), target, access });
                set.insert(source, None);
            }
        }
    }
    all.sort_by(|a, b| (&a.target, &a.source, a.access).cmp(&(&b.target, &b.source, b.access)));
    all.dedup();
    let shown = |one: &Mount| all.iter().any(|other| other.shows(one));
    let (kept, _): (Vec<Mount>, Vec<Mount>) = all.iter().cloned().partition(|one| !shown(one));
    kept
}

fn in_place(set: &PatternSet<HostPath>, access: MountAccess) -> impl Iterator<Item = Mount> {
    set.iter().filter_map(move |(path, _)| {
        let target = path.as_str().parse().ok()?;
        Some(Mount { source: path.to_string(), target, access })
    })
}

impl Mount {
    /// Whether this one shows all of another at the very place, and lets as much be done with it.
    fn shows(&self, other: &Self) -> bool {
        let rest = |path: &str, root: &str| {
            is_at_or_below(path, root).then(|| path.get(root.len()..).unwrap_or_default().to_owned())
        };
        let source = rest(&other.source, &self.source);
        let wider = self.access == other.access || other.access == MountAccess::Read;
        self != other
            && wider
            && source.is_some()
            && source == rest(other.target.as_str(), self.target.as_str())
    }
}

impl Asker<'_> {
    /// A mount that the caller wants, read by the policy's own grammar.
    fn mount(&mut self, wanted: &WantedMount, request: &Request) -> Option<(HostPath, InsidePath)> {
        let source = match wanted.source.parse::<HostPath>() {
            Ok(source) => source,
            Err(problem) => {
                let wish = crate::refusal::shown(&wanted.source);
                self.reasons.add(DenyReason::new(DenyCode::Mounts, ROW, wish, problem.to_string(), []));
                return None;
            }
        };
        let own = || source.as_str().parse::<InsidePath>().ok();
        let target = wanted.target.clone().or_else(own)?;
        // SECURITY: what a capability executes is the policy's word. Who chose where a folder of his is seen could put it in the
        // place of the program's own files, and be given what was granted to the program.
        if target.as_str() != source.as_str() && matches!(request.target, Target::Capability(_)) {
            let found = "folders of a capability are seen where they are on the host";
            let reason = DenyReason::new(DenyCode::Mounts, ROW, format!("{source} at {target}"), found, []);
            self.reasons.add(reason.remedy("leave the place inside out"));
            return None;
        }
        Some((source, target))
    }
}
