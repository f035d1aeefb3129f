//! Probes, against what engines answer and against what nobody should.

use std::time::{Duration, Instant};

use perry_sandbox_policy::{Control, IsolationLevel};

use super::super::apple::Apple;
use super::super::machines::{colima, lima, orbstack, rancher_desktop};
use super::super::nerdctl::Nerdctl;
use super::super::order::{ContainerMode, System};
use super::super::survey::{Absence, Backends, Means};
use super::super::table::UNTRIED;
use super::fake::{Expected, Stage, docker_info, nerdctl_info};

const OURS: &str = "--namespace=perry-sandbox";
const INFO: &str = "--format={{json .}}";
const LIMA: &[u8] = include_bytes!("../recorded/limactl-list.json");
const COLIMA: &[u8] = include_bytes!("../recorded/colima-status-containerd.json");
const RANCHER: &[u8] = include_bytes!("../recorded/rdctl-settings-moby.json");

fn check(means: &Means, name: &str, version: &str) {
    let facts = means.facts().unwrap();
    assert_eq!((facts.name.as_str(), facts.version.as_str()), (name, version));
    assert_eq!(facts.levels, [IsolationLevel::Oci]);
    assert_eq!(means.backend().name(), name);
    assert!(facts.controls.enforcer(Control::NoNetwork).unwrap().contains(UNTRIED));
    assert!(facts.controls.enforcer(Control::Secrets).is_none(), "its machine does not see who owns a file");
    // What is remembered must be read back as it was.
    let text = serde_json::to_vec(means).unwrap();
    assert_eq!(&serde_json::from_slice::<Means>(&text).unwrap(), means);
}

#[test]
fn lima_is_the_first_machine_that_runs() {
    let stage = Stage::new();
    let calls = [
        Expected::call(&["list", "--json"], LIMA),
        Expected::call(&["shell", "docker", "nerdctl", OURS, "info", INFO], nerdctl_info()),
    ];
    stage.program("limactl", &calls);
    let found = Means::Nerdctl(lima(&stage.tools(System::Other)).unwrap());
    check(&found, "lima", "containerd v2.0.2");
    assert_eq!(stage.calls("limactl"), 2);
}

#[test]
fn lima_without_a_machine_says_how_to_start_one() {
    let stage = Stage::new();
    stage.program("limactl", &[Expected::call(&["list", "--json"], "")]);
    let absence = lima(&stage.tools(System::Other)).unwrap_err();
    assert!(absence.installed && absence.remedy.unwrap().contains("limactl start"));
}

#[test]
fn colima_is_what_runs_in_it() {
    let stage = Stage::new();
    let calls = [
        Expected::call(&["status", "--json"], COLIMA),
        Expected::call(&["nerdctl", "--", OURS, "info", INFO], nerdctl_info()),
    ];
    stage.program("colima", &calls);
    check(&colima(&stage.tools(System::Other)).unwrap(), "colima", "containerd v2.0.2");

    let stage = Stage::new();
    let socket = stage.engine(".colima/default/docker.sock", docker_info());
    let status =
        serde_json::json!({ "runtime": "docker", "docker_socket": format!("unix://{}", socket.display()) });
    stage.program("colima", &[Expected::call(&["status", "--json"], status.to_string())]);
    stage.program("docker", &[]);
    check(&colima(&stage.tools(System::Other)).unwrap(), "colima", "20.10.24+dfsg1");
    assert_eq!(stage.calls("docker"), 0, "its own choice of an engine does not matter");
}

#[test]
fn colima_that_does_not_run_says_how_to_start_it() {
    let stage = Stage::new();
    stage.program("colima", &[Expected::failing(&["status", "--json"], "colima is not running")]);
    let absence = colima(&stage.tools(System::Other)).unwrap_err();
    assert!(absence.why.contains("colima is not running"), "{absence:?}");
    assert!(absence.installed && absence.remedy.unwrap().contains("colima start"));
}

