//! What this backend can enforce on this host: what the guest's own kernel holds, what the monitor holds, and what nobody
//! holds, with why.

use perry_sandbox_policy::{
    BackendFacts, BackendName, Control, ControlTable, Emulation, Enforcement, IsolationLevel,
};
use perry_sandbox_reference::Platform;

use super::machine::{Accelerator, Choice, Machine, Missing, machine};

/// The name of this backend in plans and on the command line.
pub(crate) const NAME: &str = "microvm";

/// Probes the backend: one look at a few files, and three questions to the monitor. Nothing where there is no monitor.
#[cfg_attr(not(test), expect(dead_code, reason = "`launch` does not choose among backends yet"))]
pub(crate) fn facts(choice: &Choice) -> Option<BackendFacts> {
    let found = machine(choice);
    if found == Err(Missing::Program) {
        return None;
    }
    let name: BackendName = NAME.parse().ok()?;
    let version = found.as_ref().map_or_else(|_| "unusable".to_owned(), |machine| machine.version.clone());
    Some(BackendFacts {
        name,
        version,
        levels: vec![IsolationLevel::Microvm],
        architectures: vec![Platform::host().architecture().to_owned()],
        emulation: Emulation::None,
        controls: table(&found),
    })
}

/// The answer for every control.
pub(crate) fn table(found: &Result<Machine, Missing>) -> ControlTable {
    let nobody = |why: &str, remedy: Option<&str>| Enforcement::Nobody {
        why: why.to_owned(),
        remedy: remedy.map(str::to_owned),
    };
    let machine = match found {
        Ok(machine) => machine,
        Err(missing) => {
            let why = missing.to_string();
            let all = HELD.iter().map(|(control, _)| control).chain(LATER.iter().map(|(control, _)| control));
            let all = all.chain([&Control::Namespaces]);
            return all.map(|control| (*control, nobody(&why, Some(missing.remedy())))).collect();
        }
    };
    let held = HELD.iter().map(|(control, who)| (*control, Enforcement::By((*who).to_owned())));
    let later = LATER.iter().map(|(control, why)| (*control, nobody(why, Some(REMEDY))));
    let wall = (Control::Namespaces, Enforcement::By(wall(machine)));
    held.chain(later).chain([wall]).collect()
}

/// Who keeps the guest from the host.
fn wall(machine: &Machine) -> String {
    let instructions = match machine.accelerator {
        Accelerator::Kvm => "KVM",
        Accelerator::Tcg => "emulation (TCG)",
    };
    let mut wall = format!("a kernel of its own in QEMU {} with {instructions}", machine.version);
    wall.push_str(if machine.filtered {
        ", QEMU under its seccomp filter"
    } else {
        ", QEMU without a filter"
    });
    wall.push_str(if machine.namespaces { ", in namespaces without a network" } else { "" });
    wall.push_str(if machine.landlock { ", without the host's files (Landlock)" } else { "" });
    wall
}

/// What is held wherever a machine can be started.
const HELD: [(Control, &str); 19] = [
    (Control::LinuxCaps, "guest kernel (empty or listed cap sets, locked secure bits)"),
    (Control::NoNewPrivileges, "guest kernel (no_new_privs)"),
    (Control::Seccomp, "guest kernel (seccomp filter)"),
    (Control::MaskedPaths, "guest mount namespace (covered by /dev/null or an empty folder)"),
    (Control::RemovedAtExit, "monitor (all of the guest is its memory, and it dies with its helper)"),
    (Control::NoNetwork, "monitor (the machine has no network device)"),
    (Control::ReadOnlyRoot, "guest kernel (read-only mount of a copy in memory)"),
    (Control::EphemeralRoot, "guest kernel (bounded tmpfs), and gone with the machine"),
    (Control::Tmp, "guest tmpfs with size and inode limits"),
    (Control::Env, "guest program (the plan's variables and no other)"),
    (Control::User, "guest kernel"),
    (Control::MemoryExact, "guest cgroup v2 memory.max, and the machine has little more"),
    (Control::MemoryWatched, "guest cgroup v2 memory.max, and the machine has little more"),
    (Control::Cpu, "guest cgroup v2 cpu.max, and the machine has no more processors than needed"),
    (Control::Pids, "guest cgroup v2 pids.max"),
    (Control::Wall, "helper on the host, from the program's start"),
    (Control::Output, "helper on the host"),
    (
        Control::Disk,
        "guest tmpfs size of /tmp and of an ephemeral root; RLIMIT_FSIZE for each file; no core dumps (RLIMIT_CORE); no disk of the host",
    ),
    (Control::OpenFiles, "guest RLIMIT_NOFILE"),
];

