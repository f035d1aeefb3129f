//! What is up is kept where that is asked for, and of what is not nothing is left.

use perry_sandbox_engine::{
    Desired, Interrupt, OnFailure, Options, Reached, Replica, StepError, Until, UpError, Wait, World as _,
};

use crate::fake::{Fake, Nature, Silence, StopAt, kind_world, shop, unit, up, up_with};

fn fails(fake: &Fake, desired: &Desired, failure: OnFailure, parallel: usize) -> Box<UpError> {
    let options = Options { failure, parallel, ..Options::default() };
    up_with(fake, desired, "r9", options, (&Interrupt::default(), &Silence)).1.unwrap_err()
}

/// The shop, and somebody who needs nobody.
fn shop_and_other() -> Desired {
    let mut desired = shop();
    desired.units.push(unit("other", &[]));
    desired.services.insert("other".to_owned());
    desired
}

fn of<'a>(fake: &'a [Replica], service: &str) -> Vec<&'a Replica> {
    fake.iter().filter(|one| one.member.service == service).collect()
}

#[test]
fn those_that_need_the_failed_are_not_tried_and_the_others_are_up() {
    for failed in [("+db", true), ("again", false)] {
        let fake = if failed.1 { kind_world() } else { Fake::new(&[("db", Nature::Sickens)]) };
        if failed.1 {
            fake.fail_on(failed.0);
        }
        let error = fails(&fake, &shop_and_other(), OnFailure::GoOn, 16);
        assert_eq!(error.left, []);
        let [db, job, web, other] = error.reached.as_slice() else { panic!("{error:?}") };
        assert_eq!(matches!(db, Reached::Failed(_)), failed.1, "one that is only sick stays: {db:?}");
        let not_up = |one: &Reached| matches!(one, Reached::NotTried(_) | Reached::Failed(_));
        assert!(not_up(job) && not_up(web), "{error:?}");
        assert!(matches!(other, Reached::Up(_)), "{other:?}");
        let seen = fake.world();
        let mut running: Vec<&str> = seen.replicas.iter().map(|one| one.member.service.as_str()).collect();
        // Which of two that do not wait for each other was first is nobody's promise.
        running.sort_unstable();
        assert_eq!(running, if failed.1 { vec!["other"] } else { vec!["db", "other"] });
    }
}

#[test]
fn what_does_not_need_it_strictly_is_started_all_the_same() {
    let fake = kind_world();
    fake.fail_on("+db");
    let mut desired = shop();
    for wait in desired.units.iter_mut().flat_map(|unit| &mut unit.after) {
        *wait = Wait { required: false, ..wait.clone() };
    }
    let error = fails(&fake, &desired, OnFailure::GoOn, 16);
    let up: Vec<bool> = error.reached.iter().map(|one| matches!(one, Reached::Up(_))).collect();
    assert_eq!(up, [false, true, true]);
}

#[test]
fn a_halt_begins_nothing_more_and_keeps_what_is_up() {
    let fake = Fake::default();
    let mut desired = shop();
    desired.volumes.clear();
    desired.units = ["a", "b", "c"].map(|name| unit(name, &[])).to_vec();
    desired.services = desired.units.iter().map(|unit| unit.service.clone()).collect();
    fake.fail_on("+b");
    let error = fails(&fake, &desired, OnFailure::Halt, 1);
    let [a, b, c] = error.reached.as_slice() else { panic!("{error:?}") };
    assert!(matches!((a, b, c), (Reached::Up(_), Reached::Failed(_), Reached::NotTried(_))), "{error:?}");
    assert_eq!(fake.calls(), ["+network back", "+a", "+b"]);
}

#[test]
fn who_asks_to_stop_has_all_of_it_undone() {
    for failure in [OnFailure::Halt, OnFailure::GoOn] {
        let (fake, interrupt) = (kind_world(), Interrupt::default());
        let options = Options { failure, ..Options::default() };
        let events = StopAt(&interrupt, "start shop-web-1".to_owned());
        let done = up_with(&fake, &shop_and_other(), "r1", options, (&interrupt, &events)).1;
        assert_eq!(done.unwrap_err().cause, StepError::Interrupted);
        assert_eq!(fake.world(), Fake::default().world());
    }
}

/// Wherever a change of everything fails: each service runs once, as it was before or as it is to be, and as the error says.
#[test]
fn a_change_that_fails_anywhere_leaves_each_service_old_or_new() {
    for failure in [OnFailure::Halt, OnFailure::GoOn] {
        for call in 1..=12 {
            let fake = kind_world();
            up(&fake, &shop(), "r1").1.unwrap();
            let mut changed = shop_and_other();
            changed.units.iter_mut().for_each(|unit| unit.config = "c2".to_owned());
            fake.fail_at(Some(call), call % 2 == 0);
            let options = Options { failure, ..Options::default() };
            let done = up_with(&fake, &changed, "r2", options, (&Interrupt::default(), &Silence)).1;
            let Err(error) = done else { continue };
            if error.step.is_none() {
                continue; // All is up, and an older one could not be removed.
            }
            assert_eq!(error.left, [], "{call}");
            let seen = fake.seen("shop").unwrap().replicas;
            for (unit, reached) in changed.units.iter().zip(&error.reached) {
                let there = of(&seen, &unit.service);
                let config: Vec<&str> = there.iter().map(|one| one.member.config.as_str()).collect();
                let wanted = match reached {
                    Reached::Up(_) => vec!["c2"],
                    Reached::Failed(_) | Reached::NotTried(_) if unit.service == "other" => vec![],
                    Reached::Failed(_) | Reached::NotTried(_) => vec!["c1"],
                };
                assert_eq!(config, wanted, "{call}: {} is {reached:?}; {:?}", unit.service, fake.calls());
                let named = there.iter().all(|one| Some(&one.name) == unit.name.as_ref());
                assert!(named, "{call}: {there:?}");
                let runs = there.iter().all(|one| one.condition.is_running() || unit.service == "job");
                assert!(runs, "{call}: {there:?}");
            }
        }
    }
}

#[test]
fn one_at_a_time_is_in_the_order_of_the_plan() {
    let fake = kind_world();
    let mut desired = shop();
    desired.units.push(unit("last", &[("web", Until::Started)]));
    desired.services.insert("last".to_owned());
    let options = Options { parallel: 1, ..Options::default() };
    up_with(&fake, &desired, "r1", options, (&Interrupt::default(), &Silence)).1.unwrap();
    assert_eq!(fake.calls(), ["+network back", "+volume data", "+db", "+job", "+web", "+last"]);
}
