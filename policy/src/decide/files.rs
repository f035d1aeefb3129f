//! Files that a service is given, and that every place has one thing.

use std::collections::BTreeMap;

use super::project::Project;
use super::system::file_of_hosts;
use crate::denial::{DenyCode, DenyReason, Reasons};
use crate::file::{ConfigContent, FileSource, GivenFile};
use crate::plan::{Mount, User};
use crate::request::{Request, Target};
use crate::system::System;

/// The row of all that is said about them.
const ROW: &str = "files";
/// The most files of a service.
const MOST: usize = 64;

/// What is wanted, with an owner each. What a secret's name is granted by is asked elsewhere.
pub(crate) fn given(request: &Request, user: User, system: &System, reasons: &mut Reasons) -> Vec<GivenFile> {
    let wanted = &request.project.files;
    let mut deny = |wanted: String, found: &str, remedy: &str| {
        reasons.add(DenyReason::new(DenyCode::Mounts, ROW, wanted, found, []).remedy(remedy));
    };
    // SECURITY: as for folders of the host: what a capability executes is the policy's word.
    if !wanted.is_empty() && !matches!(request.target, Target::Service(_)) {
        deny("files at places of their own".to_owned(), "only services have them", "leave them out");
    }
    if wanted.len() > MOST {
        deny(format!("{} files", wanted.len()), "a service has 64 at most", "put several into one volume");
    }
    let sizes = wanted.iter().map(|file| match &file.source {
        FileSource::Config { content, .. } => content.bytes().len(),
        FileSource::Secret(_) => 0,
    });
    let bytes: usize = sizes.sum();
    if bytes > ConfigContent::MOST_BYTES {
        let found = "the configs of a service have 512 KiB together at most";
        deny(format!("configs of {bytes} bytes"), found, "put what is larger into a volume or the image");
    }
    let mut files: Vec<GivenFile> = wanted.iter().map(|file| file.given_to(user)).collect();
    if request.project.networks.is_empty() && !system.hosts.is_empty() {
        match file_of_hosts(system, user) {
            Some(file) => files.push(file),
            None => deny("known hosts".to_owned(), "they are more than one file holds", "name fewer"),
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}

/// Refuses two things at one place: only one of them would be seen.
pub(crate) fn refuse_shared_places(
    mounts: &[Mount],
    project: &Project<'_>,
    files: &[GivenFile],
    reasons: &mut Reasons,
) {
    let mounts = mounts.iter().map(|mount| (mount.target.as_str(), "mounts", mount.to_string()));
    let volumes = project.wanted.volumes.iter();
    let volumes = volumes.map(|volume| (volume.path.as_str(), "volumes", volume.to_string()));
    let files = files.iter().map(|file| (file.path.as_str(), ROW, file.to_string()));
    let mut seen: BTreeMap<&str, String> = BTreeMap::new();
    for (place, row, what) in mounts.chain(volumes).chain(files) {
        if let Some(other) = seen.get(place) {
            let found = format!("there is to be {other}");
            let reason = DenyReason::new(DenyCode::Mounts, row, what, found, []);
            reasons.add(reason.remedy("give each a place of its own"));
        } else {
            seen.insert(place, what);
        }
    }
}
