//! Which steps come of what there is.

use std::collections::BTreeSet;

use perry_sandbox_engine::{
    Act, Desired, Down, EngineError, Recreate, Seen, SeenResource, Unit, Until, Up, Work, World as _, down,
    end, reconcile,
};
use proptest::prelude::*;

use crate::fake::{Fake, Silence, kind_world, shop, unit, up};

fn acts(work: &Work) -> Vec<String> {
    work.steps.iter().map(|step| &step.act).chain(&work.tidy).map(ToString::to_string).collect()
}

fn next(fake: &Fake, desired: &Desired, how: Up) -> Vec<String> {
    acts(&reconcile(desired, &fake.seen("shop").unwrap(), how, "r2").unwrap())
}

/// On which lines these stand, one behind the other.
fn lines_in_order<const COUNT: usize>(text: &str, wanted: [&str; COUNT]) -> [usize; COUNT] {
    let line = |what: &str| text.lines().position(|line| line.contains(what));
    let lines = wanted.map(line);
    assert!(lines.is_sorted() && lines.iter().all(Option::is_some), "{wanted:?}: {lines:?}: {text}");
    lines.map(Option::unwrap_or_default)
}

#[test]
fn a_first_up_reads_as_it_is_done() {
    let work = reconcile(&shop(), &kind_world().seen("shop").unwrap(), Up::default(), "r1").unwrap();
    let text = "\
1  create network back
2  create volume data
3  start shop-db-1  after 1, 2
4  start shop-job-1  after 1, 3 is healthy
5  start shop-web-1  after 1, 3 is healthy, 4 has ended well
";
    assert_eq!(work.to_string(), text);
}

#[test]
fn a_second_up_changes_nothing_that_runs() {
    let fake = kind_world();
    up(&fake, &shop(), "r1").1.unwrap();
    assert_eq!(
        next(&fake, &shop(), Up::default()),
        ["keep shop-db-1", "start shop-job-1 again", "keep shop-web-1"]
    );
}

#[test]
fn what_has_changed_is_made_anew_and_the_old_goes_last() {
    for change in ["config", "plan", "volume"] {
        let fake = kind_world();
        up(&fake, &shop(), "r1").1.unwrap();
        let mut desired = shop();
        let web = desired.units.get_mut(2).unwrap();
        match change {
            "config" => web.config = "c2".to_owned(),
            "plan" => web.plan = "p2".to_owned(),
            _ => {
                web.volumes.push("more".to_owned());
                desired
                    .volumes
                    .push(perry_sandbox_engine::VolumeUnit { key: "more".to_owned(), service: None });
            }
        }
        let steps = next(&fake, &desired, Up::default());
        let web: Vec<&str> = steps.iter().map(String::as_str).filter(|step| step.contains("web")).collect();
        assert_eq!(
            web,
            ["stop shop-web-1", "set shop-web-1 aside", "start shop-web-1", "remove shop-web-1"],
            "{change}"
        );
        assert!(steps.contains(&"keep shop-db-1".to_owned()), "{steps:?}");
        up(&fake, &desired, "r2").1.unwrap();
        assert_eq!(fake.world().replicas.len(), 3, "{change}");
        assert!(next(&fake, &desired, Up::default()).contains(&"keep shop-web-1".to_owned()));
    }
}

#[test]
fn who_asks_for_it_recreates_all_or_none() {
    let fake = kind_world();
    up(&fake, &shop(), "r1").1.unwrap();
    let all = next(&fake, &shop(), Up { recreate: Recreate::Always, ..Up::default() });
    assert!(all.contains(&"start shop-db-1".to_owned()) && all.contains(&"remove shop-db-1".to_owned()));
    let mut changed = shop();
    changed.units.iter_mut().for_each(|unit| unit.config = "c2".to_owned());
    let none = next(&fake, &changed, Up { recreate: Recreate::Never, ..Up::default() });
    assert!(none.contains(&"keep shop-db-1".to_owned()), "{none:?}");
}

#[test]
fn a_dependent_that_asks_for_it_is_started_again() {
    let fake = kind_world();
    up(&fake, &shop(), "r1").1.unwrap();
    let mut desired = shop();
    desired.units.get_mut(0).unwrap().config = "c2".to_owned();
    desired.units.get_mut(2).unwrap().after.get_mut(0).unwrap().restart = true;
    let steps = next(&fake, &desired, Up::default());
    assert!(steps.contains(&"stop shop-web-1".to_owned()), "{steps:?}");
    assert!(steps.contains(&"start shop-web-1 again".to_owned()), "{steps:?}");
}

