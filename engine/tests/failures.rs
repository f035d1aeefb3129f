//! A failure at any call leaves the world as it was before.

use std::time::Duration;

use perry_sandbox_engine::{
    Desired, Interrupt, Journal, OnFailure, Options, StepError, Unit, Until, Up, Wait, World as _,
    finish_undo, reconcile, run, stop_heeding,
};

use crate::fake::{Fake, Nature, Silence, StopAt, kind_world, shop, unit, up, up_by};

/// Brings a world into some state, then fails at every call of the next `up` in turn.
fn fails_everywhere(before: &dyn Fn() -> Fake, desired: &Desired) -> usize {
    let reference = before();
    reference.fail_at(None, false);
    up(&reference, desired, "r9").1.unwrap();
    let tidied = reference.calls();
    let made = tidied.iter().take_while(|call| !call.starts_with("-00")).count();
    assert!(made > 1, "{tidied:?}");
    for after in [false, true] {
        for call in 1..=made {
            let fake = before();
            let was = fake.world();
            fake.fail_at(Some(call), after);
            let error = up(&fake, desired, "r9").1.unwrap_err();
            assert_eq!(error.cause, StepError::Failed("injected".to_owned()), "{call}");
            assert_eq!(error.left, [], "{call} {after}: {:?}", fake.calls());
            assert_eq!(fake.world(), was, "failed at {call}, after its effect: {after}; {:?}", fake.calls());
        }
    }
    made
}

#[test]
fn of_a_first_up_nothing_is_left() {
    assert_eq!(fails_everywhere(&kind_world, &shop()), 5, "network, volume, three sandboxes");
}

#[test]
fn the_sandbox_of_each_unit_is_told_whatever_it_is_called() {
    let fake = kind_world();
    let mut desired = shop();
    desired.units.iter_mut().for_each(|unit| unit.name = None);
    let first = up(&fake, &desired, "r1").1.unwrap();
    assert!(first.iter().all(Option::is_some), "{first:?}");
    assert_eq!(up(&fake, &desired, "r2").1.unwrap(), first, "kept and started again");
}

#[test]
fn what_ran_before_runs_again_with_its_name() {
    let before = || {
        let fake = kind_world();
        up(&fake, &shop(), "r1").1.unwrap();
        fake
    };
    let mut changed = shop();
    for unit in &mut changed.units {
        unit.plan = "p2".to_owned();
    }
    assert!(fails_everywhere(&before, &changed) >= 8, "stop, set aside and start of each that runs");
}

#[test]
fn who_shares_a_network_and_is_not_asked_for_runs_again_too() {
    let mut all = shop();
    let after = vec![("db", Until::Started)];
    all.units.push(Unit { beside: Some("db".to_owned()), networks: Vec::new(), ..unit("probe", &after) });
    let before = || {
        let fake = kind_world();
        up(&fake, &all, "r1").1.unwrap();
        fake
    };
    let mut only = Desired { units: vec![all.units[0].clone()], ..all.clone() };
    only.units[0].config = "other".to_owned();
    assert!(fails_everywhere(&before, &only) >= 4, "its stop and start, and those of the other");
    only.networks.get_mut(0).unwrap().subnet = Some("10.1.0.0/24".to_owned());
    assert!(fails_everywhere(&before, &only) >= 6, "and the network's");
}

#[test]
fn a_network_that_was_replaced_is_there_again() {
    let before = || {
        let fake = kind_world();
        up(&fake, &shop(), "r1").1.unwrap();
        fake
    };
    let mut changed = shop();
    changed.networks.get_mut(0).unwrap().subnet = Some("10.1.0.0/24".to_owned());
    assert!(fails_everywhere(&before, &changed) >= 10, "its old one and its new one beside the sandboxes");
}

#[test]
fn a_replacement_that_does_not_become_well_gives_its_place_back() {
    let fake = Fake::new(&[("db", Nature::Heals), ("job", Nature::Ends(0)), ("web c2", Nature::Ends(1))]);
    up(&fake, &shop(), "r1").1.unwrap();
    let was = fake.world();
    let mut changed = shop();
    changed.units.get_mut(2).unwrap().config = "c2".to_owned();
    let error = up(&fake, &changed, "r2").1.unwrap_err();
    assert!(error.to_string().contains("has ended with code 1, and it had to come up"), "{error}");
    assert_eq!(fake.world(), was);
}

#[test]
fn what_went_on_is_paused_again() {
    let before = || {
        let fake = kind_world();
        up(&fake, &shop(), "r1").1.unwrap();
        for one in fake.world().replicas.iter().filter(|one| one.condition.is_running()) {
            fake.pause(&one.id).unwrap();
        }
        fake
    };
    let mut more = shop();
    more.units.push(unit("other", &[]));
    assert!(fails_everywhere(&before, &more) >= 3, "those that go on, and the new one");
    let fake = before();
    up(&fake, &shop(), "r2").1.unwrap();
    assert!(fake.world().replicas.iter().all(|one| !one.paused));
}

