//! What is said where somebody has written the wrong thing, and nothing that is not so.

use super::shop::{Shop, shops};

fn native(name: &str) -> Option<Shop> {
    shops(name).into_iter().find(|shop| shop.backend == "native")
}

const SLEEPER: &str =
    "image: oci:examples/hello/image, network_mode: none, command: [/bin/busybox, sleep, '600']";

/// A service, and one that only a profile has.
fn services(profile: &str) -> String {
    format!("services:\n  web: {{{SLEEPER}}}\n  tool: {{{SLEEPER}{profile}}}\n")
}

#[test]
fn a_name_that_no_service_has_is_told_before_anything_is_done() {
    let _turn = crate::life::turn();
    let Some(shop) = native("names") else { return };
    shop.write(&services(""));
    let ran = shop.compose(&["up", "--policy", "policy.toml", "--exit-code-from", "wbe"]);
    assert!(ran.code == 1 && ran.stderr.contains("no such service: `wbe`"), "{ran:?}");
    assert_eq!(shop.left(), Vec::<String>::new());
    shop.comes_up();
    let ran = shop.compose(&["down", "wbe"]);
    assert!(ran.code == 1 && ran.stderr.contains("no such service: `wbe`"), "{ran:?}");
    assert_eq!(shop.ps().len(), 2);
}

#[test]
fn a_service_of_a_profile_that_nobody_asks_for_is_the_projects_all_the_same() {
    let _turn = crate::life::turn();
    let Some(shop) = native("profile") else { return };
    shop.write(&services(""));
    shop.comes_up();
    shop.rewrite(&services(", profiles: [tools]"));
    let ran = shop.up(&["--remove-orphans"]);
    assert!(ran.code == 0 && !ran.stderr.contains("no more"), "{ran:?}");
    assert_eq!(shop.ps().len(), 2, "{ran:?}");
    let ran = shop.compose(&["down", "-t", "0"]);
    assert_eq!((ran.code, shop.left()), (0, Vec::new()), "{ran:?}");
}

#[test]
fn nobody_is_ended_whose_secrets_are_not_there() {
    let _turn = crate::life::turn();
    let Some(shop) = native("kept") else { return };
    shop.give("token", "t");
    let with = |profile: &str, name: &str| {
        format!(
            "{}secrets: {{{name}: {{file: ./token}}}}\n",
            services(&format!(", secrets: [{name}]{profile}"))
        )
    };
    shop.write(&with("", "token"));
    shop.comes_up();
    let all = shop.ps();
    // Of a profile that nobody asks for it starts again all the same.
    shop.rewrite(&with(", profiles: [tools]", "token"));
    let ran = shop.compose(&["restart", "-t", "0"]);
    assert_eq!((ran.code, shop.ps()), (0, all.clone()), "{ran:?}");
    // The files have another by now.
    shop.rewrite(&with("", "other"));
    let is_refused = |command: &str| {
        let ran = shop.compose(&[command]);
        assert!(ran.code == 1 && ran.stderr.contains("made with the secret `token`"), "{command}: {ran:?}");
    };
    is_refused("restart");
    assert_eq!(shop.ps(), all);
    assert_eq!(shop.compose(&["stop", "-t", "0", "tool"]).code, 0);
    is_refused("start");
}

#[test]
fn what_keeps_everything_there_is_named_where_a_project_goes_down() {
    let _turn = crate::life::turn();
    let Some(shop) = native("stays") else { return };
    shop.write(&services(""));
    shop.comes_up();
    shop.rewrite(&format!("services:\n  web: {{{SLEEPER}}}\n"));
    for _ in 0..2 {
        let ran = shop.compose(&["down", "-t", "0"]);
        let tool = format!("{}-tool-1 (`--remove-orphans`", shop.name);
        assert!(ran.code == 0 && ran.stderr.contains(&tool) && !ran.stderr.contains("nothing of"), "{ran:?}");
    }
    assert_eq!(shop.compose(&["down", "-t", "0", "--remove-orphans"]).code, 0);
    assert_eq!(shop.left(), Vec::<String>::new());
}

#[test]
fn what_a_program_wrote_last_is_said_where_it_is_removed_for_having_ended() {
    let _turn = crate::life::turn();
    for shop in shops("words") {
        let long =
            "busybox head -c 3000 /dev/zero | busybox tr '\\0' x; echo; echo 'FATAL: `no` rows'; exit 3";
        let ends = format!(
            "image: oci:examples/hello/image, network_mode: none, command: [/bin/busybox, sh, -c, {long:?}]"
        );
        let waits = "depends_on: {db: {condition: service_completed_successfully}}";
        shop.write(&format!("{}  db: {{{ends}}}\n", services(&format!(", {waits}"))));
        let ran = shop.up(&[]);
        let says = "has ended with code 3, and it had to end with code 0; it wrote last: `xxx";
        let fatal = "xxx / FATAL: 'no' rows`";
        let is_said = ran.stderr.contains(says) && ran.stderr.contains(fatal);
        assert!(ran.code == 5 && is_said, "{}: {ran:?}", shop.backend);
        assert_eq!(shop.left(), Vec::<String>::new());
    }
}

#[test]
fn a_policy_that_cannot_be_read_is_told_once() {
    let Some(shop) = native("unread") else { return };
    shop.rewrite(&services(""));
    let ran = shop.compose(&["up", "-d", "--policy", "missing.toml"]);
    assert_eq!(ran.stderr.matches("missing.toml").count(), 1, "{ran:?}");
    assert!(ran.code == 2 && !ran.stderr.contains("suggest"), "{ran:?}");
}
