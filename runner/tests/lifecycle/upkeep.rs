//! Restarts and health checks, by a supervisor that nobody is the parent of.

use std::time::{Duration, Instant};

use perry_sandbox_runner::{
    End, Health, HealthCheck, HealthStart, LifecycleError, Limit, SandboxInfo, SandboxStatus, StartOptions,
    Stop,
};

use super::yard::{Yard, until, yard};

fn kept_up(yard: &Yard, restart: &str) -> perry_sandbox_runner::SandboxId {
    let id = yard.create();
    let trail = yard.trail();
    let options =
        StartOptions { trail: Some(&trail), restart: restart.parse().unwrap(), ..StartOptions::default() };
    yard.try_start(&id, options).unwrap();
    id
}

#[test]
fn a_failure_is_run_again_as_often_as_asked_and_all_of_it_is_in_the_trail() {
    let yard = yard("echo once; exit 4");
    let id = kept_up(&yard, "on-failure:2");
    let info = yard.wait(&id);
    assert_eq!((info.restarts, info.finish.unwrap().end), (2, Some(End::Exited(4))));
    assert_eq!(yard.log(&id).matches("once").count(), 3);
    assert_eq!(yard.left(), Vec::<String>::new());
    let lines = yard.trail().lines().unwrap();
    let count = |event: &str| lines.iter().filter(|line| line.contains(&format!("\"{event}\""))).count();
    assert_eq!((count("run-start"), count("run-again"), count("run-end")), (1, 2, 3), "{lines:?}");
}

#[test]
fn success_is_the_last_end_of_one_that_is_run_again_on_failure() {
    let yard = yard("exit 0");
    let id = kept_up(&yard, "on-failure");
    assert_eq!(yard.wait(&id).restarts, 0);
}

#[test]
fn whoever_stops_it_ends_it_while_it_runs_and_while_it_pauses() {
    for line in ["sleep 300", "exit 1"] {
        let yard = yard(line);
        let id = kept_up(&yard, "always");
        if line == "exit 1" {
            // By now it pauses for longer than a stop takes.
            until(|| (yard.sandboxes.inspect(&id).unwrap().restarts >= 4).then_some(()));
        }
        let info = yard.sandboxes.stop(&id, &Stop { signal: None, grace: Duration::from_secs(20) }).unwrap();
        assert_eq!(info.status, SandboxStatus::Exited, "{line}");
    }
}

#[test]
fn its_wall_time_is_that_of_all_runs_together() {
    let mut yard = yard("exit 1");
    yard.spine.plan.limits.wall = "2s".parse().unwrap();
    let begun = Instant::now();
    let id = kept_up(&yard, "always");
    let info = yard.wait(&id);
    assert!(info.restarts >= 1 && begun.elapsed() < Duration::from_secs(30), "{info:?}");
    yard.spine.plan.process.argv = ["/bin/busybox", "sleep", "60"].map(str::to_owned).to_vec();
    let slow = kept_up(&yard, "always");
    let info = yard.wait(&slow);
    assert_eq!((info.restarts, info.finish.unwrap().limit), (0, Some(Limit::Wall)), "its time is over");
}

#[test]
fn a_program_joins_again_after_a_restart() {
    let yard = yard("sleep 1; exit 1");
    let id = kept_up(&yard, "always");
    until(|| (yard.sandboxes.inspect(&id).unwrap().restarts >= 1).then_some(()));
    // It may pause at this very moment.
    let plan = yard.plan(&["/bin/busybox", "echo", "joined"]);
    let joined = until(|| yard.exec(&id, &plan).ok().filter(|outcome| outcome.end == End::Exited(0)));
    assert_eq!(joined.stdout, b"joined\n");
}

fn check(retries: u32) -> HealthCheck {
    HealthCheck {
        interval: "50ms".parse().unwrap(),
        timeout: "20s".parse().unwrap(),
        start_period: None,
        retries: retries.try_into().unwrap(),
    }
}

fn watched(yard: &Yard, line: &str, check: HealthCheck) -> perry_sandbox_runner::SandboxId {
    let id = yard.create();
    let plan = yard.plan(&["/bin/busybox", "sh", "-c", line]);
    let health = Some(HealthStart { check, plan: &plan });
    yard.try_start(&id, StartOptions { health, ..StartOptions::default() }).unwrap();
    id
}

#[test]
fn health_is_what_the_joining_program_says() {
    let yard = yard("until [ -e /tmp/go ]; do sleep 0.1; done; echo well > /tmp/state; sleep 300");
    let id = watched(&yard, "/bin/busybox grep -q well /tmp/state", check(3));
    let health = || yard.sandboxes.inspect(&id).unwrap().health;
    until(|| (health() == Some(Health::Unhealthy)).then_some(()));
    yard.shell(&id, "touch /tmp/go");
    until(|| (health() == Some(Health::Healthy)).then_some(()));
    yard.shell(&id, "rm /tmp/state");
    until(|| (health() == Some(Health::Unhealthy)).then_some(()));
    yard.sandboxes.stop(&id, &Stop { signal: Some(9), grace: Duration::ZERO }).unwrap();
    assert_eq!(health(), None, "nobody is well who is gone");
}

#[test]
fn nobody_is_well_who_waits_to_be_run_again() {
    let yard = yard("sleep 1; exit 1");
    let id = yard.create();
    let plan = yard.plan(&["/bin/busybox", "true"]);
    let health = Some(HealthStart { check: check(1), plan: &plan });
    let restart = "always".parse().unwrap();
    yard.try_start(&id, StartOptions { health, restart, ..StartOptions::default() }).unwrap();
    let seen = |wanted| {
        let is = |info: &SandboxInfo| info.restarts >= 3 && info.health == Some(wanted);
        until(|| yard.sandboxes.inspect(&id).ok().filter(is))
    };
    // From the fourth run to the fifth are 800 ms, and each time twice as many: who looks too late looks again.
    let (well, after) = until(|| {
        let (well, after) = (seen(Health::Healthy), seen(Health::Starting));
        (after.restarts == well.restarts).then_some((well, after))
    });
    assert_eq!((well.restarts, after.status), (after.restarts, SandboxStatus::Running));
}

#[test]
fn a_check_that_hangs_is_a_failure_and_leaves_nothing_behind() {
    let yard = yard("sleep 300");
    let hasty = HealthCheck { timeout: "200ms".parse().unwrap(), ..check(2) };
    let id = watched(&yard, "(sleep 200 &) ; sleep 200", hasty);
    until(|| (yard.sandboxes.inspect(&id).unwrap().health == Some(Health::Unhealthy)).then_some(()));
    let stop = Stop { signal: Some(9), grace: Duration::ZERO };
    yard.sandboxes.stop(&id, &stop).unwrap();
    assert_eq!(yard.left(), Vec::<String>::new());
}

#[test]
fn a_check_under_another_plan_is_refused_and_nothing_starts() {
    let yard = yard("sleep 300");
    let id = yard.create();
    let mut plan = yard.plan(&["/bin/busybox", "true"]);
    plan.process.user.uid = 0;
    let health = Some(HealthStart { check: check(1), plan: &plan });
    let refused = yard.try_start(&id, StartOptions { health, ..StartOptions::default() }).unwrap_err();
    assert!(matches!(refused, LifecycleError::OtherPlan { .. }), "{refused}");
    assert_eq!(yard.sandboxes.inspect(&id).unwrap().status, SandboxStatus::Created);
}
