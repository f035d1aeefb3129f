//! The second wall: what mounts and namespaces promise is said to Landlock again, where the kernel has it.
//!
//! It adds no promise, so a kernel without it runs the same programs, and takes none away: loopback works as before. One
//! thing is tighter than the mounts: under a read-only root nothing of /proc is written, not even a process's own files.
//!
//! SECURITY: for a program that joins a sandbox with a writable root it is the first wall. Looking at a program before it
//! is executed is not enough there: what runs inside puts another in its place in between, and one that leads to
//! `/proc/self/exe` brings the host's file in (CVE-2019-5736). The kernel itself asks Landlock about every file that it
//! executes, also about interpreters and loaders.

use std::path::PathBuf;
use std::sync::OnceLock;

use perry_sandbox_policy::MountAccess;
use serde::{Deserialize, Serialize};

use super::settings::Settings;
use super::spec::{SpecError, text};
use super::steps::Step;
use super::sys::landlock_abi;
use super::text::Text;

/// What is allowed below a folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Rule {
    /// The folder, as the program sees it.
    pub(crate) path: Text,
    /// `LANDLOCK_ACCESS_FS_*`.
    pub(crate) rights: u64,
}

/// `LANDLOCK_ACCESS_FS_EXECUTE`.
const EXECUTE: u64 = 1;
/// `LANDLOCK_ACCESS_FS_WRITE_FILE`.
pub(super) const WRITE_FILE: u64 = 1 << 1;
/// Removing files and folders, and making regular files, folders, sockets, pipes and links.
const CHANGE_FOLDERS: u64 = 1 << 4 | 1 << 5 | 1 << 7 | 1 << 8 | 1 << 9 | 1 << 10 | 1 << 12;
/// Making device nodes, which is allowed nowhere.
const MAKE_DEVICES: u64 = 1 << 6 | 1 << 11;
/// `LANDLOCK_ACCESS_FS_REFER`: without it no file could be moved to another folder.
const REFER: u64 = 1 << 13;
/// `LANDLOCK_ACCESS_FS_TRUNCATE`.
const TRUNCATE: u64 = 1 << 14;
/// `LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET` and `LANDLOCK_SCOPE_SIGNAL`.
const SCOPES: u64 = 1 | 1 << 1;

/// Before the second version a domain forbids to move files between folders, which is no promise of ours.
const FIRST_ABI: u32 = 2;
/// The version that has the scopes.
const SCOPES_ABI: u32 = 6;

/// What the kernel of this host has; looked at once. 0: nothing that is of use.
pub(super) fn abi() -> u32 {
    static ABI: OnceLock<u32> = OnceLock::new();
    let found = *ABI.get_or_init(landlock_abi);
    if found < FIRST_ABI { 0 } else { found }
}

/// Whether the kernel holds processes apart as well.
pub(super) const fn scopes(abi: u32) -> bool {
    abi >= SCOPES_ABI
}

/// What a program of the host may touch that is not a sandbox itself: the monitor of a machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Domain {
    /// `LANDLOCK_ACCESS_FS_*`: denied but where a rule allows it.
    pub(crate) handled: u64,
    /// `LANDLOCK_SCOPE_*`.
    pub(crate) scoped: u64,
    /// Where what is allowed.
    pub(crate) rules: Vec<Rule>,
}

/// `LANDLOCK_ACCESS_FS_READ_FILE` and `LANDLOCK_ACCESS_FS_READ_DIR`.
const READ_FILE: u64 = 1 << 2;
const READ_DIR: u64 = 1 << 3;

/// Lets a program read and execute what is in these folders, read these files, use these devices, and nothing else. Nothing
/// where the kernel has no Landlock.
pub(crate) fn domain_of_monitor(
    folders: &[PathBuf],
    files: &[PathBuf],
    devices: &[PathBuf],
) -> Option<Domain> {
    let abi = abi();
    if abi < FIRST_ABI {
        return None;
    }
    let rule = |path: &PathBuf, rights| {
        let path = Text::try_from(path.to_str()?.to_owned()).ok()?;
        Some(Rule { path, rights })
    };
    let folders = folders.iter().filter_map(|path| rule(path, EXECUTE | READ_FILE | READ_DIR));
    let files = files.iter().filter_map(|path| rule(path, EXECUTE | READ_FILE));
    let devices = devices.iter().filter_map(|path| rule(path, READ_FILE | WRITE_FILE));
    let write = WRITE_FILE | CHANGE_FOLDERS | MAKE_DEVICES | if abi >= 3 { TRUNCATE } else { 0 };
    Some(Domain {
        handled: EXECUTE | READ_FILE | READ_DIR | REFER | write,
        scoped: if scopes(abi) { SCOPES } else { 0 },
        rules: folders.chain(files).chain(devices).collect(),
    })
}

