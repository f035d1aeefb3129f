//! A guest that is not ours any more: a script in the monitor's place says what it likes over the port.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use super::{Ran, busybox, settings_of_a_sandbox, start_with};
use crate::microvm::frame::{Cause, Ended, GREETING, MOST, Message};
use crate::microvm::machine::{Accelerator, Machine};
use crate::microvm::report::FailureKind;
use crate::native::Settings;
use crate::outcome::{End, Limit};

fn octal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("\\{byte:03o}")).collect::<Vec<_>>().concat()
}

/// A line of a script that says these bytes.
fn say(bytes: &[u8]) -> String {
    format!("printf '{}'\n", octal(bytes))
}

fn frames(messages: &[Message]) -> String {
    let frames: Vec<u8> = messages.iter().flat_map(Message::to_bytes).collect();
    format!("{}{}", say(GREETING), say(&frames))
}

const ENDED: Ended = Ended { killed: false, number: 3, met: 0, user: 1, system: 2, peak: 3 };

fn play_with(script: &str, change: impl FnOnce(&mut Settings)) -> Ran {
    let place = tempfile::tempdir().unwrap();
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let (program, kernel) = (place.path().join("monitor"), place.path().join("kernel"));
    fs::write(&kernel, "").unwrap();
    perry_sandbox_testkit::write_program(&program, &format!("#!/bin/sh\n{script}"));
    let (version, accelerator) = ("1".to_owned(), Accelerator::Tcg);
    let machine =
        Machine { program, version, kernel, accelerator, filtered: true, namespaces: true, landlock: false };
    let mut settings = settings_of_a_sandbox(&["true"]);
    change(&mut settings);
    let root = busybox();
    start_with(&machine, root.path(), settings).finish(b"")
}

fn play(script: &str) -> Ran {
    play_with(script, |_| {})
}

fn failure(script: &str) -> (FailureKind, String) {
    let report = play(script).report;
    assert_eq!((report.end, report.limit), (None, None));
    let failure = report.failure.unwrap();
    (failure.kind, failure.why)
}

#[test]
fn an_honest_end_is_taken() {
    let ran = play(&frames(&[Message::Started, Message::Stdout(b"a\n".to_vec()), Message::Ended(ENDED)]));
    assert_eq!(
        (ran.report.end, ran.report.failure, ran.stdout.as_str()),
        (Some(End::Exited(3)), None, "a\n")
    );
    assert_eq!((ran.report.user, ran.report.system, ran.report.peak_memory), (1, 2, 3));
}

#[test]
fn what_comes_at_the_wrong_time_or_is_not_for_us_ends_it() {
    for messages in [
        vec![Message::Stdout(b"early".to_vec())],
        vec![Message::Ended(ENDED)],
        vec![Message::Room(1)],
        vec![Message::Started, Message::Started],
        vec![Message::Started, Message::Stdin(b"x".to_vec())],
        vec![Message::Started, Message::StdinEnd],
        vec![Message::Started, Message::Signal(9)],
        vec![Message::Started, Message::Closed(1)],
    ] {
        let (kind, why) = failure(&format!("{}sleep 60\n", frames(&messages)));
        assert_eq!(
            (kind, why.as_str()),
            (FailureKind::Guest, "the guest said something out of turn"),
            "{messages:?}"
        );
    }
}

#[test]
fn bytes_that_are_no_frame_end_it_and_are_shown_harmlessly() {
    let junk =
        format!("{}printf 'Kernel panic \\033[31m - no init'; sleep 60\n", frames(&[Message::Started]));
    let (kind, why) = failure(&junk);
    assert_eq!(kind, FailureKind::Guest);
    assert!(why.contains("Kernel panic [31m - no init") && !why.contains('\u{1b}'), "{why}");
    let why = Message::Failed(Cause::Step, "\u{1b}]0;title\u{7}mount".to_owned());
    assert_eq!(failure(&frames(&[why])), (FailureKind::Setup, "]0;title mount".to_owned()));
}

#[test]
fn a_monitor_that_ends_by_itself_is_quoted() {
    let (kind, why) = failure("echo 'no such machine' >&2; printf 'half a boot'; exit 1\n");
    assert_eq!(kind, FailureKind::Monitor);
    assert!(why.contains("no such machine") && why.contains("half a boot"), "{why}");
    // More than is kept, and more than a pipe holds.
    let (_, why) = failure(
        "i=0; while [ $i -lt 3000 ]; do echo '0123456789012345678901234567890123456789' >&2; i=$((i+1)); done; echo last >&2\n",
    );
    assert!(why.len() < 6000, "{}", why.len());
}

#[test]
fn a_guest_that_never_ends_or_never_stops_talking_is_ended() {
    let wall = |settings: &mut Settings| settings.limits.wall = Duration::from_secs(1);
    let ran = play_with(&format!("{}sleep 60\n", frames(&[Message::Started])), wall);
    assert_eq!((ran.report.end, ran.report.limit), (Some(End::Killed(9)), Some(Limit::Wall)));
    let much = say(&Message::Stdout(vec![b'x'; MOST]).to_bytes());
    let script = format!("{}while :; do\n{much}done\n", frames(&[Message::Started]));
    let ran = play_with(&script, |settings| settings.limits.output = 100_000);
    assert_eq!((ran.report.end, ran.report.limit), (Some(End::Killed(9)), Some(Limit::Output)));
    assert_eq!(ran.stdout.len(), 100_000);
    let (kind, _) = failure("while :; do printf 'nothing but noise, and never a greeting'; done\n");
    assert_eq!(kind, FailureKind::Guest);
}

#[test]
fn a_guest_that_claims_more_room_than_there_is_gets_no_more_input_than_is_allowed() {
    let room: Vec<Message> =
        std::iter::once(Message::Started).chain(vec![Message::Room(u32::MAX); 3]).collect();
    let script = format!("{}{}", frames(&room), say(&Message::Ended(ENDED).to_bytes()));
    assert_eq!(play(&script).report.end, Some(End::Exited(3)));
}