#[test]
fn rancher_desktop_is_what_runs_in_it() {
    let stage = Stage::new();
    stage.engine(".rd/docker.sock", docker_info());
    stage.program("rdctl", &[Expected::call(&["list-settings"], RANCHER)]);
    stage.program("docker", &[]);
    check(&rancher_desktop(&stage.tools(System::Other)).unwrap(), "rancher-desktop", "20.10.24+dfsg1");

    let stage = Stage::new();
    let settings = String::from_utf8_lossy(RANCHER).replace("\"moby\"", "\"containerd\"");
    let lead = ["shell", "sudo", "--preserve-env=CONTAINERD_ADDRESS", "nerdctl", OURS, "info", INFO];
    let calls = [Expected::call(&["list-settings"], settings), Expected::call(&lead, nerdctl_info())];
    stage.program("rdctl", &calls);
    check(&rancher_desktop(&stage.tools(System::Other)).unwrap(), "rancher-desktop", "containerd v2.0.2");
}

#[test]
fn orbstack_is_asked_by_its_socket_and_its_own_program_is_never_started() {
    let stage = Stage::new();
    stage.engine(".orbstack/run/docker.sock", docker_info());
    stage.program("orb", &[]);
    stage.program("docker", &[]);
    let found = Means::Docker(orbstack(&stage.tools(System::MacOs)).unwrap());
    check(&found, "orbstack", "20.10.24+dfsg1");
    assert_eq!((stage.calls("orb"), stage.calls("docker")), (0, 0));
    let absence = orbstack(&stage.tools(System::Other)).unwrap_err();
    assert!(!absence.installed && absence.why.contains("macOS only"), "{absence:?}");
}

#[test]
fn an_engine_of_another_architecture_is_none() {
    let stage = Stage::new();
    let info = nerdctl_info().replace("x86_64", "riscv64").replace("aarch64", "riscv64");
    let calls = [
        Expected::call(&["list", "--json"], LIMA),
        Expected::call(&["shell", "docker", "nerdctl", OURS, "info", INFO], info),
    ];
    stage.program("limactl", &calls);
    let absence = lima(&stage.tools(System::Other)).unwrap_err();
    assert!(absence.why.contains("riscv64"), "{absence:?}");
}

#[test]
fn nerdctl_of_an_ordinary_user_promises_no_secrets() {
    let probed = |info: String| {
        let stage = Stage::new();
        stage.program("nerdctl", &[Expected::call(&[OURS, "info", INFO], info)]);
        Nerdctl::probe(&stage.tools(System::Other)).unwrap().facts().unwrap()
    };
    let root = probed(nerdctl_info());
    assert!(
        root.controls.enforcer(Control::Secrets).is_some() && root.controls.enforcer(Control::Pids).is_some()
    );
    assert_eq!(root.name.as_str(), "nerdctl");
    for open in [Control::MaskedPaths, Control::Disk, Control::MountsRead, Control::Egress] {
        assert!(root.controls.enforcer(open).is_none(), "{open}");
    }
    let own = probed(
        nerdctl_info().replace("name=cgroupns", "name=rootless").replace("\"PidsLimit\":true", "\"x\":1"),
    );
    assert_eq!(own.version, "containerd v2.0.2 rootless");
    assert!(
        own.controls.enforcer(Control::Secrets).is_none() && own.controls.enforcer(Control::Pids).is_none()
    );
}

#[test]
fn apple_is_a_machine_for_each_and_only_on_a_mac() {
    let status = include_bytes!("../recorded/apple-status-1.4.1.json");
    let probed = |answer: Vec<u8>| {
        let stage = Stage::new();
        stage.program("container", &[Expected::call(&["system", "status", "--format", "json"], answer)]);
        Apple::probe(&stage.tools(System::MacOs))
    };
    let facts = probed(status.to_vec()).unwrap().facts().unwrap();
    assert_eq!((facts.name.as_str(), facts.version.as_str()), ("apple", "1.4.1"));
    assert_eq!(facts.levels, [IsolationLevel::Microvm]);
    assert!(facts.controls.enforcer(Control::Seccomp).is_none());
    let old = String::from_utf8_lossy(status).replace("1.4.1", "1.2.0");
    let absence = probed(old.into_bytes()).unwrap_err();
    assert!(absence.why.contains("1.2.0") && absence.installed, "{absence:?}");
    let stage = Stage::new();
    stage.program("container", &[]);
    assert!(!Apple::probe(&stage.tools(System::Other)).unwrap_err().installed);
    assert_eq!(stage.calls("container"), 0, "another system's program of this name is not started");
}

