//! Records, names and labels, without anything running.

use std::collections::BTreeMap;
use std::fs;
use std::thread;

use perry_sandbox_runner::{Filter, Labels, LifecycleError, NewSandbox, SandboxStatus, StartOptions, Stop};

use super::yard::yard;

#[test]
fn what_was_created_is_listed_inspected_and_removed() {
    let yard = yard("true");
    let id = yard.try_create(Some("web")).unwrap();
    let info = yard.sandboxes.inspect(&id).unwrap();
    assert_eq!((info.name.as_str(), info.status), ("web", SandboxStatus::Created));
    assert_eq!(info.manifest, yard.spine.plan.manifest);
    assert!(yard.sandboxes.list(&Filter::default()).unwrap().is_empty(), "it does not run");
    let all = Filter { all: true, ..Filter::default() };
    assert_eq!(yard.sandboxes.list(&all).unwrap(), vec![info.clone()]);
    for text in ["web", id.as_str(), id.as_str().get(..8).unwrap()] {
        assert_eq!(yard.sandboxes.find(text).unwrap(), id, "{text}");
    }
    assert!(matches!(yard.sandboxes.find("we"), Err(LifecycleError::NotFound(_))));
    assert_eq!(yard.sandboxes.request(&id).unwrap(), b"the request, with TOKEN=hunter2");
    let shown = format!("{info:?} {}", serde_json::to_string(&info).unwrap());
    assert!(!shown.contains("hunter2"), "{shown}");
    yard.sandboxes.remove(&id, false).unwrap();
    assert!(matches!(yard.sandboxes.inspect(&id), Err(LifecycleError::NotFound(_))));
    assert!(matches!(yard.sandboxes.find("web"), Err(LifecycleError::NotFound(_))));
    yard.try_create(Some("web")).unwrap();
}

#[test]
fn a_name_without_one_is_of_the_image() {
    let yard = yard("true");
    let name = yard.sandboxes.inspect(&yard.create()).unwrap().name;
    let (sum, random) = name.as_str().split_once('-').unwrap();
    assert_eq!((sum, random.len()), ("a41a99bc", 8), "md5 of example.org/hello");
}

#[test]
fn labels_find_sandboxes() {
    let yard = yard("true");
    let with = |project: &str| {
        let labels = BTreeMap::from([("perry.compose.project".to_owned(), project.to_owned())]);
        let new = NewSandbox {
            name: None,
            labels: Labels::new(labels).unwrap(),
            image: "x",
            plan: &yard.spine.plan,
            stop_signal: 15,
            request: b"",
        };
        yard.sandboxes.create(&new).unwrap()
    };
    let (one, _two) = (with("one"), with("two"));
    let labels = BTreeMap::from([("perry.compose.project".to_owned(), "one".to_owned())]);
    let found = yard.sandboxes.list(&Filter { labels, all: true }).unwrap();
    assert_eq!(found.iter().map(|info| &info.id).collect::<Vec<_>>(), [&one]);
}

#[test]
fn one_name_goes_to_one_sandbox_however_many_want_it() {
    let yard = yard("true");
    let won = thread::scope(|scope| {
        let all: Vec<_> = (0..24).map(|_| scope.spawn(|| yard.try_create(Some("web")))).collect();
        let answers = all.into_iter().map(|one| one.join().unwrap());
        let taken = |answer: &Result<_, _>| matches!(answer, Err(LifecycleError::NameTaken { .. }));
        answers.inspect(|answer| assert!(answer.is_ok() || taken(answer), "{answer:?}")).flatten().count()
    });
    assert_eq!(won, 1);
    assert_eq!(yard.sandboxes.list(&Filter { all: true, ..Filter::default() }).unwrap().len(), 1);
}

