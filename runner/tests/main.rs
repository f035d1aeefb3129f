//! The runner's one verb, with a plan of the policy and an image of the verifier.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

/// As in a program whose `main` is not ours: this very program serves as launcher process and supervisor.
#[used]
#[expect(unsafe_code, reason = "a constructor is found by the name of its section")]
#[unsafe(link_section = ".init_array")]
static CONSTRUCTOR: extern "C" fn() = constructor;

extern "C" fn constructor() {
    perry_sandbox_runner::helper_hook();
}

mod lifecycle;
#[cfg(feature = "wasm")]
#[path = "support/modules.rs"]
mod modules;
mod project;
#[path = "support/spine.rs"]
mod spine;

use jiff::Timestamp;
use perry_sandbox_policy::{LaunchPlan, Network};
use perry_sandbox_runner::{
    End, LaunchError, Outcome, PlanError, SecretError, Streams, Surroundings, Trail, Verified, dry_run,
    launch,
};
use perry_sandbox_testkit::outside::greeter;

use spine::{Spine, request, spine};

fn clock() -> Timestamp {
    Timestamp::UNIX_EPOCH
}

fn run(spine: &Spine, plan: &LaunchPlan) -> (Result<Outcome, LaunchError>, Trail) {
    let trail = Trail::open(&spine.scratch.path().join("trail")).unwrap();
    let surroundings = Surroundings {
        runtime: &spine.scratch.path().join("live"),
        trail: Some(&trail),
        commands: None,
        secrets: None,
        window: (24, 80),
        clock,
        engines: None,
    };
    let answer = launch(plan, &spine.image, &spine.rootfs, Streams::captured(), &surroundings);
    (answer, trail)
}

#[test]
fn a_plan_runs_and_both_ends_are_in_the_trail() {
    let spine = spine(&request(&["/bin/busybox", "echo", "hello"]));
    let (outcome, trail) = run(&spine, &spine.plan);
    let outcome = outcome.unwrap();
    assert_eq!((outcome.end, outcome.stdout.as_slice()), (End::Exited(0), &b"hello\n"[..]));
    assert_eq!(outcome.plan, spine.plan.digest());
    assert_eq!(trail.verify().unwrap(), Verified::Whole { lines: 2 });
    let text = trail.lines().unwrap().join("\n");
    assert!(
        text.contains("run-start") && text.contains("run-end") && text.contains("command-line"),
        "{text}"
    );
    assert!(!text.contains("echo"), "no argument is written down: {text}");
    assert_eq!(outcome.trail.unwrap().sequence, 1);
}

#[test]
fn a_plan_for_another_image_starts_nothing() {
    let spine = spine(&request(&["/bin/busybox", "true"]));
    let mut plan = spine.plan.clone();
    plan.manifest = perry_sandbox_reference::Digest::of(b"another");
    let (answer, trail) = run(&spine, &plan);
    assert!(matches!(answer, Err(LaunchError::OtherImage { .. })));
    assert_eq!(trail.verify().unwrap(), Verified::Whole { lines: 0 });
    assert!(matches!(dry_run(&plan, &spine.image, &spine.rootfs, None), Err(LaunchError::OtherImage { .. })));
}

#[test]
fn what_the_backend_cannot_hold_is_refused_before_anything_starts() {
    let spine = spine(&request(&["/bin/busybox", "true"]));
    let changes: [fn(&mut LaunchPlan); 2] = [
        |plan| plan.network = Network::Egress(vec!["*.org:443".to_owned()]),
        |plan| plan.backend = "podman".parse().unwrap(),
    ];
    for change in changes {
        let mut plan = spine.plan.clone();
        change(&mut plan);
        let (answer, trail) = run(&spine, &plan);
        let error = answer.unwrap_err();
        assert!(
            matches!(&error, LaunchError::Plan(PlanError::Egress(_) | PlanError::Backend { .. })),
            "{error}"
        );
        assert_eq!(trail.verify().unwrap(), Verified::Whole { lines: 0 });
    }
}

#[test]
fn a_secret_without_a_value_starts_nothing() {
    let spine = spine(&request(&["/bin/busybox", "true"]));
    let mut plan = spine.plan.clone();
    plan.secrets = vec!["token".parse().unwrap()];
    let (answer, trail) = run(&spine, &plan);
    assert!(matches!(answer, Err(LaunchError::Secrets(SecretError::Missing(_)))));
    assert_eq!(trail.verify().unwrap(), Verified::Whole { lines: 0 });
}

#[test]
fn a_trail_that_cannot_be_written_denies_the_run() {
    let spine = spine(&request(&["/bin/busybox", "true"]));
    let folder = spine.scratch.path().join("trail");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("trail.jsonl"), "somebody else's line\n").unwrap();
    std::fs::write(folder.join("head.json"), "x").unwrap();
    assert!(matches!(run(&spine, &spine.plan).0, Err(LaunchError::Trail(_))));
}

#[test]
fn a_run_that_fails_is_in_the_trail_without_names() {
    let spine = spine(&request(&["/bin/secret-name"]));
    let (answer, trail) = run(&spine, &spine.plan);
    assert!(matches!(answer, Err(LaunchError::Run(_))));
    let text = trail.lines().unwrap().join("\n");
    assert!(text.contains("program-not-found") && !text.contains("secret-name"), "{text}");
}

#[test]
fn a_dry_run_prints_the_steps_and_starts_nothing() {
    let spine = spine(&request(&["/bin/busybox", "true"]));
    let text = dry_run(&spine.plan, &spine.image, &spine.rootfs, None).unwrap().to_string();
    for part in ["clone3", "pivot_root", "no_new_privs", "load the seccomp filter", "execute /bin/busybox"] {
        assert!(text.contains(part), "{part} is missing: {text}");
    }
}

/// Gives a plan a way to a server of the host, and tells its program of the proxy.
pub(crate) fn let_out(plan: &mut LaunchPlan, port: u16) {
    plan.network = Network::Egress(vec![format!("127.0.0.1:{port}")]);
    plan.process.env.insert("http_proxy".to_owned(), "http://127.0.0.1:3128".to_owned());
}

#[test]
fn an_egress_grant_is_used_and_its_use_is_in_outcome_and_trail() {
    let port = greeter();
    let line = format!(
        "/bin/busybox wget -q -O - http://127.0.0.1:{port}/; /bin/busybox wget -q -O - http://secret.example/; true"
    );
    let spine = spine(&request(&["/bin/busybox", "sh", "-c", &line]));
    let mut plan = spine.plan.clone();
    let_out(&mut plan, port);
    let (outcome, trail) = run(&spine, &plan);
    let outcome = outcome.unwrap();
    assert_eq!(outcome.stdout.as_slice(), b"hello\n");
    let used = outcome.egress.unwrap();
    assert_eq!((used.allowed, used.refused), (1, 1), "{used:?}");
    assert_eq!(used.refusals[0].to_string(), "secret.example:80: no egress grant covers it");
    let text = trail.lines().unwrap().join("\n");
    assert!(text.contains(r#""egress":{"allowed":1,"refused":1}"#), "{text}");
    assert!(!text.contains("secret.example"), "a program's own words are not written down: {text}");
}
