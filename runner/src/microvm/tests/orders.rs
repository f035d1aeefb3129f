//! What a plan becomes, and what is refused.

use std::path::PathBuf;

use perry_sandbox_policy::{Control, IsolationLevel, LaunchPlan, Mount, MountAccess, Network, Terminal};
use proptest::prelude::*;

use crate::demands::PlanError;
use crate::microvm::cpio::Totals;
use crate::microvm::facts::{facts, table};
use crate::microvm::machine::{Accelerator, Choice, Machine, Missing};
use crate::microvm::order::{VmOrder, order};
use crate::microvm::read;
use crate::microvm::task::{Numbers, Task};
use crate::native::tests::settings_of_a_sandbox;
use crate::spine;

fn machine() -> Machine {
    Machine {
        program: PathBuf::from("/usr/bin/qemu-system-x86_64"),
        version: "7.2.22".to_owned(),
        kernel: PathBuf::from("/usr/lib/perry-sandbox/vmlinux"),
        accelerator: Accelerator::Tcg,
        filtered: true,
        namespaces: true,
        landlock: true,
    }
}

fn plan() -> LaunchPlan {
    let whole = spine::spine(&spine::request(&["/bin/busybox", "echo", "hello"]));
    let spine::Spine { mut plan, image, rootfs, scratch } = whole;
    drop((image, rootfs, scratch));
    plan.backend = "microvm".parse().unwrap();
    plan
}

#[test]
fn a_plan_becomes_an_order_and_the_order_a_task() {
    let plan = plan();
    let order = order(&plan, &table(&Ok(machine())), &machine()).unwrap();
    let text = serde_json::to_string(&order).unwrap();
    assert_eq!(serde_json::from_str::<VmOrder>(&text).unwrap(), order, "it can be sent");
    let task = order.task();
    assert_eq!(task.argv, [&b"/bin/busybox"[..], b"echo", b"hello"]);
    assert_eq!(task.candidates, [b"/bin/busybox"]);
    assert!(task.filter.len() > 100 && task.masked.contains(&b"kcore".to_vec()));
    let Numbers { uid, memory, pids, linux_caps, ephemeral, .. } = task.numbers;
    assert_eq!((uid, linux_caps, ephemeral), (u64::from(plan.process.user.uid), 0, 0));
    assert_eq!((memory, pids), (plan.limits.memory.bytes(), u64::from(plan.limits.pids.get())));
    assert_eq!(read::task(&task.to_bytes()), Some(task));
}

type Change = fn(&mut LaunchPlan);

#[test]
fn what_a_machine_cannot_hold_is_refused() {
    let table = table(&Ok(machine()));
    let changes: [(Change, Control); 6] = [
        (|plan| plan.network = Network::Egress(vec!["a.example:443".to_owned()]), Control::Egress),
        (|plan| plan.secrets = vec!["token".parse().unwrap()], Control::Secrets),
        (|plan| plan.devices = vec!["/dev/net/tun".to_owned()], Control::Devices),
        (|plan| plan.process.terminal = Terminal::Own, Control::Terminal),
        (
            |plan| {
                plan.mounts = vec![Mount {
                    source: "/srv".to_owned(),
                    target: "/srv".parse().unwrap(),
                    access: MountAccess::Read,
                }];
            },
            Control::MountsRead,
        ),
        (|plan| plan.lines.iter_mut().for_each(|line| line.control = Control::Volumes), Control::Volumes),
    ];
    for (change, wanted) in changes {
        let mut plan = plan();
        change(&mut plan);
        let error = order(&plan, &table, &machine()).unwrap_err();
        assert!(error.to_string().starts_with("the microvm backend cannot enforce"), "{error}");
        assert!(matches!(error, PlanError::NotEnforceable { control, .. } if control == wanted), "{error}");
    }
}

#[test]
fn emulation_is_offered_only_where_it_is_allowed() {
    let Some(here) = super::machine_here() else { return };
    let choice = |emulation| Choice {
        folders: vec![here.program.parent().unwrap().to_owned()],
        kernels: vec![PathBuf::from("/none"), here.kernel.clone()],
        emulation,
    };
    let allowed = facts(&choice(true)).unwrap();
    assert_eq!(
        (allowed.name.as_str(), allowed.levels.as_slice()),
        ("microvm", &[IsolationLevel::Microvm][..])
    );
    assert_eq!(allowed.version, here.version);
    assert!(allowed.controls.enforcer(Control::Namespaces).is_some());
    let not = facts(&choice(false)).unwrap().controls;
    if here.accelerator == Accelerator::Tcg {
        let (why, remedy) = not.refusal(Control::Namespaces).unwrap();
        assert!(why.contains("emulation is not allowed") && remedy.unwrap().contains("kvm_intel"), "{why}");
        assert!(not.iter().all(|(control, _)| not.enforcer(control).is_none()));
    }
    assert_eq!(
        facts(&Choice { folders: vec![PathBuf::from("/none")], ..choice(true) }),
        None,
        "no monitor at all"
    );
}

