//! Sandboxes whose steps a test has changed, to see a check go red.

use std::path::Path;

use super::super::run::{connect, others};
use super::super::settings::Settings;
use super::super::spec::{Ground, Spec};
use super::super::start::start;
use super::super::steps::Step;
use super::super::supervise::{Company, Counting, Ended, supervise};
use super::root_folder;
use crate::io::Streams;
use crate::secret::Secrets;

/// Runs it with these steps to its end.
pub(super) fn ended(
    root: &Path,
    settings: &Settings,
    values: Option<&Secrets>,
    change: impl FnOnce(&mut Vec<Step>),
) -> (Spec, Ended) {
    let folder = root_folder(root);
    let mut spec = Spec::assemble(settings, &Ground::survey(settings, &folder, None).unwrap()).unwrap();
    change(&mut spec.steps);
    let (mut running, mut given) = connect(settings, &folder, Streams::captured(), (24, 80)).unwrap();
    given.others = others(settings, values).unwrap();
    let child = start(&spec, given, |_| Ok(())).unwrap();
    running.process = Some((child.pid, child.pidfd));
    let company = Company::of(Counting::Us);
    (spec, supervise(running, &settings.limits, None, company).unwrap())
}

/// What it writes with these steps.
pub(super) fn changed(
    root: &Path,
    settings: &Settings,
    values: Option<&Secrets>,
    change: impl FnOnce(&mut Vec<Step>),
) -> String {
    let (spec, Ended { failed, stdout, .. }) = ended(root, settings, values, change);
    let step = failed.and_then(|(step, errno)| Some((spec.steps.get(usize::try_from(step).ok()?)?, errno)));
    assert_eq!(step, None);
    String::from_utf8(stdout).unwrap()
}
