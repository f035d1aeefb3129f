//! Bytes in and out of a machine.

use std::io::Read as _;
use std::time::{Duration, Instant};

use super::{busybox, run, settings_of_a_sandbox, start, start_in};
use crate::outcome::End;

#[test]
fn input_goes_in_whole_and_output_comes_out_whole() {
    let input: Vec<u8> = (0..300_000_u32).flat_map(u32::to_le_bytes).collect();
    let Some(running) = start(settings_of_a_sandbox(&["wc", "-c"])) else { return };
    let ran = running.finish(&input);
    assert_eq!((ran.report.end, ran.stdout.trim()), (Some(End::Exited(0)), "1200000"), "{:?}", ran.report);
    let text: Vec<String> = (0..30_000).map(|number| number.to_string()).collect();
    let text = text.join("\n");
    let ran = run(&["cat"], text.as_bytes(), |_| {}).unwrap();
    assert_eq!(ran.report.end, Some(End::Exited(0)));
    assert!(ran.stdout == text, "{} of {} bytes", ran.stdout.len(), text.len());
}

#[test]
fn a_program_that_does_not_read_ends_all_the_same() {
    let input = vec![b'x'; 100_000];
    let Some(ran) = run(&["echo", "done"], &input, |_| {}) else { return };
    assert_eq!((ran.report.end, ran.stdout.as_str()), (Some(End::Exited(0)), "done\n"));
}

#[test]
fn a_program_whose_output_nobody_reads_is_told() {
    let settings = settings_of_a_sandbox(&["sh", "-c", "yes; echo $? >&2"]);
    let Some(mut running) = start(settings) else { return };
    if let Err(error) = running.stdout.read_exact(&mut [0; 1000]) {
        let ran = running.finish(b"");
        panic!("{error}: {:?} {}", ran.report, ran.stderr);
    }
    // Another reader that has ended already.
    running.stdout = std::io::pipe().unwrap().0;
    let ran = running.finish(b"");
    assert_eq!(ran.report.end, Some(End::Exited(0)), "{:?} {}", ran.report, ran.stderr);
    assert!(!ran.stderr.trim().is_empty() && ran.report.output < 900_000, "{:?}", ran.report);
}

#[test]
fn a_machine_ends_when_its_caller_is_gone() {
    let root = busybox();
    let Some(mut running) = start_in(root.path(), settings_of_a_sandbox(&["sh", "-c", "echo a; sleep 60"]))
    else {
        return;
    };
    running.stdout.read_exact(&mut [0; 2]).unwrap();
    let started = Instant::now();
    running.control.shutdown(std::net::Shutdown::Both).unwrap();
    running.helper.join().unwrap().unwrap();
    // Well before its wall time, which would end it too.
    assert!(started.elapsed() < Duration::from_secs(25));
    assert_eq!(running.stdout.read(&mut [0; 2]).unwrap(), 0, "nobody holds the other end");
}
