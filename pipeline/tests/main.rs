//! The pipeline on the example's signed layout.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod sandboxes;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use perry_sandbox_pipeline::{
    Answer, Environment, KeyChoice, Pipeline, PipelineError, PolicyChoice, PolicyInput, TargetChoice, Wish,
};
use perry_sandbox_policy::{Verdict, WantedMount};

fn pipeline(home: &Path) -> Pipeline {
    let lookup = |name: &str| (name == "HOME").then(|| OsString::from(home));
    Pipeline::open(Environment::new(&lookup, Some(&home.join("data"))).unwrap()).unwrap()
}

fn wish(hello: &Path) -> Wish {
    let policy = PolicyInput::File(hello.join("policy.toml"));
    Wish {
        policy: PolicyChoice { inputs: vec![policy], require: None },
        image: Some(format!("oci:{}", hello.join("image").display())),
        ..Wish::of(TargetChoice::Capability("hello".to_owned()))
    }
}

fn answer(pipeline: &Pipeline, wish: &Wish) -> &'static str {
    match pipeline.ask(wish, None).map(|asked| asked.answer) {
        Err(_) => "error",
        Ok(Answer::NotAsked(_)) => "not asked",
        Ok(Answer::NotVerified(_)) => "not verified",
        Ok(Answer::Broken(_)) => "broken",
        Ok(Answer::Decided(decided)) => match decided.verdict {
            Verdict::Allow(_) => "allowed",
            Verdict::Deny(_) => "denied",
        },
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// Copies of the example, all old enough that answers about them are kept.
fn copies(home: &Path, count: usize) -> Vec<PathBuf> {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/hello");
    let copies: Vec<_> = (0..count).map(|at| home.join(at.to_string())).collect();
    for copy in &copies {
        assert!(Command::new("cp").arg("-R").arg(&from).arg(copy).status().unwrap().success());
    }
    std::thread::sleep(Duration::from_millis(2100));
    copies
}

/// Asks twice, and makes sure that the second answer was a kept one.
fn warm_up(pipeline: &Pipeline, wish: &Wish) {
    let config = || {
        let Answer::Decided(decided) = pipeline.ask(wish, None).unwrap().answer else {
            panic!("not decided")
        };
        decided.config
    };
    assert!(Arc::ptr_eq(&config(), &config()), "the second answer was not a kept one");
    assert_eq!(answer(pipeline, wish), "allowed");
}

#[test]
fn whatever_changes_in_a_layout_a_warm_pipeline_answers_as_a_fresh_one() {
    let home = tempfile::tempdir().unwrap();
    let count = files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/hello/image")).len();
    let warm = pipeline(home.path());
    let mut refused = 0;
    for (at, hello) in copies(home.path(), count).iter().enumerate() {
        let wish = wish(hello);
        warm_up(&warm, &wish);
        let mut files = files(&hello.join("image"));
        files.sort();
        let file = files.swap_remove(at);
        let mut flipped = std::fs::read(&file).unwrap();
        let middle = flipped.len() / 2;
        *flipped.get_mut(middle).unwrap() ^= 1;
        std::fs::write(&file, flipped).unwrap();
        let fresh = answer(&pipeline(home.path()), &wish);
        assert_eq!(answer(&warm, &wish), fresh, "{}", file.display());
        refused += usize::from(fresh != "allowed");
    }
    assert!(refused >= 5, "{refused}: index.json, index, manifest, config, signature");
}

#[test]
fn a_layout_that_another_takes_the_place_of_is_looked_at_again() {
    let home = tempfile::tempdir().unwrap();
    let copies = copies(home.path(), 1);
    let hello = copies.first().unwrap();
    let (warm, wish) = (pipeline(home.path()), wish(hello));
    warm_up(&warm, &wish);
    std::fs::rename(hello.join("image"), hello.join("before")).unwrap();
    assert_eq!(answer(&warm, &wish), "error");
    std::fs::create_dir(hello.join("image")).unwrap();
    assert_eq!(answer(&warm, &wish), "error");
}

#[test]
fn a_build_reads_nothing_of_our_own() {
    let home = tempfile::tempdir().unwrap();
    let pipeline = pipeline(home.path());
    let data = &pipeline.environment().data_dir;
    for own in [data.join("keys"), data.clone(), home.path().to_owned(), PathBuf::from("/")] {
        let refused = pipeline.check_context(&own).unwrap_err();
        assert!(matches!(refused, PipelineError::OwnContext { .. }), "{}: {refused}", own.display());
    }
    let link = home.path().join("link");
    std::os::unix::fs::symlink(data, &link).unwrap();
    assert!(pipeline.check_context(&link.join("keys")).is_err());
    assert!(pipeline.check_context(&home.path().join("shop")).is_ok());
}

#[test]
fn a_mount_that_shows_the_callers_own_key_is_refused() {
    let home = tempfile::tempdir().unwrap();
    let hello = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/hello");
    let keys = home.path().join("keys");
    std::fs::create_dir(&keys).unwrap();
    for file in ["cosign.pub", "keys/cosign.pub"] {
        std::fs::copy(hello.join("cosign.pub"), home.path().join(file)).unwrap();
    }
    let folder = keys.display();
    let tier = format!(
        "[tier.data]\nisolation = {{ accept = [\"oci\"], prefer = [\"oci\"] }}\nseccomp = \"perry-default\"\n\
         memory-enforcement = \"watched\"\nmounts = {{ read = [\"{folder}\"], write = [] }}\n\
         limits = {{ memory = \"64MiB\", cpu = 1.0, pids = 64, wall = \"10s\", output = \"1MiB\", disk = \"8MiB\", open-files = 256 }}\n"
    );
    let text = std::fs::read_to_string(hello.join("policy.toml")).unwrap();
    let text = text.replace("[ad-hoc]\ntier = \"isolated\"", &format!("{tier}\n[ad-hoc]\ntier = \"data\""));
    std::fs::write(home.path().join("policy.toml"), text).unwrap();
    let pipeline = pipeline(home.path());
    let policy = PolicyInput::File(home.path().join("policy.toml"));
    let mut wish = Wish {
        policy: PolicyChoice { inputs: vec![policy], require: None },
        ..Wish::of(TargetChoice::Image(format!("oci:{}", hello.join("image").display())))
    };
    wish.grants.mounts_read = vec![WantedMount::in_place(keys.display().to_string())];
    let admitted = |wish: &Wish| pipeline.admit(&pipeline.ask(wish, None).unwrap()).map(|it| it.is_some());
    assert!(admitted(&wish).unwrap(), "nobody names what is in it");
    wish.signer.key = Some(KeyChoice::File(keys.join("cosign.pub")));
    assert!(matches!(admitted(&wish), Err(PipelineError::OwnFolder { .. })));
}
