//! Recorded sandboxes: what is seen, what stays denied, and programs that do their worst to the recorder.

use std::time::Duration;

use perry_sandbox_profiles::{Arch, Draft, Outside, Recorded, Recording, Run, SeccompProfile};

use super::super::failure::RunError;
use super::super::plan::words;
use super::super::recorder::Recorder;
use super::super::run::{Finished, Place, run};
use super::super::settings::Settings;
use super::{alone, place, root_folder, rootfs, sandbox, without_cgroups};
use crate::io::{Input, Output, Streams};
use crate::outcome::End;

fn profile(name: &str) -> &'static SeccompProfile {
    SeccompProfile::builtin(name).unwrap()
}

fn filter_of(profile: &SeccompProfile) -> Vec<u64> {
    words(&perry_sandbox_profiles::bpf::compile(profile, Arch::host().unwrap()).unwrap())
}

fn under(profile: &SeccompProfile, argv: &[&str]) -> Settings {
    Settings { filter: filter_of(profile), ..rootfs::settings(argv) }
}

fn recorded(profile: &SeccompProfile, settings: &Settings) -> (Result<Finished, RunError>, Run) {
    let (root, live) = (rootfs::busybox(), tempfile::tempdir().unwrap());
    let recorder = Recorder::new(profile).unwrap();
    let nowhere = without_cgroups();
    let place = Place { recorder: Some(&recorder), ..place(&nowhere, live.path()) };
    let stdin = Input::Bytes(b"one two three\n".to_vec());
    let streams = Streams { stdin, stdout: Output::Capture, stderr: Output::Capture };
    let finished = run(settings, &root_folder(root.path()), streams, None, &place);
    (finished, recorder.finish().unwrap())
}

fn made_of(under: &SeccompProfile, run: &Run, outside: Outside) -> SeccompProfile {
    let mut recording = Recording::new(under, run.arch());
    recording.add(run);
    let recorded = Recorded {
        recorder: "test".to_owned(),
        kernel: "test".to_owned(),
        libc: "static".to_owned(),
        image: "sha256:0".to_owned(),
        command: Vec::new(),
        tier: "isolated".to_owned(),
        under: under.name().to_string(),
        runs: 1,
        settled: false,
        proved: false,
        not_exercised: recording.not_exercised(),
    };
    let native = perry_sandbox_profiles::Runtime::find("native").unwrap();
    let name = "mine".parse().unwrap();
    let runtime = (native.name(), native.calls());
    recording.profile(&Draft { name, recorded, runtime, outside, without: None }).unwrap()
}

fn calls(run: &Run) -> String {
    let profile = made_of(profile("perry-default"), run, Outside::AsInForce);
    let calls: Vec<&str> = profile.rules(run.arch()).map(|rule| rule.call.name()).collect();
    calls.join(" ")
}

#[test]
fn a_recorded_program_runs_as_it_would_and_then_under_what_was_seen() {
    let _alone = alone();
    for name in SeccompProfile::builtin_names() {
        let force = profile(name);
        let (finished, run) = recorded(force, &under(force, &["wc", "-w"]));
        let finished = finished.unwrap();
        assert_eq!((finished.end, finished.stdout.as_slice()), (End::Exited(0), b"3\n".as_slice()), "{name}");
        assert!(run.has_begun());
        let seen = made_of(force, &run, Outside::Kill);
        assert!(seen.admits_no_more_than(force));
        let again = sandbox(&under(&seen, &["wc", "-w"])).unwrap();
        assert_eq!(again.end, End::Exited(0), "{name}: {}", seen.to_toml());
        // A shell makes processes, which wc never did.
        let more = sandbox(&under(&seen, &["sh", "-c", "true | true; ls /bin"])).unwrap();
        assert_eq!(more.end, End::Killed(libc::SIGSYS), "{name}");
    }
}

#[test]
fn children_and_what_they_execute_are_seen_too() {
    let _alone = alone();
    let force = profile("perry-default");
    let settings = under(force, &["sh", "-c", "/bin/mkdir /tmp/a & wait; /bin/ls /tmp | /bin/cat"]);
    let (finished, run) = recorded(force, &settings);
    assert_eq!(finished.unwrap().stdout, b"a\n");
    let seen = calls(&run);
    for call in ["execve", "mkdir", "getdents64", "pipe"] {
        assert!(seen.contains(call), "no {call} in {seen}");
    }
}

