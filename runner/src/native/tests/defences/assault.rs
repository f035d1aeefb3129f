//! One run of the checker in a real sandbox of a hostile image, with defences taken out.

use std::fs::File;
use std::os::fd::{AsFd as _, AsRawFd as _};

use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};
use perry_sandbox_testkit::bait::Bait;
use perry_sandbox_testkit::{Verdicts, checker};

use super::super::super::run::{connect, others};
use super::super::super::settings::Settings;
use super::super::super::spec::{Ground, Spec};
use super::super::super::start::{Given, NAMESPACES, descriptors, raise_above_streams, start_in, tell};
use super::super::super::supervise::{Company, Counting, supervise};
use super::super::super::sys::{
    CloneRequest, Cloned, MountAttributes, Pointers, clone_into, clone_tree, set_attributes,
};
use super::super::rootfs::settings;
use super::super::*;
use super::cut::Cut;
use super::planted::Planted;

/// Memory of the sandbox, and of its /tmp.
const MEMORY: u64 = 64 << 20;
const TMP: u64 = 16 << 20;

/// What is asked for: little of everything, so that a flood is soon over.
fn hostile_settings(arguments: &[String]) -> Settings {
    let mut settings = settings(&["/bin/checker"]);
    settings.argv.extend_from_slice(arguments);
    settings.limits.memory = MEMORY;
    settings.tmp = TMP;
    settings.limits.disk = TMP;
    settings.limits.open_files = 256;
    let tried = [
        "pids=64".to_owned(),
        "files=256".to_owned(),
        "limits=ours".to_owned(),
        format!("tmp={TMP}"),
        format!("each={MEMORY}"),
    ];
    settings.argv.extend(tried);
    settings
}

/// Runs the checker; nothing where there is none.
pub(in super::super) fn assault(cuts: &[Cut]) -> Option<Verdicts> {
    let checker = checker()?;
    let (bait, image) = (Bait::lay(checker), Planted::new(checker));
    let mut settings = hostile_settings(bait.arguments());
    // What the sandbox has for its environment is this list and no other.
    for cut in cuts {
        match cut {
            Cut::Settings(change) => change(&mut settings),
            Cut::HostFolder => {
                let path = bait.secret().canonicalize().unwrap().to_str().unwrap().to_owned();
                settings.mounts.push(HostFolder::in_place(path, MountAccess::Read));
            }
            _ => {}
        }
    }
    if let Some(value) = settings.env.get_mut("CANARY") {
        *value = bait.secret().to_str().unwrap().to_owned();
    }
    let folder = root_folder(image.root());
    let mut spec = Spec::assemble(&settings, &Ground::survey(&settings, &folder, None).unwrap()).unwrap();
    cut_steps(&mut spec, cuts);
    let (mut running, mut given) = connect(&settings, &folder, Streams::captured(), (24, 80)).unwrap();
    given.others = others(&settings, None).unwrap();
    let output = tempfile::tempfile().unwrap();
    let host_streams = cuts.iter().any(|cut| matches!(cut, Cut::HostStreams));
    if host_streams {
        given.streams = Some([(); 3].map(|()| output.try_clone().unwrap().into()));
    }
    let child = launch(&spec, given, cuts);
    running.process = Some((child.pid, child.pidfd));
    // The kernel's walls are looked at here; the supervisor's own limits have tests of their own.
    settings.limits.memory = u64::MAX;
    let company = Company::of(Counting::Others);
    let ended = supervise(running, &settings.limits, None, company).unwrap();
    let step = ended.failed.map(|(step, errno)| (spec.steps.get(usize::try_from(step).unwrap()), errno));
    assert!(step.is_none(), "{step:?}");
    let text = if host_streams { read(output) } else { ended.stdout.clone() };
    let mut verdicts = Verdicts::read(&text);
    assert!(verdicts.held.len() > 60, "{ended:?} {}", String::from_utf8_lossy(&ended.stderr));
    if image.is_unchanged() {
        verdicts.held.push("ok host-image-unchanged as the host sees it".to_owned());
    } else {
        verdicts.open.push("open host-image-unchanged as the host sees it".to_owned());
    }
    Some(verdicts)
}

fn cut_steps(spec: &mut Spec, cuts: &[Cut]) {
    for cut in cuts {
        match cut {
            Cut::Without(gone) => {
                let before = spec.steps.len();
                spec.steps.retain(|step| !gone(step));
                assert!(spec.steps.len() < before, "there is no such step to leave out");
            }
            Cut::Change(change) => {
                let before = spec.steps.clone();
                spec.steps.iter_mut().for_each(change);
                assert_ne!(spec.steps, before, "there is no such step to change");
            }
            Cut::Steps(change) => change(&mut spec.steps),
            _ => {}
        }
    }
}

fn launch(spec: &Spec, given: Given, cuts: &[Cut]) -> Cloned {
    let gone = cuts.iter().filter_map(|cut| match cut {
        Cut::Namespace(flag) => Some(*flag),
        _ => None,
    });
    let namespaces = gone.fold(NAMESPACES, |left, flag| left & !flag);
    assert_ne!(namespaces & libc::CLONE_NEWNS, 0, "it would mount on this very machine");
    if namespaces & libc::CLONE_NEWUSER == 0 {
        return launch_without_users(spec, given, namespaces);
    }
    start_in(spec, given, |_| Ok(()), namespaces).unwrap()
}

/// The parent's side without a user namespace: no ids are mapped, and owners stay what they are.
fn launch_without_users(spec: &Spec, mut given: Given, namespaces: i32) -> Cloned {
    raise_above_streams(&mut given).unwrap();
    let (gate, inner) =
        socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC).unwrap();
    let request = CloneRequest {
        namespaces: u64::try_from(namespaces).unwrap(),
        cgroup: None,
        steps: &spec.steps,
        pointers: &Pointers::new(&spec.argv, &spec.env),
        descriptors: descriptors(&given, inner.as_raw_fd()),
    };
    let child = clone_into(&request).unwrap();
    let tree = clone_tree(given.root.as_fd()).unwrap();
    set_attributes(tree.as_fd(), MountAttributes::ReadOnly).unwrap();
    tell(gate.as_fd(), b'i', Some(tree.as_fd())).unwrap();
    tell(gate.as_fd(), b'g', None).unwrap();
    child
}

fn read(mut file: File) -> Vec<u8> {
    use std::io::{Read as _, Seek as _};
    let mut bytes = Vec::new();
    file.rewind().unwrap();
    file.read_to_end(&mut bytes).unwrap();
    bytes
}
