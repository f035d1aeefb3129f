//! A clock that jumps while something is waited for: each command of ours is told another time by `libfaketime`, which leaves
//! the clock that only counts onwards alone, as the kernel does.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use perry_sandbox_testkit::{Ran, skip};

use super::super::shop::{Shop, shops};
use super::meanwhile::Halfway;

fn library() -> Option<PathBuf> {
    let folders = Path::new("/usr/lib").read_dir().into_iter().flatten().flatten();
    let mut found = folders.map(|folder| folder.path().join("faketime/libfaketimeMT.so.1"));
    found.find(|library| library.exists())
}

/// The words that start a program whose clock is off by what the file says.
fn off(library: &Path, file: &Path) -> Vec<String> {
    let (library, file) = (library.display(), file.display());
    let words = format!(
        "/usr/bin/env LD_PRELOAD={library} FAKETIME_TIMESTAMP_FILE={file} FAKETIME_NO_CACHE=1 FAKETIME_DONT_FAKE_MONOTONIC=1 FAKETIME_DISABLE_SHM=1"
    );
    words.split(' ').map(str::to_owned).collect()
}

/// The year that a program sees which is started so.
fn year(starter: &[String]) -> i32 {
    let date = Command::new(&starter[0]).args(&starter[1..]).args(["date", "+%Y"]).output();
    Ran::from(date.expect("env starts")).stdout.trim().parse().expect("a year")
}

fn jumps(shop: &Shop, by: &str) {
    shop.give("clock", by);
}

#[test]
fn a_clock_that_jumps_ends_no_wait_and_hides_nothing() {
    let Some(library) = library() else { return skip("no libfaketime here, by which clocks jump") };
    let _turn = crate::life::turn();
    for shop in shops("clock") {
        let starter = off(&library, &shop.file("clock"));
        let words: Vec<&str> = starter.iter().map(String::as_str).collect();
        let shop = shop.started_by(&words);
        jumps(&shop, "+0");
        let today = year(&starter);
        let halfway = Halfway::of(&shop);
        for by in ["+800d", "-800d"] {
            jumps(&shop, by);
            assert!((year(&starter) - today).abs() >= 2, "{by}: the clock has not jumped");
            // Long enough for a look at what is waited for, and for a deadline that believes the clock.
            std::thread::sleep(Duration::from_secs(1));
        }
        let ran = halfway.go();
        assert_eq!(ran.code, 0, "{}: {ran:?}", shop.backend);
        let all = shop.ps();
        assert!(all.len() == 2 && all.iter().all(|one| one.2.starts_with("running")), "{all:?}");
        jumps(&shop, "+800d");
        shop.comes_up();
        assert_eq!(shop.ps(), all, "{}: what is as it is to be is left alone", shop.backend);
        assert_eq!(shop.compose(&["down", "-v", "-t", "0"]).code, 0);
        assert_eq!(shop.left(), Vec::<String>::new(), "{}", shop.backend);
    }
}
