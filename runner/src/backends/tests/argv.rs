//! Every word of each engine's command line.

use std::path::Path;

use perry_sandbox_policy::Control;
use perry_sandbox_profiles::{MaskedPath, ReadOnlyPath, masked_paths, read_only_paths};

use super::super::apple::Apple;
use super::super::client::Client;
use super::super::nerdctl::{Nerdctl, Way};
use super::super::order::System;
use super::super::script::{Action, Backend, Script};
use super::super::tool::Call;
use super::fake::{Expected, Stage, nerdctl_info};
use super::plan::{Planned, planned};
use crate::demands::{PlanError, check_plan};

const INFO: [&str; 3] = ["--namespace=perry-sandbox", "info", "--format={{json .}}"];
const STATUS: &[u8] = include_bytes!("../recorded/apple-status-1.4.1.json");

/// A containerd behind these words.
fn nerdctl(backend: Backend, lead: &[&str]) -> Nerdctl {
    let stage = Stage::new();
    let words = [lead, &INFO].concat();
    let program = stage.program("client", &[Expected::call(&words, nerdctl_info())]);
    let tools = stage.tools(System::Other);
    Nerdctl::at(backend, Way::through(program, lead), &tools, "").unwrap()
}

fn apple() -> Apple {
    let stage = Stage::new();
    stage.program("container", &[Expected::call(&["system", "status", "--format", "json"], STATUS)]);
    Apple::probe(&stage.tools(System::MacOs)).unwrap()
}

/// The program that is started for it.
fn call(client: &Client) -> &Call {
    let Client::Call(call) = client else { panic!("{client:?}") };
    call
}

fn words(action: &Action) -> Vec<&str> {
    let Action::Call(call) = action else { panic!("{action}") };
    call.args.iter().map(String::as_str).collect()
}

fn script(nerdctl: &Nerdctl, planned: &Planned) -> Script {
    nerdctl.script(&planned.plan, &planned.config, Path::new("/run/p"), "name").unwrap()
}

/// What `nerdctl run` has from its name to the image.
fn run(hex: &str) -> Vec<String> {
    let text = "--namespace=perry-sandbox run --pull=never --net=none --read-only --cap-drop=ALL \
        --security-opt=no-new-privileges --ipc=private --cgroupns=private --hostname=sandbox --umask=0022 \
        --log-driver=none --sig-proxy=false --restart=no --stop-signal=SIGKILL --interactive --name=name \
        --label=perry-sandbox.run=name --security-opt=seccomp=/run/p/name.run/seccomp.json --user=65534:65534 \
        --workdir=/ --env=PATH=/bin --env=WORDS=a_b=c \
        --tmpfs=/tmp:rw,nosuid,nodev,noexec,size=3145728,mode=1777 --shm-size=1048576b --ulimit=nofile=64:64 --ulimit=nproc=16:16 \
        --ulimit=fsize=8388608:8388608 --ulimit=core=0:0 --ulimit=memlock=65536:65536 --ulimit=msgqueue=0:0 --ulimit=sigpending=1024:1024 \
        --memory=67108864b --memory-swap=67108864b --cpus=2.000 --pids-limit=16 --entrypoint=/bin/busybox";
    let words = text.split_whitespace().map(|word| word.replace("a_b=c", "a b=c"));
    let program = ["sh", "-c", "echo 'it is' \"$1\""].map(str::to_owned);
    words.chain([hex.to_owned()]).chain(program).collect()
}

#[test]
fn nerdctl_is_given_all_that_its_flags_can_say() {
    let planned = planned();
    let hex = planned.plan.manifest.hex();
    let made = script(&nerdctl(Backend::Nerdctl, &[]), &planned);
    assert_eq!(call(&made.run).args, run(hex));
    assert_eq!(made.files.keys().collect::<Vec<_>>(), ["seccomp.json"]);
    assert!(made.create.is_none() && made.end.is_none());
    let ours = "--namespace=perry-sandbox";
    assert_eq!(words(&made.signal.with_signal(15)), [ours, "kill", "--signal=15", "name"]);
    assert_eq!(words(&made.remove), [ours, "rm", "--force", "--volumes", "name"]);
    let state = [ours, "container", "inspect", "--format={{json .State}}", "name"];
    assert_eq!(words(made.state.as_ref().unwrap()), state);
}

#[test]
fn a_machine_is_entered_by_its_own_words_and_nothing_else_differs() {
    let planned = planned();
    let leads: [(Backend, &[&str]); 3] = [
        (Backend::Colima, &["nerdctl", "--"]),
        (Backend::RancherDesktop, &["shell", "sudo", "--preserve-env=CONTAINERD_ADDRESS", "nerdctl"]),
        (Backend::Lima, &["shell", "default", "nerdctl"]),
    ];
    for (backend, lead) in leads {
        let made = script(&nerdctl(backend, lead), &planned);
        let wanted: Vec<String> =
            lead.iter().map(|word| (*word).to_owned()).chain(run(planned.plan.manifest.hex())).collect();
        assert_eq!(call(&made.run).args, wanted, "{backend:?}");
        assert!(made.run.short().starts_with("client run "), "{backend:?}");
        assert!(made.run.steps().concat().contains("nerdctl"), "{backend:?}");
        assert!(words(&made.remove).starts_with(lead), "{backend:?}");
    }
}

#[test]
fn a_first_word_that_nerdctl_takes_for_its_own_arrives_all_the_same() {
    let mut planned = planned();
    planned.plan.process.argv = ["/bin/x", "--", "y"].map(str::to_owned).to_vec();
    let made = script(&nerdctl(Backend::Nerdctl, &[]), &planned);
    let hex = planned.plan.manifest.hex();
    assert!(
        call(&made.run).args.ends_with(&[hex, "--", "--", "y"].map(str::to_owned)),
        "{:?}",
        call(&made.run).args
    );
}