#[test]
fn what_was_started_again_goes_back_to_its_end() {
    let before = || {
        let fake = kind_world();
        up(&fake, &shop(), "r1").1.unwrap();
        for one in fake.world().replicas {
            fake.stop(&one.id, perry_sandbox_engine::StopHow::default()).unwrap();
        }
        fake
    };
    assert_eq!(fails_everywhere(&before, &shop()), 3);
}

#[test]
fn what_is_made_after_nobody_waits_for_it_is_not_left_either() {
    let fake = kind_world();
    fake.answers_late(Duration::from_millis(100));
    let error = up(&fake, &shop(), "r1").1.unwrap_err();
    assert_eq!(error.cause, StepError::Unanswered("nobody answered".to_owned()));
    assert_eq!((error.left.as_slice(), fake.world()), (&[][..], Fake::default().world()));
}

#[test]
fn a_replaced_network_that_is_made_after_nobody_waits_for_it_is_not_left_beside_the_old() {
    let fake = kind_world();
    up(&fake, &shop(), "r1").1.unwrap();
    let before = fake.world();
    let mut other = shop();
    other.networks.get_mut(0).unwrap().called = Some("rows".to_owned());
    fake.answers_late(Duration::from_millis(100));
    let error = up(&fake, &other, "r2").1.unwrap_err();
    assert_eq!((error.left.as_slice(), fake.world().networks), (&[][..], before.networks));
}

#[test]
fn a_condition_that_fails_undoes_all_and_says_why() {
    for (natures, says) in [
        (
            [("db", Nature::Sickens), ("job", Nature::Ends(0))],
            "is unhealthy, and it had to become healthy; its last check ended with code 1 and said `no rows`; `up --keep",
        ),
        ([("db", Nature::Stays), ("job", Nature::Ends(0))], "has no health check"),
        (
            [("db", Nature::Ends(0)), ("job", Nature::Ends(0))],
            "has ended with code 0, and it had to become healthy; it wrote last: `no rows`",
        ),
        (
            [("db", Nature::Heals), ("job", Nature::Ends(3))],
            "has ended with code 3, and it had to end with code 0",
        ),
        ([("db", Nature::Heals), ("job", Nature::Stays)], "was not so far after 0 s"),
    ] {
        let fake = Fake::new(&natures);
        let error = up(&fake, &shop(), "r1").1.unwrap_err();
        assert!(error.to_string().contains(says), "{error}");
        assert_eq!(fake.world(), Fake::default().world(), "{says}");
    }
}

#[test]
fn what_is_not_required_may_fail() {
    let fake = Fake::new(&[("db", Nature::Heals), ("job", Nature::Ends(3))]);
    let mut desired = shop();
    for wait in desired.units.iter_mut().flat_map(|unit| &mut unit.after) {
        *wait = Wait { required: false, ..wait.clone() };
    }
    up(&fake, &desired, "r1").1.unwrap();
    assert_eq!(fake.world().replicas.len(), 3);
}

#[test]
fn an_interrupt_at_any_step_undoes_all() {
    let (work, _) = up(&kind_world(), &shop(), "r1");
    for step in &work.steps {
        let (fake, interrupt) = (kind_world(), Interrupt::default());
        let events = StopAt(&interrupt, step.act.to_string());
        let done = up_by(&fake, &shop(), "r1", &interrupt, &events).1;
        if step.number == work.steps.len() && done.is_ok() {
            continue; // The last step had begun: all is up.
        }
        assert_eq!(done.unwrap_err().cause, StepError::Interrupted, "{}", step.act);
        assert_eq!(fake.world(), Fake::default().world(), "{}", step.act);
    }
}

#[test]
fn a_run_that_was_killed_anywhere_is_undone_from_its_journal() {
    let mut changed = shop();
    changed.units.iter_mut().for_each(|unit| unit.config = "c2".to_owned());
    for call in 1..=8 {
        let fake = kind_world();
        up(&fake, &shop(), "r1").1.unwrap();
        let was = fake.world();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let journal = Journal::begin(&path, "r2").unwrap();
        let work = reconcile(&changed, &fake.seen("shop").unwrap(), Up::default(), "r2").unwrap();
        fake.fail_at(Some(call), true);
        // It stops dead where it is, as one that is killed does.
        let options = Options { failure: OnFailure::Leave, ..Options::default() };
        run(&fake, &changed, &work, &journal, (options, &Interrupt::default()), &Silence).unwrap_err();
        drop(journal);
        fake.fail_at(None, false);
        if let Some(left) = Journal::unfinished(&path).unwrap() {
            assert_eq!(finish_undo(&fake, "shop", &left, &Interrupt::default(), &Silence), []);
            assert_eq!(fake.world(), was, "killed after call {call}");
        } else {
            panic!("nothing is left after call {call}");
        }
    }
}