#[test]
fn replicas_that_are_too_many_and_orphans_go() {
    let fake = kind_world();
    let mut two = shop();
    let mut second = unit("web", &[]);
    (second.replica, second.name) = (2, Some("shop-web-2".to_owned()));
    two.units.push(second);
    two.units.push(unit("extra", &[]));
    two.services.insert("extra".to_owned());
    up(&fake, &two, "r1").1.unwrap();
    let plain = next(&fake, &shop(), Up::default());
    assert!(
        plain.contains(&"remove shop-web-2".to_owned()) && !plain.contains(&"remove shop-extra-1".to_owned())
    );
    let stop = plain.iter().position(|step| step == "stop shop-web-2").unwrap();
    assert!(plain[stop..].contains(&"remove shop-web-2".to_owned()), "in this order: {plain:?}");
    let orphans = next(&fake, &shop(), Up { remove_orphans: true, ..Up::default() });
    assert!(orphans.contains(&"remove shop-extra-1".to_owned()), "{orphans:?}");
    // A service that is merely not asked for now is no orphan.
    let mut less = shop();
    less.units.truncate(1);
    let less = next(&fake, &less, Up { remove_orphans: true, ..Up::default() });
    assert!(!less.iter().any(|step| step.contains("web")), "{less:?}");
}

#[test]
fn names_of_any_length_and_form_are_set_aside_and_found_again() {
    let long = format!("shop-{}", "long".repeat(14));
    for names in [[long.clone() + "1", long + "2"], ["app.old-1".to_owned(), "web.old-x".to_owned()]] {
        let fake = kind_world();
        let mut desired = shop();
        desired.units =
            names.iter().map(|name| Unit { name: Some(name.clone()), ..unit(name, &[]) }).collect();
        desired.services = names.iter().cloned().collect();
        up(&fake, &desired, "r1").1.unwrap();
        assert!(reconcile(&desired, &fake.seen("shop").unwrap(), Up::default(), "r2").unwrap().is_nothing());
        desired.units.iter_mut().for_each(|unit| unit.config = "c2".to_owned());
        up(&fake, &desired, "r2").1.unwrap();
        assert!(reconcile(&desired, &fake.seen("shop").unwrap(), Up::default(), "r3").unwrap().is_nothing());
        assert_eq!(fake.world().replicas.len(), 2);
    }
}

#[test]
fn another_folders_project_of_the_name_is_not_touched() {
    let fake = kind_world();
    up(&fake, &shop(), "r1").1.unwrap();
    let mut other = shop();
    other.project.origin = "elsewhere".to_owned();
    let error = reconcile(&other, &fake.seen("shop").unwrap(), Up::default(), "r2").unwrap_err();
    assert!(matches!(error, EngineError::OtherOrigin { .. }), "{error}");
}

#[test]
fn a_network_with_other_addresses_is_replaced_behind_the_end_of_all_in_it() {
    let fake = kind_world();
    up(&fake, &shop(), "r1").1.unwrap();
    let mut other = shop();
    other.networks.get_mut(0).unwrap().subnet = Some("10.1.0.0/24".to_owned());
    let seen = fake.seen("shop").unwrap();
    let work = reconcile(&other, &seen, Up::default(), "r2").unwrap();
    let text = work.to_string();
    let running = seen.replicas.iter().filter(|one| one.condition.is_running()).count();
    let head: Vec<&str> = text.lines().take(running + 1).collect();
    assert!(head[..running].iter().all(|line| line.contains("stop shop-")), "{text}");
    let after: Vec<String> = (1..=running).map(|step| step.to_string()).collect();
    let replace = format!("replace network back  after {}", after.join(", "));
    assert!(head[running].ends_with(&replace), "{text}");
    assert_eq!(text.matches("stop ").count(), running, "each is ended once: {text}");
    up(&fake, &other, "r2").1.unwrap();
    assert!(!next(&fake, &other, Up::default()).iter().any(|act| act.contains("network")), "it is there now");
    let never = Up { recreate: Recreate::Never, ..Up::default() };
    let error = reconcile(&other, &seen, never, "r2").unwrap_err();
    assert!(matches!(error, EngineError::OtherNetwork { .. }), "{error}");
}