#[test]
fn what_a_killed_maker_left_is_taken_up() {
    let yard = yard("true");
    let root = yard.runtime.join("sandboxes");
    // A name without a sandbox, and drafts of a dead and of a living maker.
    std::os::unix::fs::symlink("0".repeat(32), root.join("names/web")).unwrap();
    let dead = root.join(format!("ids/new-1-1-{}", "1".repeat(32)));
    fs::create_dir(&dead).unwrap();
    let gone = root.join(format!("ids/gone-{}", "2".repeat(32)));
    fs::create_dir(&gone).unwrap();
    assert!(yard.sandboxes.find("web").is_err());
    let id = yard.try_create(Some("web")).unwrap();
    assert_eq!(yard.sandboxes.find("web").unwrap(), id);
    assert!(!dead.exists() && !gone.exists());
}

#[test]
fn a_rename_that_was_killed_is_done_again_in_either_direction() {
    let yard = yard("true");
    let id = yard.try_create(Some("web")).unwrap();
    let names = yard.runtime.join("sandboxes/names");
    let killed = |name: &str| std::os::unix::fs::symlink(id.as_str(), names.join(name)).unwrap();
    let seen = || {
        let mut all: Vec<_> = fs::read_dir(&names).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        all.sort();
        (yard.sandboxes.inspect(&id).unwrap().name.to_string(), all)
    };
    // Before the record was written, and after it: the other name is still there.
    killed("shop");
    yard.sandboxes.rename(&id, "shop".parse().unwrap()).unwrap();
    assert_eq!(seen(), ("shop".to_owned(), vec!["shop".into()]));
    killed("web");
    yard.sandboxes.rename(&id, "web".parse().unwrap()).unwrap();
    assert_eq!(seen(), ("web".to_owned(), vec!["web".into()]));
    killed("shop");
    yard.sandboxes.rename(&id, "web".parse().unwrap()).unwrap();
    assert_eq!(seen(), ("web".to_owned(), vec!["web".into()]), "the same name again mends");
    // What is left of it is in nobody's way.
    killed("shop");
    let other = yard.try_create(Some("shop")).unwrap();
    assert_eq!(yard.sandboxes.find("shop").unwrap(), other);
    assert!(matches!(yard.try_create(Some("web")), Err(LifecycleError::NameTaken { .. })));
}

#[test]
fn a_damaged_record_is_said_and_removed_by_force_only() {
    let yard = yard("true");
    let id = yard.try_create(Some("web")).unwrap();
    let record = yard.runtime.join("sandboxes/ids").join(id.as_str()).join("record.json");
    fs::write(&record, "{}").unwrap();
    assert!(matches!(yard.sandboxes.inspect(&id), Err(LifecycleError::Damaged { .. })));
    assert!(yard.sandboxes.list(&Filter { all: true, ..Filter::default() }).unwrap().is_empty());
    assert!(matches!(yard.try_create(Some("web")), Err(LifecycleError::NameTaken { .. })));
    assert!(matches!(yard.sandboxes.remove(&id, false), Err(LifecycleError::Damaged { .. })));
    yard.sandboxes.remove(&id, true).unwrap();
    assert!(yard.try_create(Some("web")).is_ok(), "its name is free");
}

#[test]
fn what_was_not_started_cannot_be_stopped_or_waited_for() {
    let yard = yard("true");
    let id = yard.create();
    assert!(matches!(yard.sandboxes.stop(&id, &Stop::default()), Err(LifecycleError::NotRunning { .. })));
    assert!(matches!(yard.sandboxes.wait(&id, None), Err(LifecycleError::NotRunning { .. })));
    assert_eq!(yard.log(&id), "");
}

#[test]
fn another_image_is_refused_before_anything_starts() {
    let mut yard = yard("true");
    let id = yard.create();
    yard.spine.plan.manifest = perry_sandbox_reference::Digest::of(b"another");
    let error = yard.try_start(&id, StartOptions::default()).unwrap_err();
    assert!(matches!(error, LifecycleError::OtherImage { .. }), "{error}");
    let other = yard.create();
    let error = yard.try_start(&other, StartOptions::default()).unwrap_err();
    assert!(matches!(error, LifecycleError::Launch(_)), "the verified image is not the plan's: {error}");
    assert_eq!(yard.sandboxes.inspect(&id).unwrap().status, SandboxStatus::Created);
}