#[test]
fn what_has_a_server_comes_before_what_has_none_where_that_is_wanted() {
    let names = |mode| {
        let stage = Stage::new();
        stage.program("nerdctl", &[Expected::call(&[OURS, "info", INFO], nerdctl_info())]);
        let found = Backends::survey(&stage.tools(System::Other).preferring(mode), Some("nerdctl"));
        found.facts().iter().map(|backend| backend.name.to_string()).collect::<Vec<_>>()
    };
    let native = crate::native::probe().map(|backend| backend.name.to_string());
    let wanted = |first: Option<&str>, last: Option<&str>| {
        first.into_iter().chain(last).map(str::to_owned).collect::<Vec<_>>()
    };
    let native = native.as_deref();
    assert_eq!(names(ContainerMode::LocalFirst), wanted(native, Some("nerdctl")));
    assert_eq!(names(ContainerMode::ServerFirst), wanted(Some("nerdctl"), native));
}

type Probe = fn(&Stage) -> Option<Absence>;

/// Each program, and its probe.
const ALL: [(&str, Probe); 5] = [
    ("limactl", |stage| lima(&stage.tools(System::Other)).err()),
    ("colima", |stage| colima(&stage.tools(System::Other)).err()),
    ("rdctl", |stage| rancher_desktop(&stage.tools(System::Other)).err()),
    ("nerdctl", |stage| Nerdctl::probe(&stage.tools(System::Other)).err()),
    ("container", |stage| Apple::probe(&stage.tools(System::MacOs)).err()),
];

#[test]
fn whatever_a_program_says_it_is_bounded_and_plain() {
    let floods = [
        "exec cat /dev/zero",
        "head -c 3000000 /dev/urandom",
        "printf '{\"status\": \"\\033[2J\\007'; head -c 1000000 /dev/zero | tr '\\0' 'x'; printf '\"}'",
        "printf '\\033[31mno\\n\\007' >&2; head -c 2000000 /dev/zero >&2; exit 3",
        "printf '[[[[[[[['",
        "kill -9 $$",
    ];
    for (name, probe) in ALL {
        for flood in floods {
            let stage = Stage::new();
            stage.text(name, &format!("#!/bin/sh\n{flood}\n"));
            let begun = Instant::now();
            let absence = probe(&stage).expect(flood);
            assert!(absence.installed, "{name}: {flood}");
            assert!(
                absence.why.len() < 2000 && !absence.why.contains(char::is_control),
                "{name}: {}",
                absence.why
            );
            assert!(begun.elapsed() < Duration::from_secs(20), "{name}: {flood}");
        }
    }
}

#[test]
fn a_program_that_hangs_is_given_up() {
    let stage = Stage::new();
    stage.text("limactl", "#!/bin/sh\nexec sleep 60\n");
    let begun = Instant::now();
    let absence = lima(&stage.tools(System::Other)).unwrap_err();
    assert!(absence.why.contains("did not answer"), "{absence:?}");
    assert!(begun.elapsed() < Duration::from_secs(20));
}

#[test]
fn what_is_nowhere_is_absent_with_what_would_bring_it() {
    let stage = Stage::new();
    let found = Backends::survey(&stage.tools(System::MacOs), None);
    let names: Vec<&str> = found.absent().into_iter().map(|absent| absent.name).collect();
    let macs = ["apple", "orbstack", "colima", "rancher-desktop", "lima"];
    assert_eq!(names.get(..5), Some(&macs[..]), "what is made for a Mac comes first there");
    let absent = found.absent();
    let lima = absent.iter().find(|absent| absent.name == "lima").and_then(|absent| absent.remedy.as_deref());
    assert_eq!(lima, Some("install it: `brew install lima`"));
    assert!(absent.iter().all(|absent| absent.remedy.is_some()), "{absent:?}");
}

#[test]
fn a_program_that_is_asked_for_something_else_fails_here() {
    let stage = Stage::new();
    stage.program("nerdctl", &[Expected::call(&[OURS, "info"], nerdctl_info())]);
    let absence = Nerdctl::probe(&stage.tools(System::Other)).unwrap_err();
    assert!(absence.why.contains("is not expected"), "{absence:?}");
}