#[test]
fn what_the_profile_denies_stays_denied_and_is_told() {
    let _alone = alone();
    let force = profile("perry-minimal");
    let script = "mount -t tmpfs none /tmp 2>&1; echo $?";
    let (finished, run) = recorded(force, &under(force, &["sh", "-c", script]));
    let plain = sandbox(&under(force, &["sh", "-c", script])).unwrap();
    assert_eq!(String::from_utf8(finished.unwrap().stdout), String::from_utf8(plain.stdout));
    let mut recording = Recording::new(force, run.arch());
    recording.add(&run);
    let refused: Vec<String> =
        recording.refused().map(|(call, answer, _)| format!("{call} {answer}")).collect();
    assert!(refused.contains(&"mount EPERM".to_owned()), "{refused:?}");
    assert!(recording.profile(&draft()).unwrap().admits_no_more_than(force));
}

fn draft() -> Draft<'static> {
    let run = Run::new(profile("perry-minimal"), Arch::X86_64);
    let recorded = made_of(profile("perry-minimal"), &run, Outside::AsInForce).recorded().unwrap().clone();
    let name = "mine".parse().unwrap();
    Draft { name, recorded, runtime: ("native", &[]), outside: Outside::AsInForce, without: None }
}

#[test]
fn a_program_that_is_killed_in_the_middle_of_everything_does_not_hold_the_recorder() {
    let _alone = alone();
    let force = profile("perry-default");
    let scripts = [
        // A bomb, which its limit of processes and its wall time end.
        "bomb() { bomb | bomb & }; bomb; wait",
        // Processes that die while their calls wait.
        "for i in 1 2 3 4 5 6 7 8; do (yes > /dev/null & p=$!; kill -9 $p) & done; wait; kill -9 $$",
        "while true; do (sleep 0 & kill -9 $!) ; done",
        "exec yes",
    ];
    for script in scripts {
        let mut settings = under(force, &["sh", "-c", script]);
        settings.limits.wall = Duration::from_secs(6);
        settings.limits.pids = 32;
        let (finished, run) = recorded(force, &settings);
        // How each ends is the scheduler's choice; that all of it ends is not.
        assert!(finished.is_ok(), "{script}: {finished:?}");
        assert!(run.has_begun(), "{script}");
    }
}

#[test]
fn handlers_run_while_calls_wait() {
    let _alone = alone();
    let force = profile("perry-default");
    let script =
        "trap 'true' USR1; p=$$; (i=0; while [ $i -lt 50 ]; do kill -USR1 $p; i=$((i+1)); done) & wait; wait";
    let (finished, run) = recorded(force, &under(force, &["sh", "-c", script]));
    // A call that waits for an answer can be interrupted, so what the shell makes of it is not asked.
    let finished = finished.unwrap();
    assert!(matches!(finished.end, End::Exited(_)), "{finished:?}");
    assert!(calls(&run).contains("rt_sigreturn"));
}

#[test]
fn a_program_that_is_not_there_is_said_to_be_so() {
    let _alone = alone();
    let force = profile("perry-default");
    let (finished, run) = recorded(force, &under(force, &["no-such-program"]));
    assert!(matches!(finished, Err(RunError::ProgramNotFound(_))), "{finished:?}");
    assert!(calls(&run).contains("execve"));
}

#[test]
fn a_foreign_abi_is_killed_for_while_it_is_recorded() {
    let _alone = alone();
    let killing = SeccompProfile::parse(
        &profile("perry-default").to_toml().replace("unknown = \"ENOSYS\"", "unknown = \"kill\""),
    );
    let (finished, _) = recorded(&killing.unwrap(), &under(profile("perry-default"), &["true"]));
    assert_eq!(finished.unwrap().end, End::Exited(0));
    let none = SeccompProfile::parse(
        "schema = \"perry-sandbox/seccomp-profile/v1\"\nname = \"none\"\ndescription = \"d\"\nunknown = \"kill\"\n\
         [[allow]]\nreason = \"r\"\ncalls = [\"execve\", \"rt_sigprocmask\", \"sendmsg\", \"exit_group\"]\n",
    );
    let (finished, run) = recorded(&none.unwrap(), &under(profile("perry-default"), &["true"]));
    assert_eq!(finished.unwrap().end, End::Killed(libc::SIGSYS), "the kernel kills, the recorder does not");
    assert!(!run.has_begun());
}
