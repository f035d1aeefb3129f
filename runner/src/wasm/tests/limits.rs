//! What a module can use up.

use std::os::unix::process::ExitStatusExt as _;
use std::time::{Duration, Instant};

use perry_sandbox_testkit::as_root;

use super::trial::Trial;
use super::words::{loops, module, waits};
use crate::native::{Bounds, room};
use crate::outcome::{End, Limit};

const KILLED: End = End::Killed(libc::SIGKILL);

#[test]
fn the_wall_limit_ends_a_loop_and_a_wait_alike() {
    for program in [loops(), waits()] {
        let mut trial = Trial::new(&program);
        trial.order.limits.wall = Duration::from_millis(600);
        // So that processor time does not run out at the same moment: compiling the module takes some as well.
        trial.order.limits.milli_cpu = 8000;
        let started = Instant::now();
        let running = trial.start();
        let came = running.came();
        assert_eq!(came.end(), (KILLED, Some(Limit::Wall)));
        let took = started.elapsed();
        assert!(took >= Duration::from_millis(500) && took < Duration::from_secs(10), "{took:?}");
    }
}

#[test]
fn sleeping_is_ended_as_well() {
    let sleeps = module(
        r#"(func (export "_start")
          (i32.store (i32.const 272) (i32.const 1))
          (i64.store (i32.const 280) (i64.const 3600000000000))
          (drop (call $poll_oneoff (i32.const 256) (i32.const 512) (i32.const 1) (i32.const 16))))"#,
    );
    let mut trial = Trial::new(&sleeps);
    trial.order.limits.wall = Duration::from_millis(600);
    trial.order.limits.milli_cpu = 8000;
    assert_eq!(trial.run().end(), (KILLED, Some(Limit::Wall)));
}

#[test]
fn processor_time_is_a_share_of_the_wall_limit() {
    let mut trial = Trial::new(&loops());
    trial.order.limits.milli_cpu = 50;
    trial.order.limits.wall = Duration::from_secs(20);
    let started = Instant::now();
    assert_eq!(trial.run().end(), (KILLED, Some(Limit::Cpu)));
    assert!(started.elapsed() < Duration::from_secs(15));
}

/// Asks for 1 MiB at a time until that is refused, and writes into all of it; exits with the number of MiB.
fn grows(writes: bool) -> Vec<u8> {
    let writes = if writes {
        "(memory.fill (i32.mul (local.get $at) (i32.const 65536)) (i32.const 1) (i32.const 1048576))"
    } else {
        ""
    };
    module(&format!(
        r#"(func (export "_start") (local $at i32) (local $n i32)
          (loop $again
            (local.set $at (memory.grow (i32.const 16)))
            (if (i32.eq (local.get $at) (i32.const -1)) (then (call $proc_exit (local.get $n))))
            {writes}
            (local.set $n (i32.add (local.get $n) (i32.const 1)))
            (br $again)))"#
    ))
}

#[test]
fn memory_is_refused_at_the_limit() {
    let mut trial = Trial::new(&grows(false));
    trial.order.limits.memory = 64 << 20;
    let (end, limit) = trial.run().end();
    assert!(matches!(end, End::Exited(60..=64)), "{end:?}");
    assert_eq!(limit, Some(Limit::Memory));
}

#[test]
fn memory_that_is_used_is_counted_with_all_else() {
    let mut trial = Trial::new(&grows(true));
    trial.order.limits.memory = 64 << 20;
    let came = trial.run();
    let (end, limit) = came.end();
    assert!(matches!(end, End::Exited(40..=64) | KILLED), "{end:?}");
    assert_eq!(limit, Some(Limit::Memory));
}

#[test]
fn a_memory_that_is_too_large_from_the_start_is_the_limit() {
    let large =
        wat::parse_str(r#"(module (memory (export "memory") 2000) (func (export "_start")))"#).unwrap();
    let mut trial = Trial::new(&large);
    trial.order.limits.memory = 64 << 20;
    assert_eq!(trial.run().end(), (KILLED, Some(Limit::Memory)));
}

#[test]
fn a_table_counts_as_memory() {
    let large = wat::parse_str(
        r#"(module (table $t 1 funcref)
          (func (export "_start")
            (loop $again (br_if $again (i32.ne (table.grow $t (ref.null func) (i32.const 10000)) (i32.const -1))))
            unreachable))"#,
    )
    .unwrap();
    let mut trial = Trial::new(&large);
    trial.order.limits.memory = 64 << 20;
    assert_eq!(trial.run().end(), (End::Killed(libc::SIGABRT), Some(Limit::Memory)));
}

/// Files in `/tmp` are memory too.
#[test]
fn files_in_tmp_count_as_memory() {
    let fills = module(
        r#"(data (i32.const 64) "file")
        (func (export "_start")
          (drop (call $open (i32.const 4) (i32.const 64) (i32.const 4) (i32.const 1) (i64.const 66)))
          (loop $again
            (i32.store (i32.const 0) (i32.const 4096))
            (i32.store (i32.const 4) (i32.const 65536))
            (drop (call $fd_write (i32.load (i32.const 20)) (i32.const 0) (i32.const 1) (i32.const 16)))
            (br $again)))"#,
    );
    let mut trial = Trial::new(&fills);
    trial.order.limits.memory = 64 << 20;
    trial.order.limits.disk = 1 << 30;
    trial.order.tmp = 512 << 20;
    assert_eq!(trial.run().end(), (KILLED, Some(Limit::Memory)));
}

/// With a cgroup the kernel holds the limit for the whole process: here the watcher would hold a larger one.
#[test]
fn a_cgroup_counts_the_whole_process() {
    if !as_root() {
        return;
    }
    let Some(group) = room().plan(&format!("wasm-test-{}", std::process::id())) else {
        perry_sandbox_testkit::skip("no cgroup can be made here");
        return;
    };
    let mut trial = Trial::new(&grows(true));
    group.make(&Bounds { memory: 64 << 20, ..trial.order.bounds_of_group() }).unwrap();
    trial.groups = group.joins().unwrap();
    trial.order.joins = trial.groups.len();
    let came = trial.run();
    let hit = group.memory_was_hit();
    assert!(group.remove());
    assert!(hit && came.answer.is_none(), "{came:?}");
    assert_eq!(came.status.signal(), Some(libc::SIGKILL));
    assert!(trial.order.joins > 0);
}

/// A compiler that needs more than there is ends its process, in this way or that.
#[test]
fn a_module_that_is_too_much_for_the_compiler_is_not_run() {
    let body = "(local.set 0 (i32.add (local.get 0) (i32.const 1)))".repeat(200_000);
    let large = format!(r#"(module (func (local i32) {body}) (func (export "_start")))"#);
    let mut trial = Trial::new(&wat::parse_str(large).unwrap());
    trial.order.limits.memory = 8 << 20;
    let came = trial.run();
    match &came.answer {
        Some(_) => assert_eq!(came.end(), (KILLED, Some(Limit::Memory))),
        None => assert!(came.status.signal().is_some(), "{came:?}"),
    }
}

#[test]
fn compiling_counts_as_well() {
    // A function that the compiler takes long for.
    let body = "(local.set 0 (i32.add (local.get 0) (i32.const 1)))".repeat(40_000);
    let slow =
        format!(r#"(module {} (func (export "_start")))"#, format!("(func (local i32) {body})").repeat(4));
    let mut trial = Trial::new(&wat::parse_str(slow).unwrap());
    trial.order.limits.milli_cpu = 2000;
    trial.order.limits.wall = Duration::from_millis(150);
    assert_eq!(trial.run().end(), (KILLED, Some(Limit::Wall)));
}