/// What nobody holds, and why.
const LATER: [(Control, &str); 20] = [
    (Control::Egress, "the machine has no network device, and nothing carries connections to the proxy"),
    (Control::ProjectNetworks, "the machine has no network device"),
    (Control::SharedNetwork, "the machine has no network device"),
    (Control::Publish, "the machine has no network device"),
    (Control::MountsRead, "the machine sees no folder of the host"),
    (Control::MountsWrite, "the machine sees no folder of the host"),
    (Control::MountsExec, "the machine sees no folder of the host"),
    (Control::Volumes, "the machine sees no folder of the host"),
    (Control::Devices, "the machine sees no device of the host"),
    (Control::Secrets, "the guest's program writes no secrets yet"),
    (Control::Terminal, "the guest's program makes no terminal yet"),
    (Control::HostName, "the guest's program gives the machine its own name"),
    (Control::DomainName, "the guest's program gives the machine its own name"),
    (Control::MemoryFolders, "the guest's program makes no further tmpfs yet"),
    (Control::SharedMemory, "the guest's program gives /dev/shm a share of /tmp"),
    (Control::Sysctls, "the guest's program sets none yet"),
    (Control::Groups, "the guest's program drops all groups"),
    (Control::OomScore, "the machine's memory is its own"),
    (Control::Init, "the guest's program starts the plan's, and no other beside it"),
    (Control::KnownHosts, "the machine has no network device, and its image is what it is"),
];

const REMEDY: &str = "ask for less, or use a backend that has it";

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn found(accelerator: Accelerator, filtered: bool, namespaces: bool) -> Machine {
        Machine {
            program: PathBuf::from("/usr/bin/qemu-system-x86_64"),
            version: "7.2.22".to_owned(),
            kernel: PathBuf::from("/usr/lib/perry-sandbox/vmlinux"),
            accelerator,
            filtered,
            namespaces,
            landlock: namespaces,
        }
    }

    #[test]
    fn every_control_has_one_answer() {
        let table = table(&Ok(found(Accelerator::Tcg, true, true)));
        assert_eq!(table.iter().count(), HELD.len() + LATER.len() + 1);
        assert_eq!(table.iter().count(), 40, "a control that is new must be answered here");
    }

    #[test]
    fn without_a_kernel_nothing_is_promised_and_the_remedy_is_named() {
        let table = table(&Err(Missing::Kernel("/a, /b".to_owned())));
        assert_eq!(table.iter().count(), 40);
        assert!(table.iter().all(|(control, _)| table.enforcer(control).is_none()));
        let (why, remedy) = table.refusal(Control::Seccomp).unwrap();
        assert!(why.contains("/a, /b") && remedy.unwrap().contains("vmlinux"));
    }

    #[test]
    fn the_wall_says_who_runs_the_instructions_and_what_is_around_the_monitor() {
        let who = |machine: Machine| wall(&machine);
        assert_eq!(
            who(found(Accelerator::Kvm, true, true)),
            "a kernel of its own in QEMU 7.2.22 with KVM, QEMU under its seccomp filter, in namespaces without a network, without the host's files (Landlock)"
        );
        assert!(
            who(found(Accelerator::Tcg, false, false)).ends_with("emulation (TCG), QEMU without a filter")
        );
    }
}
