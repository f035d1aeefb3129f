//! From a launch plan to an order for the process that runs the module: pure.

use std::collections::BTreeMap;

use perry_sandbox_image::Rootfs;
use perry_sandbox_policy::{ControlTable, LaunchPlan, MountAccess, SecretName};
use serde::{Deserialize, Serialize};

use super::facts::NAME;
use super::filter;
use crate::demands::{PlanError, check_plan};
use crate::native::{Bounds, HostFolder, bounds, candidates_of};

/// Everything that the process needs to know. With it come, as descriptors and in this order: standard input, output and
/// error, the image's root folder, what it writes to join its cgroups, and a value for each secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct WasmOrder {
    /// Where the module is looked for in the image, the first one first.
    pub(crate) candidates: Vec<String>,
    /// The module's arguments, its own name the first.
    pub(crate) argv: Vec<String>,
    /// Its whole environment.
    pub(crate) env: BTreeMap<String, String>,
    /// Where the image's root folder is, without links.
    pub(crate) root: String,
    /// User of the plan.
    pub(crate) uid: u32,
    /// Group of the plan.
    pub(crate) gid: u32,
    /// Size of `/tmp`.
    pub(crate) tmp: u64,
    /// Host folders that the module sees.
    pub(crate) mounts: Vec<HostFolder>,
    /// Secrets that it sees below `/run/secrets`.
    pub(crate) secrets: Vec<SecretName>,
    /// How many cgroups it joins. The caller that made some sets it.
    pub(crate) joins: usize,
    /// All limits.
    pub(crate) limits: Bounds,
    /// The filter of the process while it compiles, one word per instruction.
    pub(crate) compiling: Vec<u64>,
    /// The filter that is added before the module runs.
    pub(crate) running: Vec<u64>,
}

/// How many threads the process has beside the one that runs the module.
pub(crate) const THREADS: u32 = 2;

impl WasmOrder {
    /// What is done, in order, for people.
    pub(crate) fn steps(&self) -> Vec<String> {
        let mut steps = vec![
            "start this program again, as the process of the module".to_owned(),
            format!(
                "confine it: own namespaces, user {} and group {}, no rights, a filter",
                self.uid, self.gid
            ),
            format!("show it the image at / for reading, and {} bytes of memory at /tmp", self.tmp),
        ];
        steps.extend(self.mounts.iter().map(|mount| format!("show it {} at {}", mount.path, mount.inside)));
        steps.push(format!("compile and run {}", self.candidates.join(" or ")));
        steps
    }

    /// The limits of a cgroup that the process joins: it has threads, and a module has none.
    pub(crate) fn bounds_of_group(&self) -> Bounds {
        let pids = self.limits.pids.saturating_add(THREADS);
        Bounds { pids, ..self.limits }
    }
}

/// How many descriptors come before those for cgroups.
pub(super) const FIRST_DESCRIPTORS: usize = 4;

/// Checks every line of the plan against the table and turns the plan into an order.
///
/// # Errors
/// A line that is not held here; a working folder.
pub(crate) fn order(
    plan: &LaunchPlan,
    table: &ControlTable,
    rootfs: &Rootfs,
) -> Result<WasmOrder, PlanError> {
    check_plan(NAME, plan, table)?;
    // WASI preview 1 has no working folder: a module would not be where the plan says.
    if plan.process.cwd != "/" {
        return Err(PlanError::WorkingFolder(plan.process.cwd.clone()));
    }
    let unreadable = |why: String| PlanError::RootFolder(why);
    // Links on the way to the store are followed here, once; the process opens the result without following any.
    let root = rootfs.path().canonicalize().map_err(|error| unreadable(error.to_string()))?;
    let root = root.to_str().ok_or_else(|| unreadable("its path is not UTF-8".to_owned()))?.to_owned();
    let (compiling, running) = filter::both()?;
    let limits = bounds(plan);
    let process = &plan.process;
    Ok(WasmOrder {
        candidates: candidates(&process.argv, process.env.get("PATH").map(String::as_str)),
        argv: process.argv.clone(),
        env: process.env.clone(),
        root,
        uid: process.user.uid,
        gid: process.user.gid,
        tmp: plan.tmp.bytes().min(limits.disk),
        mounts: plan.mounts.iter().map(host_folder).collect(),
        secrets: plan.secrets.clone(),
        joins: 0,
        limits,
        compiling,
        running,
    })
}

/// A module executes nothing, so what may be executed may be read.
fn host_folder(mount: &perry_sandbox_policy::Mount) -> HostFolder {
    let access = if mount.access == MountAccess::Write { MountAccess::Write } else { MountAccess::Read };
    HostFolder { access, ..HostFolder::of(mount) }
}

/// As for a program, and in the working folder: images with a module often name it just so.
fn candidates(argv: &[String], path: Option<&str>) -> Vec<String> {
    let name = argv.first().map_or("", String::as_str);
    if name.is_empty() {
        return Vec::new();
    }
    let mut all = candidates_of(name, path);
    if !name.contains('/') {
        all.push(format!("/{name}"));
    }
    all
}

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn a_name_without_a_slash_is_looked_for_in_the_path_and_in_the_root() {
        let of = |name: &str, path| candidates(&[name.to_owned()], path);
        assert_eq!(of("app.wasm", Some("/opt:relative")), ["/opt/app.wasm", "/app.wasm"]);
        assert_eq!(of("/app.wasm", Some("/opt")), ["/app.wasm"]);
        assert_eq!(of("bin/app.wasm", None), ["bin/app.wasm"]);
        assert!(of("", None).is_empty() && candidates(&[], None).is_empty());
    }
}
