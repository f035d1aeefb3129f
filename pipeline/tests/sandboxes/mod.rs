//! Long-running sandboxes as a library has them.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use perry_sandbox_pipeline::{
    Begin, Class, Join, LongRunning, Named, Pipeline, PolicyChoice, PolicyInput, Reply, Silent, Streams,
    TargetChoice, Wish,
};
use perry_sandbox_runner::{End, Filter, SandboxStatus, Stop};
use perry_sandbox_testkit::{As, Home};

use super::pipeline;

/// A wish for a program of the example image that runs for so many seconds.
fn sleep(seconds: &str) -> Wish {
    let hello = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/hello");
    Wish {
        policy: PolicyChoice { inputs: vec![PolicyInput::File(hello.join("policy.toml"))], require: None },
        args: ["/bin/busybox", "sleep", seconds].map(str::to_owned).to_vec(),
        ..Wish::of(TargetChoice::Image(format!("oci:{}", hello.join("image").display())))
    }
}

fn done<T>(reply: Reply<'_, T>) -> T {
    match reply {
        Reply::Done(value) => value,
        Reply::Refused(asked) => panic!("refused: {:?}", asked.answer),
    }
}

/// Sandboxes of a home; its copy of the program is the supervisor, as a test cannot be one.
fn with_sandboxes(test: impl FnOnce(&LongRunning<'_>)) {
    let home = Home::new(As::Me);
    let mut environment = pipeline(home.path()).environment().clone();
    environment.runtime_dir = home.path().join("run");
    let pipeline = Pipeline::open(environment).unwrap();
    test(&pipeline.sandboxes().unwrap().with_program(&home.path().join("perry-sandbox")));
}

fn named(name: &str) -> Named {
    let labels = BTreeMap::from([("app".to_owned(), "shop".to_owned())]);
    Named { name: Some(name.to_owned()), labels, ..Named::default() }
}

#[test]
fn what_is_created_starts_later_is_joined_ends_and_starts_again() {
    with_sandboxes(|sandboxes| {
        let made = done(sandboxes.create(&sleep("100"), &named("one")).unwrap());
        let id = made.info.id.clone();
        assert_eq!(made.info.status, SandboxStatus::Created);
        assert_eq!(sandboxes.list(&Filter::default()).unwrap(), [], "nothing runs");
        let join = Join { command: vec!["/bin/busybox".to_owned(), "id".to_owned()], ..Join::default() };
        let early = sandboxes.exec(&id, &join, Streams::captured(), None).unwrap_err();
        assert_eq!(early.class(), Class::Conflict, "{early}");

        let started = done(sandboxes.start(&id, Begin::default(), &Silent).unwrap());
        assert_eq!(started.info.status, SandboxStatus::Running);
        let outcome = done(sandboxes.exec(&id, &join, Streams::captured(), None).unwrap());
        assert_eq!(outcome.end, End::Exited(0));
        assert!(String::from_utf8_lossy(&outcome.stdout).contains("uid=65534"), "{outcome:?}");
        let filter = Filter { labels: named("one").labels, all: false };
        assert_eq!(sandboxes.list(&filter).unwrap().len(), 1);
        assert_eq!(
            sandboxes.wait(&id, Some(Duration::from_millis(10))).unwrap_err().class(),
            Class::Conflict
        );

        let stop = Stop { grace: Duration::ZERO, ..Stop::default() };
        assert_eq!(sandboxes.stop(&id, &stop).unwrap().status, SandboxStatus::Exited);
        let twice = sandboxes.start(&id, Begin::default(), &Silent).unwrap_err();
        assert_eq!(twice.class(), Class::Conflict, "only where it is asked for: {twice}");
        let again = Begin { again: true, ..Begin::default() };
        assert_eq!(done(sandboxes.start(&id, again, &Silent).unwrap()).info.status, SandboxStatus::Running);
        sandboxes.remove(&id, true).unwrap();
        assert_eq!(sandboxes.inspect(&id).unwrap_err().class(), Class::NotFound);
    });
}

#[test]
fn what_is_refused_is_not_recorded() {
    with_sandboxes(|sandboxes| {
        let refused = Wish { tier: Some("untrusted".parse().unwrap()), ..sleep("1") };
        for reply in [
            sandboxes.create(&refused, &named("two")).unwrap(),
            sandboxes.run(&refused, &named("two"), Begin::default(), &Silent).unwrap(),
        ] {
            assert!(matches!(reply, Reply::Refused(_)), "{reply:?}");
        }
        let bad = sandboxes.create(&sleep("1"), &named("../two")).unwrap_err();
        assert_eq!(bad.class(), Class::Usage, "{bad}");
        let none = Wish { args: vec!["/bin/no-such-program".to_owned()], ..sleep("1") };
        let lost = sandboxes.run(&none, &named("two"), Begin::default(), &Silent).unwrap_err();
        assert_eq!(lost.class(), Class::ProgramNotFound, "{lost}");
        assert_eq!(sandboxes.list(&Filter { all: true, ..Filter::default() }).unwrap(), []);
        let empty = sandboxes.create(&sleep("1"), &named("two")).unwrap();
        let id = done(empty).info.id;
        let nothing = sandboxes.exec(&id, &Join::default(), Streams::captured(), None).unwrap_err();
        assert_eq!(nothing.class(), Class::Usage, "{nothing}");
        let taken = sandboxes.create(&sleep("1"), &named("two")).unwrap_err();
        assert_eq!(taken.class(), Class::Conflict, "{taken}");
    });
}

#[test]
fn a_capability_is_joined_by_its_own_command_in_its_own_folder() {
    with_sandboxes(|sandboxes| {
        let wish = Wish {
            target: TargetChoice::Capability("count-words".to_owned()),
            image: Some(format!("oci:{}/../examples/hello/image", env!("CARGO_MANIFEST_DIR"))),
            args: Vec::new(),
            ..sleep("1")
        };
        let id = done(sandboxes.create(&wish, &named("words")).unwrap()).info.id;
        let join = |command: &[&str], dir: Option<&str>| {
            let command = command.iter().map(|part| (*part).to_owned()).collect();
            let join = Join { command, working_dir: dir.map(str::to_owned), ..Join::default() };
            sandboxes.exec(&id, &join, Streams::captured(), None)
        };
        let own = ["/bin/busybox", "wc", "-w"];
        for (command, dir) in [(&own[..], Some("/tmp")), (&["/bin/busybox", "sh"], None), (&own[..2], None)] {
            assert!(matches!(join(command, dir), Ok(Reply::Refused(_))), "{command:?} in {dir:?}");
        }
        let allowed = join(&own, None).unwrap_err();
        assert_eq!(allowed.class(), Class::Conflict, "it only does not run: {allowed}");
    });
}
