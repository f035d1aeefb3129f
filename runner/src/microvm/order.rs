//! From a launch plan to what the helper is told: pure, and everything that cannot be held is refused here.

use perry_sandbox_policy::{ControlTable, LaunchPlan};
use serde::{Deserialize, Serialize};

use super::command::{Size, arguments};
use super::cpio::Totals;
use super::facts::NAME;
use super::machine::Machine;
use super::task::{Numbers, Task};
use crate::demands::{PlanError, check_plan};
use crate::native::{Settings, candidates_of, settings_of};

/// One microvm, as the helper that starts it understands it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct VmOrder {
    /// What it is made of.
    pub(crate) machine: Machine,
    /// What runs in it.
    pub(crate) settings: Settings,
}

/// Checks every line of the plan against the table, and turns it into an order.
pub(crate) fn order(
    plan: &LaunchPlan,
    table: &ControlTable,
    machine: &Machine,
) -> Result<VmOrder, PlanError> {
    check_plan(NAME, plan, table)?;
    Ok(VmOrder { machine: machine.clone(), settings: settings_of(plan)? })
}

/// The most processors of one machine.
const MOST_PROCESSORS: u32 = 16;
/// Memory of the guest's kernel and our program there, beside all else.
const KERNEL: u64 = 96 << 20;
const MEBIBYTE: u64 = 1 << 20;

impl VmOrder {
    /// What is done, in order, for people.
    pub(crate) fn steps(&self) -> Vec<String> {
        // How large it is depends on the image, which is not read here; the descriptors are the monitor's own.
        let size = self.size(Totals::default());
        let words = arguments(&self.machine, (3, 4), size, self.writable());
        vec![
            "start this program again, as the process that stays with the machine".to_owned(),
            "copy the image into a disk in memory, with our own process 1".to_owned(),
            format!("{} {}", self.machine.program.display(), words.join(" ")),
            format!("and so much memory more as the image takes; kernel {}", self.machine.kernel.display()),
            format!("inside, under the walls of the native backend: {:?}", self.settings.argv),
        ]
    }

    /// Whether the root can be written.
    pub(crate) const fn writable(&self) -> bool {
        self.settings.ephemeral.is_some()
    }

    /// What the guest is told.
    pub(crate) fn task(&self) -> Task {
        let settings = &self.settings;
        let bytes = |list: &[String]| list.iter().map(|text| text.clone().into_bytes()).collect();
        let program = settings.argv.first().map_or("", String::as_str);
        let path = settings.env.get("PATH").map(String::as_str);
        let env = settings.env.iter().map(|(name, value)| format!("{name}={value}").into_bytes());
        Task {
            argv: bytes(&settings.argv),
            env: env.collect(),
            candidates: bytes(&candidates_of(program, path)),
            masked: bytes(&settings.masked),
            read_only: bytes(&settings.read_only),
            cwd: settings.cwd.clone().into_bytes(),
            filter: settings.filter.clone(),
            numbers: self.numbers(),
        }
    }

    fn numbers(&self) -> Numbers {
        let Settings { uid, gid, linux_caps, ephemeral, tmp, limits, .. } = &self.settings;
        let seconds = limits.wall.as_secs().saturating_mul(u64::from(limits.milli_cpu)).div_ceil(1000);
        // Without room of its own a writable root shares that of /tmp and /dev/shm, so that the sum of all is bounded.
        let (root_room, tmp) = match ephemeral {
            Some(0) => (*tmp, 0),
            Some(room) => (*room, *tmp),
            None => (0, *tmp),
        };
        Numbers {
            uid: u64::from(*uid),
            gid: u64::from(*gid),
            linux_caps: *linux_caps,
            ephemeral: u64::from(self.writable()),
            root_room,
            tmp,
            memory: limits.memory,
            milli_cpu: u64::from(limits.milli_cpu),
            pids: u64::from(limits.pids),
            file_size: limits.disk,
            open_files: u64::from(limits.open_files),
            cpu_seconds: seconds.max(1),
        }
    }

    /// How large the machine is: at first it holds the archive and what is unpacked from it, later that and the program.
    /// A root that can be written is bounded to half of the memory until it is unpacked.
    pub(crate) fn size(&self, archive: Totals) -> Size {
        let limits = &self.settings.limits;
        let unpacked = archive.unpacked.saturating_mul(if self.writable() { 2 } else { 1 });
        let first = archive.bytes.saturating_add(unpacked);
        let later = archive.unpacked.saturating_add(limits.memory);
        let bytes = first.max(later);
        // What the kernel needs to know about so much memory.
        let bytes = bytes.saturating_add(bytes.div_euclid(32)).saturating_add(KERNEL);
        let processors = limits.milli_cpu.div_ceil(1000).clamp(1, MOST_PROCESSORS);
        Size { mebibytes: bytes.div_ceil(MEBIBYTE), processors }
    }
}