/// Whether [`domain_of_monitor`] gives one here.
pub(crate) fn has_domains() -> bool {
    abi() >= FIRST_ABI
}

/// The step for a sandbox's own program; nothing where the kernel has no Landlock.
pub(super) fn wall(settings: &Settings, abi: u32) -> Result<Option<Step>, SpecError> {
    if abi < FIRST_ABI {
        return Ok(None);
    }
    confine(settings, abi, if scopes(abi) { SCOPES } else { 0 }, false).map(Some)
}

/// The step for a program that joins. It has a domain of its own, so it must be able to reach that of the sandbox. With a
/// writable root it does not go without: on a kernel that lacks Landlock the step fails.
pub(super) fn wall_of_guest(settings: &Settings, abi: u32) -> Result<Option<Step>, SpecError> {
    if abi < FIRST_ABI && settings.ephemeral.is_none() {
        return Ok(None);
    }
    confine(settings, abi.max(FIRST_ABI), 0, settings.terminal).map(Some)
}

fn confine(settings: &Settings, abi: u32, scoped: u64, terminal: bool) -> Result<Step, SpecError> {
    let write = WRITE_FILE | CHANGE_FOLDERS | if abi >= 3 { TRUNCATE } else { 0 };
    let rule = |path: &str, rights| Ok(Rule { path: text(path)?, rights });
    let rules = if settings.ephemeral.is_some() {
        vec![rule("/", EXECUTE | REFER | write)]
    } else {
        let mut rules = vec![
            rule("/", EXECUTE | REFER),
            rule("/tmp", write),
            // Devices are opened for writing; nothing is made there.
            rule("/dev", WRITE_FILE),
            rule("/dev/shm", write),
        ];
        let writable = settings.mounts.iter().filter(|mount| mount.access == MountAccess::Write);
        rules.extend(writable.map(|mount| rule(&mount.inside, write)));
        let volumes = settings.volumes.iter().filter(|volume| volume.writable);
        rules.extend(volumes.map(|volume| rule(&volume.inside, write)));
        rules.extend(settings.memory.iter().map(|folder| rule(folder.path.as_str(), write)));
        rules
    };
    let rules = rules.into_iter().collect::<Result<_, SpecError>>()?;
    Ok(Step::Confine { handled: EXECUTE | REFER | write | MAKE_DEVICES, scoped, rules, terminal })
}

#[cfg(test)]
mod tests {
    use super::super::settings::HostFolder;
    use super::super::tests::settings_of;
    use super::*;

    fn rules(step: Option<Step>) -> (u64, u64, Vec<(String, u64)>) {
        let Some(Step::Confine { handled, scoped, rules, .. }) = step else { panic!("{step:?}") };
        (handled, scoped, rules.into_iter().map(|rule| (rule.path.to_string(), rule.rights)).collect())
    }

    #[test]
    fn nothing_is_written_but_where_it_may_be() {
        let mut settings = settings_of(&["/bin/true"]);
        let out =
            HostFolder { inside: "/out".to_owned(), ..HostFolder::in_place("/srv/out", MountAccess::Write) };
        settings.mounts.extend([HostFolder::in_place("/srv/in", MountAccess::Read), out]);
        let (handled, scoped, rules) = rules(wall(&settings, 7).unwrap());
        assert_eq!((handled & TRUNCATE, scoped), (TRUNCATE, SCOPES));
        let writes: Vec<_> = rules.iter().filter(|(_, rights)| rights & CHANGE_FOLDERS != 0).collect();
        let writes: Vec<_> = writes.into_iter().map(|(path, _)| path.as_str()).collect();
        assert_eq!(writes, ["/tmp", "/dev/shm", "/out"]);
        let runs: Vec<_> = rules.iter().filter(|(_, rights)| rights & EXECUTE != 0).collect();
        assert_eq!(runs.len(), 1);
        for (path, rights) in &rules {
            assert_eq!(rights & (MAKE_DEVICES | !handled), 0, "{path}");
        }
    }

    #[test]
    fn an_older_kernel_is_asked_for_what_it_knows() {
        let mut settings = settings_of(&["/bin/true"]);
        assert!(wall(&settings, 0).unwrap().is_none() && wall(&settings, 1).unwrap().is_none());
        assert!(wall_of_guest(&settings, 1).unwrap().is_none());
        let (handled, scoped, _) = rules(wall(&settings, 2).unwrap());
        assert_eq!((handled & TRUNCATE, scoped), (0, 0));
        assert_eq!(rules(wall(&settings, 5).unwrap()).1, 0);
        // A guest of a writable root never goes without.
        settings.ephemeral = Some(0);
        let (_, scoped, of_guest) = rules(wall_of_guest(&settings, 0).unwrap());
        assert_eq!((scoped, of_guest.len()), (0, 1));
        assert_eq!(rules(wall_of_guest(&settings, 7).unwrap()).1, 0);
    }
}
