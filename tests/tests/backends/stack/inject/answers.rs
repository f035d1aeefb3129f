//! An engine that fails, gives half an answer, or none.

use std::time::Duration;

use super::super::broken::of;
use super::super::shop::{Shop, shops};
use super::front::{Fate, Front};
use crate::engines::engines;

/// A service with a volume in a network, and one behind it.
pub(super) fn pair() -> String {
    let services = of(&[("a", ", volumes: ['data:/data']"), ("b", ", depends_on: [a]")]);
    format!("{services}volumes: {{data: }}\n")
}

/// A project on docker, asked through a socket that a test commands.
pub(super) fn fronted(name: &str) -> Option<(Shop, Front)> {
    let shop = shops(name).into_iter().find(|shop| shop.backend == "docker")?;
    let front = Front::before(&engines().folder().join("docker.sock"));
    let shop = shop.through(&front.socket());
    shop.write(&pair());
    Some((shop, front))
}

/// The kinds of questions that bringing it up takes, where the engine has the image already; it is gone again.
pub(super) fn kinds(shop: &Shop, front: &Front) -> Vec<String> {
    let mut kinds = Vec::new();
    for _ in 0..2 {
        front.forget();
        let ran = shop.up(&[]);
        assert_eq!(ran.code, 0, "{ran:?}");
        kinds = front.kinds().into_iter().collect();
        goes(shop, "it is up");
    }
    kinds
}

pub(super) fn goes(shop: &Shop, when: &str) {
    let ran = shop.compose(&["down", "-v", "-t", "0"]);
    assert_eq!(ran.code, 0, "{when}: {ran:?}");
    shop.until(&format!("nothing is left when {when}"), || shop.left().is_empty());
}

#[test]
fn an_engine_that_fails_once_at_any_question_leaves_nothing() {
    let _turn = crate::life::turn();
    let Some((shop, front)) = fronted("once") else { return };
    let kinds = kinds(&shop, &front);
    assert!(kinds.len() > 8, "{kinds:?}");
    for (number, kind) in kinds.iter().enumerate() {
        // Each question has one of the fates that it can have: all of them for each would take minutes. What only asks does
        // nothing that could be half done, and a stream has no end before its program has.
        let fates: &[Fate] = if kind.starts_with("GET") {
            &[Fate::Cut]
        } else if kind.ends_with("/attach") || kind.ends_with("/wait") {
            &[Fate::Refused]
        } else {
            &[Fate::Refused, Fate::DoneAndRefused, Fate::DoneAndCut]
        };
        let fate = fates[number % fates.len()];
        front.once(kind, fate);
        let ran = shop.up(&[]);
        front.heal();
        let when = format!("{kind} {fate:?}: {ran:?}");
        assert!([0, 1, 5].contains(&ran.code) && !ran.stderr.contains("left:"), "{when}");
        if ran.code == 0 {
            goes(&shop, &when);
        }
        // A sandbox that was not removed at once is removed by those who guard it.
        shop.until(&format!("nothing is left at {when}"), || shop.left().is_empty());
    }
}

#[test]
fn an_engine_that_fails_from_some_question_on_leaves_what_is_said_and_recover_removes_it() {
    let _turn = crate::life::turn();
    let Some((shop, front)) = fronted("since") else { return };
    for (kind, left) in [
        ("POST /volumes/create", &["network default"][..]),
        ("POST /containers/create", &["network default", "volume data"]),
        ("POST /containers/*/start", &["network default", "volume data"]),
    ] {
        front.from(kind, Fate::Refused);
        let ran = shop.up(&[]);
        assert_eq!(ran.code, 5, "{kind}: {ran:?}");
        for what in left {
            assert!(ran.stderr.contains(&format!("left: {what}: ")), "{kind}: {what}: {ran:?}");
        }
        assert!(ran.stderr.contains("it fails on purpose"), "{kind}: {ran:?}");
        let again = shop.up(&[]);
        assert!(again.code != 0, "{kind}: {again:?}");
        front.heal();
        let ran = shop.compose(&["recover"]);
        assert_eq!(ran.code, 0, "{kind}: {ran:?}");
        shop.until(&format!("nothing is left after {kind}"), || shop.left().is_empty());
    }
}

#[test]
fn an_engine_that_never_answers_is_given_up_and_nothing_is_left() {
    let _turn = crate::life::turn();
    let Some((shop, front)) = fronted("silent") else { return };
    front.once("POST /networks/create", Fate::Silent);
    let ran = shop.up(&[]);
    assert!(ran.code == 5 && ran.stderr.contains("did not answer within"), "{ran:?}");
    assert_eq!(shop.left(), Vec::<String>::new(), "{ran:?}");
}

#[test]
fn what_an_engine_makes_after_nobody_waits_for_it_any_more_is_removed() {
    let _turn = crate::life::turn();
    let Some((shop, front)) = fronted("late") else { return };
    // Longer than an answer is waited for.
    front.once("POST /networks/create", Fate::Late(Duration::from_millis(10_100)));
    let ran = shop.up(&[]);
    assert_eq!(ran.code, 5, "{ran:?}");
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(shop.left(), Vec::<String>::new(), "{ran:?}");
}