#[test]
fn who_shares_a_network_is_started_again_behind_the_one_whose_it_is() {
    let fake = kind_world();
    let mut desired = shop();
    let after = vec![("db", Until::Started)];
    desired.units.push(Unit { beside: Some("db".to_owned()), networks: Vec::new(), ..unit("probe", &after) });
    up(&fake, &desired, "r1").1.unwrap();
    assert!(next(&fake, &desired, Up::default()).contains(&"keep shop-probe-1".to_owned()));
    desired.units.iter_mut().find(|unit| unit.service == "db").unwrap().config = "other".to_owned();
    let text = reconcile(&desired, &fake.seen("shop").unwrap(), Up::default(), "r2").unwrap().to_string();
    let order = ["stop shop-probe-1", "stop shop-db-1", "start shop-db-1", "start shop-probe-1 again"];
    let order = lines_in_order(&text, order);
    assert_eq!(text.matches("stop shop-probe-1").count(), 1, "{text}");
    let behind = text.lines().nth(order[1]).unwrap();
    assert!(behind.ends_with(&format!("stop shop-db-1  after {}", order[0] + 1)), "{text}");
    desired.networks.get_mut(0).unwrap().subnet = Some("10.1.0.0/24".to_owned());
    let text = reconcile(&desired, &fake.seen("shop").unwrap(), Up::default(), "r2").unwrap().to_string();
    lines_in_order(
        &text,
        ["stop shop-probe-1", "stop shop-db-1", "replace network", "start shop-probe-1 again"],
    );
    assert!(text.matches("stop shop-probe-1").count() == 1, "{text}");
}

#[test]
fn who_shares_a_network_comes_along_though_nobody_asks_for_it() {
    let fake = kind_world();
    let mut all = shop();
    let after = vec![("db", Until::Started)];
    all.units.push(Unit { beside: Some("db".to_owned()), networks: Vec::new(), ..unit("probe", &after) });
    all.services.insert("probe".to_owned());
    up(&fake, &all, "r1").1.unwrap();
    let seen = fake.seen("shop").unwrap();
    let mut only = Desired { units: vec![all.units[0].clone()], ..all.clone() };
    let text = |desired: &Desired, how: Up| reconcile(desired, &seen, how, "r2").unwrap().to_string();
    assert!(!text(&only, Up::default()).contains("probe"), "nothing of it moves");
    only.units[0].config = "other".to_owned();
    let moved = text(&only, Up::default());
    let order = ["stop shop-probe-1", "stop shop-db-1", "start shop-db-1", "start shop-probe-1 again"];
    lines_in_order(&moved, order);
    // Its network is replaced: whoever is in it goes first, and comes back.
    only.networks.get_mut(0).unwrap().subnet = Some("10.1.0.0/24".to_owned());
    let replaced = text(&only, Up::default());
    let order = ["stop shop-probe-1", "stop shop-db-1", "replace network", "start shop-probe-1 again"];
    lines_in_order(&replaced, order);
    // One that goes, or whose network goes, does not come back.
    only.networks.get_mut(0).unwrap().subnet = None;
    only.services.remove("probe");
    let orphan = text(&only, Up { remove_orphans: true, ..Up::default() });
    assert!(orphan.contains("stop shop-probe-1") && !orphan.contains("start shop-probe-1 again"), "{orphan}");
    let none = Desired { units: Vec::new(), none_of: ["db".to_owned()].into(), ..all };
    let none = text(&none, Up::default());
    assert!(none.contains("stop shop-probe-1") && none.contains("remove shop-db-1"), "{none}");
    assert!(!none.contains("again") && !none.contains("remove shop-probe-1"), "{none}");
}

#[test]
fn a_network_that_gets_another_name_is_replaced_and_comes_back_where_that_fails() {
    let fake = kind_world();
    up(&fake, &shop(), "r1").1.unwrap();
    let mut other = shop();
    other.networks.get_mut(0).unwrap().called = Some("rows".to_owned());
    let seen = fake.seen("shop").unwrap();
    let text = reconcile(&other, &seen, Up::default(), "r2").unwrap().to_string();
    assert_eq!(text.matches("replace network back").count(), 1, "{text}");
    let never = Up { recreate: Recreate::Never, ..Up::default() };
    let error = reconcile(&other, &seen, never, "r2").unwrap_err().to_string();
    assert!(error.contains("has no name of its own, and the files say the name `rows`"), "{error}");
    up(&fake, &other, "r2").1.unwrap();
    let called = |fake: &Fake| fake.seen("shop").unwrap().networks.remove(0).called;
    assert_eq!(called(&fake).as_deref(), Some("rows"));
    assert!(!next(&fake, &other, Up::default()).iter().any(|act| act.contains("network")), "it is there now");
    // It goes by the name that it has.
    let seen = fake.seen("shop").unwrap();
    assert!(
        down(&seen, &Down::default())
            .tidy
            .iter()
            .any(|act| matches!(act, Act::RemoveNetwork { called: Some(name), .. } if name == "rows"))
    );
    up(&fake, &shop(), "r3").1.unwrap();
    assert_eq!(called(&fake), None);
}