#[test]
fn what_an_image_brings_along_is_refused() {
    let mut planned = planned();
    let nerdctl = nerdctl(Backend::Nerdctl, &[]);
    let apple = apple();
    let refused = |planned: &Planned| {
        let (plan, config, runtime) = (&planned.plan, &planned.config, Path::new("/run/p"));
        [nerdctl.script(plan, config, runtime, "n"), apple.script(plan, config, runtime, "n")].map(|made| {
            match made {
                Err(PlanError::NotEnforceable { control, .. }) => Some(control),
                Err(error) => panic!("{error}"),
                Ok(_) => None,
            }
        })
    };
    assert_eq!(refused(&planned), [None, None]);
    planned.config.env = vec!["PATH=/x".to_owned(), "LD_PRELOAD=/x.so".to_owned()];
    assert_eq!(refused(&planned), [Some(Control::Env); 2]);
    planned.config.env.clear();
    planned.plan.process.env.remove("PATH");
    assert_eq!(refused(&planned), [Some(Control::Env); 2], "they set it where nobody does");
    planned.plan.process.env.insert("PATH".to_owned(), "/bin".to_owned());
    planned.config.volumes = vec!["/data".to_owned()];
    assert_eq!(refused(&planned), [Some(Control::ReadOnlyRoot); 2]);
}

#[test]
fn apple_is_given_all_that_its_flags_can_say() {
    let planned = planned();
    let hex = planned.plan.manifest.hex();
    let made = apple().script(&planned.plan, &planned.config, Path::new("/run/p"), "name").unwrap();
    let masked = masked_paths().iter().map(MaskedPath::path).chain(["/sys/fs/cgroup"]);
    let read_only = read_only_paths().iter().map(ReadOnlyPath::path);
    let before = [
        "create",
        "--network=none",
        "--no-dns",
        "--read-only",
        "--cap-drop=ALL",
        "--tmpfs=/tmp",
        "--interactive",
        "--name=name",
        "--label=perry-sandbox.run=name",
    ];
    let after = [
        "--user=65534:65534",
        "--workdir=/",
        "--env=PATH=/bin",
        "--env=WORDS=a b=c",
        "--ulimit=nofile=64:64",
        "--ulimit=nproc=16:16",
        "--ulimit=fsize=8388608:8388608",
        "--ulimit=core=0:0",
        "--memory=64M",
        "--cpus=2",
        "--entrypoint=/bin/busybox",
    ];
    let mut wanted: Vec<String> = before.map(str::to_owned).to_vec();
    wanted.extend(masked.map(|path| format!("--masked-path={path}")));
    wanted.extend(read_only.map(|path| format!("--read-only-path={path}")));
    wanted.extend(after.map(str::to_owned));
    wanted.push(format!("localhost/perry-sandbox/verified:sha256-{hex}"));
    wanted.extend(["sh", "-c", "echo 'it is' \"$1\""].map(str::to_owned));
    assert_eq!(words(made.create.as_ref().unwrap()), wanted);
    assert_eq!(call(&made.run).args, ["start", "--attach", "--interactive", "name"]);
    assert_eq!(words(&made.signal.with_signal(9)), ["kill", "--signal=9", "name"]);
    assert_eq!(words(&made.remove), ["delete", "--force", "name"]);
}

#[test]
fn a_part_of_a_processor_is_no_machine() {
    let mut planned = planned();
    planned.plan.limits.cpu.0 = 1500.try_into().unwrap();
    let made = apple().script(&planned.plan, &planned.config, Path::new("/run/p"), "name");
    assert!(matches!(made, Err(PlanError::NotEnforceable { control: Control::Cpu, .. })), "{made:?}");
}

#[test]
fn every_plan_is_refused_with_what_is_missing_and_what_would_help() {
    let mut planned = planned();
    let lima = nerdctl(Backend::Lima, &["shell", "default", "nerdctl"]);
    planned.plan.backend = "lima".parse().unwrap();
    let error = check_plan("lima", &planned.plan, &lima.facts().unwrap().controls).unwrap_err();
    let PlanError::NotEnforceable { control, remedy, .. } = &error else { panic!("{error}") };
    assert_eq!(*control, Control::MaskedPaths);
    assert!(remedy.as_ref().unwrap().contains("limactl start template://docker"), "{error}");
    planned.plan.backend = "apple".parse().unwrap();
    let error = check_plan("apple", &planned.plan, &apple().facts().unwrap().controls).unwrap_err();
    assert!(matches!(error, PlanError::NotEnforceable { control: Control::NoNewPrivileges, .. }), "{error}");
}

#[test]
fn a_sandbox_that_is_not_there_is_removed_and_any_other_failure_is_one() {
    let planned = planned();
    let made = |err: &str| {
        let stage = Stage::new();
        let ours = "--namespace=perry-sandbox";
        let calls = [
            Expected::call(&INFO, nerdctl_info()),
            Expected::failing(&[ours, "rm", "--force", "--volumes", "name"], err),
        ];
        let program = stage.program("nerdctl", &calls);
        let tools = stage.tools(System::Other);
        let nerdctl = Nerdctl::at(Backend::Nerdctl, Way::through(program, &[]), &tools, "").unwrap();
        let discarded = script(&nerdctl, &planned).discard(std::time::Duration::from_secs(20));
        assert_eq!(stage.calls("nerdctl"), 2);
        discarded
    };
    assert!(made("time=\"x\" level=fatal msg=\"no such container: name\"").is_ok());
    assert!(made("cannot connect to containerd").is_err());
}
