//! Programs that exhaust one resource: each ends with the limit that it hit, and leaves the host calm.

use std::process::Command;
use std::thread;
use std::time::Duration;

use super::attacks::root_with_checker;
use super::rootfs::settings;
use super::*;
use crate::outcome::{End, Limit};

/// Runs a bomb under a supervisor alone, and under a cgroup where this user may make one.
fn explode(kind: &str, change: impl Fn(&mut Settings)) -> Vec<(&'static str, Finished)> {
    let Some(tree) = root_with_checker() else { return Vec::new() };
    let mut settings = settings(&["/bin/checker", &format!("bomb={kind}")]);
    settings.limits.pids = 32;
    settings.limits.memory = 64 << 20;
    settings.tmp = 2 << 20;
    settings.limits.disk = 2 << 20;
    settings.limits.wall = Duration::from_secs(60);
    change(&mut settings);
    let own = Room::find();
    let is_room = !matches!(own, Room::Nowhere { .. });
    let places = [("watched", Some(without_cgroups())), ("counted", is_room.then_some(own))];
    let places = places.into_iter().filter_map(|(name, place)| Some((name, place?)));
    places.map(|(name, place)| (name, one(tree.path(), &settings, &place))).collect()
}

fn one(tree: &Path, settings: &Settings, room: &Room) -> Finished {
    let live = tempfile::tempdir().unwrap();
    let place = place(room, live.path());
    let finished = thread::scope(|scope| {
        let run = scope.spawn(|| run(settings, &root_folder(tree), Streams::captured(), None, &place));
        // Whoever else is on the host can still start programs.
        for _ in 0..10 {
            assert!(Command::new("/bin/true").status().unwrap().success());
            thread::sleep(Duration::from_millis(20));
        }
        run.join().unwrap().unwrap()
    });
    assert_eq!(std::fs::read_dir(live.path()).unwrap().count(), 0, "nothing is recorded any more");
    finished
}

fn all_hit(kind: &str, limits: &[Limit], change: impl Fn(&mut Settings)) {
    for (room, finished) in explode(kind, change) {
        assert!(finished.limit.is_some_and(|limit| limits.contains(&limit)), "{kind}, {room}: {finished:?}");
        assert_ne!(finished.end, End::Exited(0), "{kind}, {room}");
    }
}

#[test]
fn a_fork_bomb_is_ended_long_before_its_wall_time() {
    // Where a cgroup counts, processes that are refused cost memory of the kernel too, and that may run out first. Where none
    // counts, refusals are inferred, or its processor time ends it.
    let long = |settings: &mut Settings| settings.limits.wall = Duration::from_secs(240);
    all_hit("fork", &[Limit::Pids, Limit::Memory, Limit::Cpu], long);
}

#[test]
fn a_flood_of_zombies_is_ended() {
    // Where none counts, as many processes as may be stay the same: only time ends it.
    let limits = [Limit::Pids, Limit::Memory, Limit::Cpu, Limit::Wall];
    all_hit("zombies", &limits, |settings| settings.limits.wall = Duration::from_secs(5));
}

#[test]
fn a_memory_bomb_is_ended() {
    // More than these tests themselves have: what is less can be their own, of which the program was a copy at first.
    all_hit("memory", &[Limit::Memory], |settings| settings.limits.memory = 512 << 20);
}

#[test]
fn a_disk_bomb_fails_and_the_limit_is_named() {
    all_hit("disk", &[Limit::Disk], |_| {});
    all_hit("names", &[Limit::Disk], |_| {});
    all_hit("disk", &[Limit::Disk], |settings| settings.ephemeral = Some(1 << 20));
}

#[test]
fn a_file_that_grows_beyond_the_limit_ends_its_writer() {
    let mut settings =
        settings(&["/bin/sh", "-c", "dd if=/dev/zero of=/tmp/far bs=1 count=1 seek=4000000000; exit $?"]);
    settings.limits.disk = 1 << 20;
    let finished = sandbox(&settings).unwrap();
    // The shell is told of the signal of its child, and ends with 128 and its number.
    assert_eq!(finished.end, End::Exited(128 + libc::SIGXFSZ), "{finished:?}");
}

#[test]
fn a_flood_of_open_files_is_ended() {
    all_hit("files", &[Limit::Wall, Limit::Cpu], |settings| settings.limits.wall = Duration::from_secs(3));
}

#[test]
fn a_program_that_gives_up_without_more_files_says_why() {
    let Some(root) = root_with_checker() else { return };
    // It keeps them until it is told to fail, so that a look finds them open.
    let line = "i=3; while [ $i -lt 16 ]; do eval \"exec $i</dev/null\"; i=$((i+1)); done; sleep 5; exit 1";
    let mut settings = settings(&["/bin/sh", "-c", line]);
    settings.limits.open_files = 16;
    let finished = one(root.path(), &settings, &without_cgroups());
    assert_eq!((finished.end, finished.limit), (End::Exited(1), Some(Limit::OpenFiles)), "{finished:?}");
}

#[test]
fn an_output_flood_is_ended() {
    all_hit("output", &[Limit::Output], |_| {});
}

#[test]
fn a_program_that_runs_into_a_limit_and_succeeds_hit_none() {
    let line = "dd if=/dev/zero of=/tmp/all bs=64k 2>/dev/null; rm /tmp/all; exit 0";
    let finished = sandbox(&settings(&["/bin/sh", "-c", line])).unwrap();
    assert_eq!((finished.end, finished.limit), (End::Exited(0), None));
}
