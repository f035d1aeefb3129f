//! A mount must not put the host's bytes where verified ones are expected.

use crate::denial::{DenyCode, DenyReason, Reasons};
use crate::file::GivenFile;
use crate::pattern::is_at_or_below;
use crate::plan::{Mount, Process};

/// Where programs are looked up when the environment names no folders.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// SECURITY: a folder of the host over the program's own would run bytes that nobody verified under the name of a
/// capability that somebody signed.
pub(crate) fn refuse_covered_programs(
    process: &Process,
    mounts: &[Mount],
    files: &[GivenFile],
    reasons: &mut Reasons,
) {
    let Some(program) = process.argv.first() else { return };
    let places: Vec<String> = if program.contains('/') {
        vec![program.clone()]
    } else {
        let folders = process.env.get("PATH").map_or(DEFAULT_PATH, String::as_str).split(':');
        folders.map(|folder| format!("{}/{program}", folder.trim_end_matches('/'))).collect()
    };
    let mounts = mounts.iter().map(|mount| ("mounts", mount.target.as_str(), format!("{mount} of the host")));
    let files = files.iter().map(|file| ("files", file.path.as_str(), file.to_string()));
    for (row, target, wanted) in mounts.chain(files) {
        if let Some(place) = places.iter().find(|place| is_at_or_below(place, target)) {
            let found = format!("it would cover {place}, where the image's own program is");
            reasons.add(
                DenyReason::new(DenyCode::Mounts, row, wanted, found, [])
                    .remedy("mount a folder that holds data only, or at another place"),
            );
        }
    }
}
