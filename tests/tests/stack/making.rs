//! What makes sandboxes otherwise than `up`, and what brings their images.

use crate::lives::Up;

#[test]
fn what_is_created_does_not_run_until_it_is_started() {
    let up = Up::new();
    assert_eq!(up.run(&["down"]).code, 0);
    let made = up.run(&["create", "--policy", "good.toml"]);
    assert_eq!((made.code, up.states().as_str()), (0, "db created, web created"), "{made:?}");
    assert_eq!(up.run(&["down"]).code, 0);
    let made = up.run(&["up", "--no-start", "--policy", "good.toml"]);
    assert_eq!((made.code, up.states().as_str()), (0, "db created, web created"), "{made:?}");
    let started = up.run(&["start", "--wait"]);
    assert_eq!((started.code, up.states().as_str()), (0, "db running, web running"), "{started:?}");
    let again = up.run(&["up", "-d", "--policy", "good.toml"]);
    assert!(
        again.code == 0 && again.stderr.contains("keep shop-web-1"),
        "what was made is what `up` makes: {again:?}"
    );
}

#[test]
fn a_failed_create_leaves_nothing() {
    let up = Up::new();
    assert_eq!(up.run(&["down"]).code, 0);
    let ran = up.run(&["create", "--policy", "bare.toml"]);
    assert_eq!((ran.code, up.states().as_str()), (3, ""), "{ran:?}");
}

#[test]
fn a_service_gets_as_many_replicas_as_it_is_scaled_to() {
    let up = Up::new();
    let more = up.run(&["scale", "--policy", "good.toml", "db=3"]);
    let three = "db running, db running, db running, web running";
    assert_eq!((more.code, up.states().as_str()), (0, three), "{more:?}");
    let less = up.run(&["scale", "--policy", "good.toml", "db=1"]);
    assert_eq!((less.code, up.states().as_str()), (0, "db running, web running"), "{less:?}");
    let none = up.run(&["up", "-d", "--policy", "good.toml", "--scale", "web=0"]);
    assert_eq!((none.code, up.states().as_str()), (0, "db running"), "{none:?}");
    assert_eq!(up.run(&["scale", "--policy", "good.toml", "web=1"]).code, 0);
    assert_eq!(up.run(&["scale", "--policy", "good.toml", "db=x"]).code, 2);
    assert_eq!(up.run(&["scale", "--policy", "good.toml", "none=1"]).code, 1);
}

#[test]
fn an_image_is_pulled_when_it_is_allowed() {
    let up = Up::new();
    let ran = up.run(&["pull", "--policy", "good.toml"]);
    assert!(ran.code == 0 && ran.stderr.contains("pull db") && ran.stderr.contains("pull web"), "{ran:?}");
    let one = up.run(&["pull", "-q", "--policy", "good.toml", "web"]);
    assert!(one.code == 0 && one.stderr.is_empty(), "{one:?}");
    assert_eq!(up.run(&["pull", "--policy", "bare.toml"]).code, 3);
}