#[test]
fn a_plan_for_another_backend_or_a_host_without_a_machine_is_refused() {
    let mut other = plan();
    other.backend = "native".parse().unwrap();
    let here = table(&Ok(machine()));
    assert!(
        matches!(order(&other, &here, &machine()), Err(PlanError::Backend { planned, .. }) if planned == "native")
    );
    let nowhere = table(&Err(Missing::Accelerator("no module")));
    assert!(matches!(order(&plan(), &nowhere, &machine()), Err(PlanError::NotEnforceable { .. })));
}

#[test]
fn a_machine_has_room_for_the_image_and_then_for_the_program() {
    let mut settings = settings_of_a_sandbox(&["true"]);
    (settings.limits.memory, settings.limits.milli_cpu) = (64 << 20, 1500);
    let order = |ephemeral| VmOrder {
        machine: machine(),
        settings: crate::native::Settings { ephemeral, ..settings.clone() },
    };
    let size = |bytes: u64, ephemeral| {
        order(ephemeral).size(Totals { bytes: bytes << 20, unpacked: bytes << 20, entries: 1 })
    };
    let mebibytes = |bytes: u64| (bytes + bytes / 32) + 96;
    assert_eq!(size(32, None).mebibytes, mebibytes(96), "the program needs more than the unpacking");
    assert_eq!(size(320, None).mebibytes, mebibytes(640), "the unpacking needs more than the program");
    assert_eq!(size(320, Some(1)).mebibytes, mebibytes(960), "half of the memory must hold it");
    assert_eq!(size(1, None).processors, 2);
}

#[test]
fn a_writable_root_without_room_of_its_own_shares_that_of_tmp() {
    let mut settings = settings_of_a_sandbox(&["true"]);
    settings.tmp = 1000;
    let numbers = |ephemeral| {
        let settings = crate::native::Settings { ephemeral, ..settings.clone() };
        let Numbers { ephemeral, root_room, tmp, .. } =
            VmOrder { machine: machine(), settings }.task().numbers;
        (ephemeral, root_room, tmp)
    };
    assert_eq!(numbers(None), (0, 0, 1000));
    assert_eq!(numbers(Some(0)), (1, 1000, 0));
    assert_eq!(numbers(Some(5)), (1, 5, 1000));
}

fn any_texts() -> impl Strategy<Value = Vec<Vec<u8>>> {
    proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..20), 0..5)
}

prop_compose! {
    fn any_task()(
        argv in any_texts(), env in any_texts(), candidates in any_texts(), masked in any_texts(), read_only in any_texts(),
        cwd in proptest::collection::vec(any::<u8>(), 0..20), filter in proptest::collection::vec(any::<u64>(), 0..20),
        [uid, gid, linux_caps, ephemeral, root_room, tmp] in any::<[u64; 6]>(),
        [memory, milli_cpu, pids, file_size, open_files, cpu_seconds] in any::<[u64; 6]>(),
    ) -> Task {
        let numbers = Numbers {
            uid, gid, linux_caps, ephemeral, root_room, tmp, memory, milli_cpu, pids, file_size, open_files, cpu_seconds,
        };
        Task { argv, env, candidates, masked, read_only, cwd, filter, numbers }
    }
}

proptest! {
    #[test]
    fn a_task_is_read_as_it_was_written(task in any_task()) {
        prop_assert_eq!(read::task(&task.to_bytes()), Some(task));
    }

    #[test]
    fn a_task_that_is_cut_off_or_longer_is_none(task in any_task(), cut in 2_usize..50) {
        let mut bytes = task.to_bytes();
        bytes.push(0);
        prop_assert_eq!(read::task(&bytes), None);
        bytes.truncate(bytes.len().saturating_sub(cut));
        prop_assert_eq!(read::task(&bytes), None);
    }

    #[test]
    fn arbitrary_bytes_are_no_reason_to_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let mut with_magic = crate::microvm::task::MAGIC.to_vec();
        with_magic.extend(&bytes);
        drop((read::task(&bytes), read::task(&with_magic)));
    }
}
