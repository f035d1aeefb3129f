//! A mount must not put the host's bytes where verified ones are expected.

use crate::denial::{DenyCode, DenyReason, Reasons};
use crate::grants::Grants;
use crate::pattern::is_at_or_below;
use crate::plan::Process;

/// Where programs are looked up when the environment names no folders.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// SECURITY: a folder of the host over the program's own would run bytes that nobody verified under the name of a
/// capability that somebody signed.
pub(crate) fn refuse_covered_programs(process: &Process, grants: &Grants, reasons: &mut Reasons) {
    let Some(program) = process.argv.first() else { return };
    let places: Vec<&str> = if program.contains('/') {
        vec![program]
    } else {
        process.env.get("PATH").map_or(DEFAULT_PATH, String::as_str).split(':').collect()
    };
    let mounts = grants.mounts_read.iter().chain(grants.mounts_write.iter()).chain(grants.mounts_exec.iter());
    for (mount, span) in mounts {
        if let Some(place) = places.iter().find(|place| is_at_or_below(place, mount.as_str())) {
            let wanted = format!("{mount} of the host");
            let found = format!("it would cover {place}, where the image's own program is");
            reasons.add(
                DenyReason::new(DenyCode::Mounts, "mounts", wanted, found, [span])
                    .remedy("mount a folder that holds data only"),
            );
        }
    }
}