#[test]
fn an_undo_that_fails_says_exactly_what_is_left() {
    let fake = Fake::new(&[("db", Nature::Sickens)]);
    fake.fail_at(Some(4), false);
    let error = up(&fake, &shop(), "r1").1.unwrap_err();
    let left: Vec<&str> = error.left.iter().map(|left| left.what.as_str()).collect();
    assert_eq!(left.len(), 1, "{left:?}");
    assert!(
        !fake.world().replicas.is_empty()
            || !fake.world().networks.is_empty()
            || !fake.world().volumes.is_empty()
    );
}

#[test]
fn who_was_removed_meanwhile_has_nothing_to_be_undone() {
    let fake = kind_world();
    up(&fake, &shop(), "r1").1.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    let journal = Journal::begin(&path, "r2").unwrap();
    let mut changed = shop();
    changed.units.iter_mut().for_each(|unit| unit.config = "c2".to_owned());
    let work = reconcile(&changed, &fake.seen("shop").unwrap(), Up::default(), "r2").unwrap();
    fake.fail_at(Some(6), true);
    let options = Options { failure: OnFailure::Leave, ..Options::default() };
    run(&fake, &changed, &work, &journal, (options, &Interrupt::default()), &Silence).unwrap_err();
    fake.fail_at(None, false);
    for one in fake.world().replicas {
        fake.remove(&one.id).unwrap();
    }
    let left = Journal::unfinished(&path).unwrap().unwrap();
    assert_eq!(finish_undo(&fake, "shop", &left, &Interrupt::default(), &Silence), []);
}

#[test]
fn with_wait_all_must_be_well_or_all_is_undone() {
    for (nature, says) in [
        (Nature::Ends(1), "has ended with code 1, and it had to come up"),
        (Nature::Loops(7), "was run again 7 times, and did not stay up for 10 s, and it had to come up"),
    ] {
        let fake = Fake::new(&[("db", Nature::Heals), ("job", Nature::Ends(0)), ("web", nature)]);
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal::begin(&folder.path().join("journal"), "r1").unwrap();
        let work = reconcile(&shop(), &fake.seen("shop").unwrap(), Up::default(), "r1").unwrap();
        let patience = Duration::from_millis(300);
        let options = Options { wait: true, patience, ..Options::default() };
        let how = (options, &Interrupt::default());
        let error = run(&fake, &shop(), &work, &journal, how, &Silence).unwrap_err();
        assert!(error.to_string().contains(says), "{error}");
        assert_eq!(fake.world(), Fake::default().world());
    }
}

#[test]
fn a_failure_is_heeded_by_those_that_wait() {
    // `slow` never becomes healthy; `bad` cannot be started.
    let fake = Fake::new(&[("slow", Nature::Waits)]);
    let mut desired = shop();
    desired.units = vec![
        unit("slow", &[]),
        unit("web", &[("slow", Until::Healthy)]),
        unit("bad", &[("slow", Until::Started)]),
    ];
    desired.services = desired.units.iter().map(|unit| unit.service.clone()).collect();
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::begin(&folder.path().join("journal"), "r1").unwrap();
    let work = reconcile(&desired, &fake.seen("shop").unwrap(), Up::default(), "r1").unwrap();
    fake.fail_on("+bad");
    let begun = std::time::Instant::now();
    let how = (Options::default(), &Interrupt::default());
    let error = run(&fake, &desired, &work, &journal, how, &Silence).unwrap_err();
    assert_eq!(error.cause, StepError::Failed("injected".to_owned()));
    assert!(begun.elapsed() < Duration::from_secs(60), "not the 300 s that it may wait");
    assert_eq!(fake.world(), Fake::default().world());
}

#[test]
fn a_second_interrupt_kills_what_takes_its_time() {
    let fake = kind_world();
    up(&fake, &shop(), "r1").1.unwrap();
    fake.stops_slowly();
    let interrupt = Interrupt::default();
    interrupt.ask();
    let id = fake.world().replicas[0].id.clone();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            stop_heeding(&fake, &id, perry_sandbox_engine::StopHow::default(), &interrupt).unwrap();
        });
        std::thread::sleep(Duration::from_millis(100));
        assert!(fake.look(&id).unwrap().unwrap().is_running(), "it is asked, and takes its time");
        interrupt.ask();
    });
    assert!(!fake.look(&id).unwrap().unwrap().is_running());
}
