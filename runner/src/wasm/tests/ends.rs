//! How modules end.

use std::io::Write as _;
use std::time::{Duration, Instant};

use super::trial::{Trial, as_ordinary_user};
use super::words::{loops, module, waits};
use crate::outcome::End;
use crate::wasm::FailureKind;

#[test]
fn a_module_prints_and_exits_with_its_code() {
    let came = Trial::new(&module(
        r#"(data (i32.const 64) "hello\n")
        (func (export "_start") (call $say (i32.const 64) (i32.const 6)) (call $proc_exit (i32.const 7)))"#,
    ))
    .run();
    assert_eq!((came.end(), came.stdout.as_slice()), ((End::Exited(7), None), &b"hello\n"[..]));
    assert!(came.status.success() && came.stderr.is_empty(), "{came:?}");
    let answer = came.answer.unwrap();
    assert_eq!(
        serde_json::to_string(&answer).unwrap(),
        r#"{"end":{"exited":7},"limit":null,"failure":null}"#
    );
}

#[test]
fn an_ordinary_user_runs_it_as_well() {
    for test in [
        "ends::a_module_prints_and_exits_with_its_code",
        "ends::a_module_reads_its_input_to_the_end",
        "files::tmp_can_be_written_and_is_bounded",
        "files::the_image_cannot_be_written",
        "files::a_folder_of_the_host_has_the_access_that_was_granted",
        "files::secrets_are_files_that_cannot_be_written",
        "confinement::the_process_has_nothing_that_it_does_not_need",
    ] {
        as_ordinary_user(test);
    }
}

#[test]
fn a_module_that_returns_has_succeeded() {
    let came = Trial::new(&module(r#"(func (export "_start"))"#)).run();
    assert_eq!(came.end(), (End::Exited(0), None));
}

#[test]
fn a_code_is_cut_to_what_a_process_has() {
    for (code, cut) in [(257, 1), (200, 200), (126, 126), (-1, 255)] {
        let exits = module(&format!(r#"(func (export "_start") (call $proc_exit (i32.const {code})))"#));
        assert_eq!(Trial::new(&exits).run().end(), (End::Exited(cut), None));
    }
}

#[test]
fn a_module_reads_its_input_to_the_end() {
    let echo = module(
        r#"(func (export "_start")
          (loop $again
            (i32.store (i32.const 0) (i32.const 4096))
            (i32.store (i32.const 4) (i32.const 5000))
            (if (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 16))
              (then (call $proc_exit (i32.const 99))))
            (if (i32.load (i32.const 16))
              (then (call $say (i32.const 4096) (i32.load (i32.const 16))) (br $again)))))"#,
    );
    let input: Vec<u8> = (0..300_000_u32).flat_map(u32::to_le_bytes).take(300_000).collect();
    let came = Trial::new(&echo).run_with(&input);
    assert_eq!(came.end(), (End::Exited(0), None));
    assert!(came.stdout == input, "{} bytes came back", came.stdout.len());
}

#[test]
fn a_module_gets_the_arguments_and_variables_of_the_order_and_no_others() {
    let both = module(
        r#"(func (export "_start")
          (drop (call $args_sizes_get (i32.const 32) (i32.const 36)))
          (drop (call $args_get (i32.const 2048) (i32.const 4096)))
          (call $say (i32.const 4096) (i32.load (i32.const 36)))
          (drop (call $environ_sizes_get (i32.const 32) (i32.const 36)))
          (drop (call $environ_get (i32.const 2048) (i32.const 4096)))
          (call $say (i32.const 4096) (i32.load (i32.const 36))))"#,
    );
    let mut trial = Trial::new(&both);
    trial.order.argv.extend(["one".to_owned(), "zwei ß".to_owned()]);
    trial.order.env.insert("NAME".to_owned(), "value=x".to_owned());
    let came = trial.run();
    assert_eq!(came.stdout.as_slice(), "/app.wasm\0one\0zwei ß\0NAME=value=x\0".as_bytes());
}

#[test]
fn a_trap_is_an_abort_that_is_told_to_the_user() {
    for (body, signal, word) in [
        ("unreachable", libc::SIGABRT, "unreachable"),
        ("(drop (i32.div_s (i32.const 1) (i32.const 0)))", libc::SIGFPE, "divide by zero"),
        ("(drop (i32.load (i32.const -1)))", libc::SIGSEGV, "out of bounds memory"),
        ("(call $deeper)", libc::SIGSEGV, "call stack exhausted"),
    ] {
        let deeper = "(func $deeper (call $deeper) (call $deeper))";
        let came = Trial::new(&module(&format!(r#"{deeper} (func (export "_start") {body})"#))).run();
        assert_eq!(came.end(), (End::Killed(signal), None), "{came:?}");
        let failure = came.answer.unwrap().failure.unwrap();
        assert!(failure.text.contains(word) && came.stderr.contains(word), "{failure:?} {}", came.stderr);
        assert_eq!(failure.kind, FailureKind::Trap);
    }
}

#[test]
fn a_signal_ends_it_as_one_that_is_not_caught() {
    for (program, signal) in [(waits(), libc::SIGTERM), (loops(), libc::SIGINT), (waits(), libc::SIGKILL)] {
        let started = Instant::now();
        let trial = Trial::new(&program);
        let running = trial.start();
        std::thread::sleep(Duration::from_millis(200));
        running.signal(libc::SIGWINCH);
        running.signal(signal);
        assert_eq!(running.came().end(), (End::Killed(signal), None));
        assert!(started.elapsed() < Duration::from_secs(20));
    }
}

#[test]
fn it_ends_with_its_runner() {
    let trial = Trial::new(&waits());
    let mut running = trial.start();
    std::thread::sleep(Duration::from_millis(200));
    let started = Instant::now();
    drop(running.control.take());
    let stdin = running.stdin.take();
    let came = running.came();
    drop(stdin);
    assert!(came.answer.is_none() && !came.status.success(), "{came:?}");
    assert!(started.elapsed() < Duration::from_secs(20));
}

#[test]
fn a_reader_that_is_gone_is_an_error_and_nothing_more() {
    let shouts = module(
        r#"(func (export "_start")
          (loop $again
            (i32.store (i32.const 0) (i32.const 4096))
            (i32.store (i32.const 4) (i32.const 60000))
            (br_if $again (i32.eqz (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 16)))))
          (call $proc_exit (i32.const 3)))"#,
    );
    let trial = Trial::new(&shouts);
    // The reader of this trial takes 4 MiB and goes.
    let came = trial.run();
    assert_eq!((came.code(), came.stdout.len()), (3, 4 << 20));
}

#[test]
fn output_comes_while_the_module_waits() {
    let trial = Trial::new(&waits());
    let mut running = trial.start();
    let mut stdin = running.stdin.take().unwrap();
    std::thread::sleep(Duration::from_millis(200));
    stdin.write_all(b"x").unwrap();
    let came = running.came();
    assert_eq!((came.end(), came.stdout.len()), ((End::Exited(0), None), 1));
}
