//! The monitor's command line: a pure function, so that a test shows every word of it.

use super::machine::{Accelerator, Machine};

/// What the monitor takes from itself before the guest runs.
pub(crate) const SANDBOX: &str = "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny";

/// What a machine is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size {
    /// Mebibytes of memory.
    pub(crate) mebibytes: u64,
    /// Processors.
    pub(crate) processors: u32,
}

/// The monitor's arguments. Kernel and memory disk are descriptors of the monitor's own: no path of the host is named.
///
/// SECURITY: nothing but memory, processors and one serial port: no disk, no network, no clock that could be set, no monitor
/// console, and no configuration of the user.
pub(crate) fn arguments(
    machine: &Machine,
    (kernel, initrd): (i32, i32),
    size: Size,
    writable: bool,
) -> Vec<String> {
    let accelerator = match machine.accelerator {
        Accelerator::Kvm => ["-accel", "kvm", "-cpu", "host"],
        Accelerator::Tcg => ["-accel", "tcg,tb-size=256", "-cpu", "max"],
    };
    let mut all = vec!["-machine", "microvm,acpi=off"];
    all.extend(accelerator);
    all.extend(["-nodefaults", "-no-user-config", "-nographic", "-no-reboot"]);
    if machine.filtered {
        all.extend(["-sandbox", SANDBOX]);
    }
    all.extend(["-chardev", "stdio,id=port,signal=off", "-serial", "chardev:port"]);
    let mut all: Vec<String> = all.into_iter().map(str::to_owned).collect();
    for (name, value) in [
        ("-m", format!("{}M", size.mebibytes)),
        ("-smp", size.processors.to_string()),
        ("-kernel", format!("/proc/self/fd/{kernel}")),
        ("-initrd", format!("/proc/self/fd/{initrd}")),
        ("-append", kernel_line(machine.accelerator, writable)),
    ] {
        all.extend([name.to_owned(), value]);
    }
    all
}

/// What the guest's kernel is told. Under emulation: nothing is measured or tested that takes time there, and no defence
/// is needed against a processor that is not there.
fn kernel_line(accelerator: Accelerator, writable: bool) -> String {
    let mut words = vec!["console=ttyS0", "quiet", "loglevel=3", "panic=-1", "reboot=t", "rdinit=/init"];
    words.extend(["cryptomgr.notests", "rcupdate.rcu_expedited=1", "random.trust_cpu=on"]);
    if accelerator == Accelerator::Tcg {
        words.extend(["mitigations=off", "tsc=reliable", "no_timer_check", "lpj=4000000"]);
    }
    // A root that cannot be written needs no bound, which would be half of the memory.
    if !writable {
        words.push("rootfstype=ramfs");
    }
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn machine(accelerator: Accelerator, filtered: bool) -> Machine {
        Machine {
            program: PathBuf::from("/usr/bin/qemu-system-x86_64"),
            version: "7.2.22".to_owned(),
            kernel: PathBuf::from("/usr/lib/perry-sandbox/vmlinux"),
            accelerator,
            filtered,
            namespaces: true,
            landlock: true,
        }
    }

    #[test]
    fn every_word_of_the_command_line() {
        let size = Size { mebibytes: 384, processors: 2 };
        let emulated = arguments(&machine(Accelerator::Tcg, true), (3, 4), size, false).join(" ");
        assert_eq!(
            emulated,
            "-machine microvm,acpi=off -accel tcg,tb-size=256 -cpu max -nodefaults -no-user-config -nographic \
             -no-reboot -sandbox on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny \
             -chardev stdio,id=port,signal=off -serial chardev:port -m 384M -smp 2 -kernel /proc/self/fd/3 \
             -initrd /proc/self/fd/4 -append console=ttyS0 quiet loglevel=3 panic=-1 reboot=t rdinit=/init \
             cryptomgr.notests rcupdate.rcu_expedited=1 random.trust_cpu=on mitigations=off tsc=reliable \
             no_timer_check lpj=4000000 rootfstype=ramfs"
        );
        let real = arguments(&machine(Accelerator::Kvm, false), (7, 8), size, true).join(" ");
        assert_eq!(
            real,
            "-machine microvm,acpi=off -accel kvm -cpu host -nodefaults -no-user-config -nographic -no-reboot \
             -chardev stdio,id=port,signal=off -serial chardev:port -m 384M -smp 2 -kernel /proc/self/fd/7 \
             -initrd /proc/self/fd/8 -append console=ttyS0 quiet loglevel=3 panic=-1 reboot=t rdinit=/init \
             cryptomgr.notests rcupdate.rcu_expedited=1 random.trust_cpu=on"
        );
    }
}
