//! The program as a process: input, output, exit, signals, limits, terminal.

use perry_sandbox_testkit::{As, Home};

use crate::{IMAGE, KEY, run, run_in};

fn shell(home: &Home, flags: &[&str], script: &str) -> perry_sandbox_testkit::Ran {
    run_in(home, flags, &["/bin/busybox", "sh", "-c", script])
}

#[test]
fn exit_codes_pass_through() {
    let home = Home::new(As::Ordinary);
    for code in [0, 1, 42, 119] {
        assert_eq!(shell(&home, &[], &format!("exit {code}")).code, code);
    }
}

#[test]
fn a_program_that_dies_of_a_signal_gives_128_and_the_signal() {
    let ran = shell(&Home::new(As::Ordinary), &[], "sh -c 'kill -SEGV $$'; exit $?");
    assert_eq!(ran.code, 139, "{ran:?}");
}

#[test]
fn input_goes_in_and_both_outputs_come_out_apart() {
    let home = Home::new(As::Ordinary);
    let script = "cat; echo to-stderr >&2";
    let args = ["run", "--quiet", "--key", KEY, IMAGE, "--", "/bin/busybox", "sh", "-c", script];
    let ran = home.run_with_input(&args, b"some input");
    assert_eq!((ran.code, ran.stdout.as_str()), (0, "some input"), "{ran:?}");
    assert_eq!(ran.stderr, "to-stderr\n");
}

#[test]
fn a_missing_program_is_127_and_one_that_cannot_run_126() {
    let missing = run(As::Ordinary, &["/bin/no-such-program"]);
    assert_eq!(missing.code, 127, "{missing:?}");
    assert!(missing.stderr.contains("/bin/no-such-program"), "{missing:?}");
    let folder = run(As::Ordinary, &["/bin"]);
    assert_eq!(folder.code, 126, "{folder:?}");
}

#[test]
fn time_that_runs_out_is_124() {
    let home = Home::new(As::Ordinary);
    let late = |time| (time, shell(&home, &["--timeout", time], "echo started; sleep 60"));
    // A busy machine may need the shorter time for the start.
    let (time, ran) =
        Some(late("1s")).filter(|(_, ran)| !ran.stdout.is_empty()).unwrap_or_else(|| late("20s"));
    assert_eq!(ran.code, 124, "{ran:?}");
    assert!(ran.stdout.contains("started"), "what it printed before is kept: {ran:?}");
    assert!(ran.stderr.contains(time), "{ran:?}");
}

#[test]
fn output_over_the_limit_is_123() {
    let ran = shell(&Home::new(As::Ordinary), &["--output-limit", "64KiB"], "yes");
    assert_eq!(ran.code, 123, "stderr: {}", ran.stderr);
    assert!(ran.stdout.len() <= 64 * 1024, "{} bytes", ran.stdout.len());
    assert!(ran.stderr.contains("64KiB"), "{}", ran.stderr);
}

#[test]
fn memory_over_the_limit_is_123() {
    for user in crate::users() {
        let home = Home::new(user);
        // awk holds the whole string in memory.
        let script = "awk 'BEGIN { s = \"x\"; while (1) s = s s }'";
        let ran = shell(&home, &["--memory", "48MiB", "--timeout", "60s"], script);
        assert!(matches!(ran.code, 123 | 1 | 2 | 137), "{user:?}: {ran:?}");
        assert_ne!(ran.code, 124, "{user:?}: {ran:?}");
    }
}

#[test]
fn a_fork_bomb_ends_at_the_limit() {
    for user in crate::users() {
        let home = Home::new(user);
        let script = "i=0; while [ $i -lt 600 ]; do sleep 100 & i=$((i+1)); done; echo all";
        let ran = shell(&home, &["--pids-limit", "32", "--timeout", "20s"], script);
        assert!(!ran.stdout.contains("all"), "{user:?}: {ran:?}");
    }
}

#[test]
fn tmp_is_bounded() {
    let ran = shell(
        &Home::new(As::Ordinary),
        &["--disk", "1MiB"],
        "dd if=/dev/zero of=/tmp/x bs=64k count=64 2>/dev/null",
    );
    assert_ne!(ran.code, 0, "{ran:?}");
}

#[test]
fn a_terminal_is_there_only_when_asked_for() {
    let home = Home::new(As::Ordinary);
    assert_ne!(shell(&home, &[], "tty").code, 0);
    let ran = shell(&home, &["-t"], "tty && echo terminal");
    assert!(ran.stdout.contains("terminal"), "{ran:?}");
}

#[test]
fn json_gives_one_object_with_the_outcome() {
    let home = Home::new(As::Ordinary);
    let ran = shell(&home, &["--json"], "echo out; echo err >&2; exit 3");
    let outcome: serde_json::Value =
        serde_json::from_str(&ran.stdout).unwrap_or_else(|e| panic!("{e}: {ran:?}"));
    assert_eq!(ran.code, 3);
    assert_eq!(outcome["exit-code"], 3, "{outcome}");
    assert_eq!(outcome["stdout"], "out\n", "{outcome}");
    assert_eq!(outcome["stderr"], "err\n", "{outcome}");
    assert!(outcome["plan-digest"].as_str().is_some_and(|digest| digest.starts_with("sha256:")), "{outcome}");
}
