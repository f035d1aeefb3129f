//! How long it takes. Printed; held against bounds that only a mistake exceeds.

use std::fs::File;
use std::time::{Duration, Instant};

use nix::unistd::pipe;

use super::super::confine::Trees;
use super::super::{execute, module};
use super::trial::Trial;
use super::words;
use crate::outcome::End;

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

#[test]
fn a_process_starts_runs_and_ends() {
    let trial = Trial::new(&words::module(
        r#"(data (i32.const 64) "hello\n") (func (export "_start") (call $say (i32.const 64) (i32.const 6)))"#,
    ));
    let one = || {
        let started = Instant::now();
        assert_eq!(trial.run().stdout, b"hello\n");
        started.elapsed()
    };
    one();
    let median = median((0..20).map(|_| one()).collect());
    println!("process start to exit, median of 20: {median:?}");
    assert!(median < Duration::from_secs(3), "{median:?}");
}

#[test]
fn a_module_is_compiled_and_linked() {
    let bytes = words::module(r#"(func (export "_start"))"#);
    let mut times = [Vec::new(), Vec::new(), Vec::new()];
    for _ in 0..20 {
        let started = Instant::now();
        let engine = module::engine().unwrap();
        let with_engine = started.elapsed();
        let compiled = module::compile(&engine, &bytes).unwrap();
        let with_module = started.elapsed();
        execute::link(&engine, &compiled).unwrap();
        let with_link = started.elapsed();
        let [engines, modules, links] = &mut times;
        engines.push(with_engine);
        modules.push(with_module.checked_sub(with_engine).unwrap());
        links.push(with_link.checked_sub(with_module).unwrap());
    }
    let [engines, modules, links] = times.map(median);
    println!("engine {engines:?}, compile {modules:?}, link {links:?}, medians of 20");
    assert!(modules < Duration::from_secs(3), "{modules:?}");
}

#[test]
fn an_instance_is_made_and_runs() {
    let trial = Trial::new(&[]);
    let engine = module::engine().unwrap();
    let compiled = module::compile(&engine, &words::module(r#"(func (export "_start"))"#)).unwrap();
    let linked = execute::link(&engine, &compiled).unwrap();
    let runtime = execute::runtime().unwrap();
    let mut times = Vec::new();
    for _ in 0..50 {
        let ends = [pipe().unwrap(), pipe().unwrap(), pipe().unwrap()];
        let [(stdin, _to), (_from, stdout), (_from_error, stderr)] = ends;
        let folder = || File::open(trial.image.path()).unwrap().into();
        let trees = Trees { image: folder(), tmp: folder(), folders: Vec::new(), secrets: None };
        let guest = execute::guest(&trial.order, [stdin, stdout, stderr], &trees, &runtime).unwrap();
        let started = Instant::now();
        let answer = execute::run(&engine, &linked, guest, &runtime);
        times.push(started.elapsed());
        assert_eq!(answer.end, Some(End::Exited(0)));
    }
    let median = median(times);
    println!("store, instance, run and drop, median of 50: {median:?}");
    assert!(median < Duration::from_secs(1), "{median:?}");
}
