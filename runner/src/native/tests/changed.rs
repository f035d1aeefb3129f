//! Sandboxes whose steps a test has changed, to see a check go red; and tests again as an ordinary user.

use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

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

/// Runs this test again from a copy of this program, as an ordinary user: only root can try both in one run.
pub(super) fn as_ordinary_user(test: &str) {
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &format!("native::tests::{test}"), "--nocapture"])
        .uid(1000)
        .gid(1000)
        .current_dir("/")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && said.contains("1 passed"), "{said}{errors}");
}
