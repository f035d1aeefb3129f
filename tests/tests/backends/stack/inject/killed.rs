//! The tool is killed at each question that it has for its engine, or at any moment, and `recover` undoes what it had begun.

use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::super::shop::{Shop, shops};
use super::answers::{fronted, goes, kinds, pair};
use super::front::{Fate, Front};

/// Kills the tool at the first question of this kind, which becomes of that.
fn killed_at(shop: &Shop, front: &Front, kind: &str, fate: Fate) {
    let pid = Arc::new(Mutex::new(None));
    let (wanted, found) = (kind.to_owned(), Arc::clone(&pid));
    let mut done = false;
    let mut known = pid.lock().expect("no test panics with it");
    front.rule(move |kind| {
        if kind != wanted || std::mem::replace(&mut done, true) {
            return Fate::Passes;
        }
        // Known before anything is asked: whoever asks waits for it here.
        let pid: u32 = found.lock().expect("no test panics with it").expect("it runs");
        drop(Command::new("kill").args(["-KILL", &pid.to_string()]).status());
        fate
    });
    let mut up = shop.command(&["up", "-d", "--policy", "policy.toml"]);
    let mut up = up.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the program starts");
    *known = Some(up.id());
    drop(known);
    let ended = up.wait().expect("it ends");
    assert_eq!(ended.code(), None, "{kind}: it was not killed");
}

fn is_undone(shop: &Shop, when: &str) {
    let ran = shop.compose(&["recover"]);
    assert_eq!(ran.code, 0, "{when}: {ran:?}");
    if !shop.ps().is_empty() {
        // What was kept from an end that nobody has written down is a project that is up.
        assert!(ran.stderr.contains("came to its end"), "{when}: {ran:?}");
        return goes(shop, when);
    }
    shop.until(&format!("nothing is left of a run that was killed at {when}"), || shop.left().is_empty());
}

#[test]
fn a_run_that_is_killed_at_any_question_is_undone_by_recover() {
    let _turn = crate::life::turn();
    let Some((shop, front)) = fronted("question") else { return };
    // From one that changes something to the next, all is the same.
    for kind in kinds(&shop, &front).into_iter().filter(|kind| !kind.starts_with("GET")) {
        killed_at(&shop, &front, &kind, Fate::Passes);
        front.heal();
        is_undone(&shop, &kind);
    }
}

#[test]
fn what_an_engine_makes_after_its_asker_was_killed_is_undone_by_recover() {
    let _turn = crate::life::turn();
    let Some((shop, front)) = fronted("after") else { return };
    for kind in ["POST /networks/create", "POST /volumes/create", "POST /containers/create"] {
        let fate = Fate::Late(Duration::from_millis(600));
        killed_at(&shop, &front, kind, fate);
        is_undone(&shop, kind);
        std::thread::sleep(Duration::from_millis(1500));
        assert_eq!(shop.left(), Vec::<String>::new(), "{kind}");
        front.heal();
    }
}

#[test]
fn a_run_that_is_killed_at_any_moment_is_undone_by_recover() {
    let _turn = crate::life::turn();
    for shop in shops("moment").into_iter().filter(|shop| shop.backend != "docker") {
        shop.write(&pair());
        // So many of them in the time that it takes.
        let begun = Instant::now();
        assert_eq!(shop.up(&[]).code, 0, "{}", shop.backend);
        let whole = begun.elapsed();
        goes(&shop, "it is up");
        let count = if shop.backend == "native" { 12 } else { 6 };
        for number in 0..count {
            let moment = whole * number / count;
            let mut up = shop.spawn_up();
            std::thread::sleep(moment);
            up.kill().expect("it is ours");
            let whole = up.wait().is_ok_and(|status| status.success());
            if whole {
                goes(&shop, "it came up before it was killed");
                break;
            }
            is_undone(&shop, &format!("{moment:?} on {}", shop.backend));
        }
    }
}