#[test]
fn a_network_of_another_project_must_be_there_and_is_never_made_or_removed() {
    let fake = kind_world();
    let mut desired = shop();
    desired.external_networks.insert("edge_front".to_owned());
    let mut seen = fake.seen("shop").unwrap();
    let error = reconcile(&desired, &seen, Up::default(), "r1").unwrap_err();
    assert!(matches!(&error, EngineError::NoExternal(name) if name == "edge_front"), "{error}");
    seen.foreign_networks.insert("edge_front".to_owned());
    let work = reconcile(&desired, &seen, Up::default(), "r1").unwrap();
    assert!(
        !work.to_string().contains("edge")
            && !acts(&down(&seen, &Down::default())).join(" ").contains("edge")
    );
}

#[test]
fn down_ends_dependents_first_and_keeps_volumes() {
    let fake = kind_world();
    up(&fake, &shop(), "r1").1.unwrap();
    let seen = fake.seen("shop").unwrap();
    let steps = acts(&down(&seen, &Down::default()));
    assert_eq!(steps.get(..3).unwrap(), ["stop shop-web-1", "stop shop-job-1", "stop shop-db-1"]);
    assert!(steps.contains(&"remove network back".to_owned()));
    assert!(!steps.iter().any(|step| step.contains("volume")));
    let all = acts(&down(&seen, &Down { volumes: true, ..Down::default() }));
    assert_eq!(all.last().unwrap(), "remove volume data");
    let mut owned = seen.clone();
    owned.volumes.push(SeenResource {
        key: "own".to_owned(),
        service: Some("web".to_owned()),
        ..SeenResource::default()
    });
    let web = Down { services: Some(BTreeSet::from(["web".to_owned()])), volumes: true, ..Down::default() };
    assert_eq!(acts(&down(&owned, &web)), ["stop shop-web-1", "remove shop-web-1", "remove volume own"]);
    let db = Down { services: Some(BTreeSet::from(["db".to_owned()])), volumes: true, ..Down::default() };
    assert!(!acts(&down(&owned, &db)).iter().any(|act| act.contains("volume")), "named ones stay");
    let web = Down { services: Some(BTreeSet::from(["web".to_owned()])), ..Down::default() };
    assert_eq!(acts(&down(&seen, &web)), ["stop shop-web-1", "remove shop-web-1"]);
}

#[test]
fn what_cannot_be_ended_is_told_and_keeps_no_other() {
    let fake = kind_world();
    up(&fake, &shop(), "r1").1.unwrap();
    let work = down(&fake.seen("shop").unwrap(), &Down { volumes: true, ..Down::default() });
    fake.fail_at(Some(4), false);
    let left = end(&fake, "shop", &work, &Silence);
    assert_eq!(left.len(), 1, "{left:?}");
    assert_eq!(fake.world().replicas.len(), 1, "the one whose removal failed");
    assert!(fake.world().networks.is_empty() && fake.world().volumes.is_empty());
}

proptest! {
    /// Whatever was brought up comes up as nothing the second time, and goes down to nothing.
    #[test]
    fn up_twice_is_up_and_down_leaves_nothing(edges in proptest::collection::vec((0_usize..8, 0_usize..8), 0..16)) {
        let names: Vec<String> = (0..8).map(|number| format!("s{number}")).collect();
        let mut desired = shop();
        desired.units = names.iter().enumerate().map(|(number, name)| {
            let needs = edges.iter().filter(|(to, from)| *to == number && from < to);
            let needs: Vec<(&str, Until)> = needs
                .map(|(_, from)| (names[*from].as_str(), Until::Started))
                .collect();
            unit(name, &needs)
        }).collect();
        desired.services = names.iter().cloned().collect();
        let fake = kind_world();
        let (work, done) = up(&fake, &desired, "r1");
        prop_assert!(done.is_ok());
        for step in &work.steps {
            prop_assert!(step.after.iter().all(|after| after.step < step.number));
        }
        let again = reconcile(&desired, &fake.seen("shop").unwrap(), Up::default(), "r2").unwrap();
        prop_assert!(again.is_nothing(), "{again}");
        let ending = down(&fake.seen("shop").unwrap(), &Down { volumes: true, ..Down::default() });
        prop_assert_eq!(end(&fake, "shop", &ending, &Silence), Vec::new());
        prop_assert_eq!(fake.world(), Fake::default().world());
    }
}

#[test]
fn a_volume_of_others_must_be_there_and_is_neither_made_nor_removed() {
    let mut desired = shop();
    desired.external_volumes.insert("other_rows".to_owned());
    let up = |seen: &Seen| reconcile(&desired, seen, Up::default(), "r1");
    let missing = up(&Seen::default()).unwrap_err();
    assert!(matches!(&missing, EngineError::NoVolume(name) if name == "other_rows"), "{missing}");
    let seen = Seen { all_volumes: ["other_rows".to_owned()].into(), ..Seen::default() };
    let text = up(&seen).unwrap().to_string();
    assert!(text.contains("create volume data") && !text.contains("other_rows"), "{text}");
}
