//! What goes wrong in a project by itself: programs, checks, secrets, places that are taken.

use std::process::{Command, Stdio};

use super::broken::{nothing_is_left, of};
use super::shop::{Shop, services, shops};

const SLEEPS: &str = "[/bin/busybox, sleep, '300']";

#[test]
fn a_dependency_that_ends_while_it_is_waited_for_leaves_nothing() {
    let _turn = crate::life::turn();
    for shop in shops("ends") {
        let check = ", healthcheck: {test: [CMD, /bin/busybox, 'false'], interval: 200ms, start_period: 60s}";
        let text = of(&[("db", check), ("web", ", depends_on: {db: {condition: service_healthy}}")]);
        shop.write(&text.replacen(SLEEPS, "[/bin/busybox, sh, -c, 'busybox sleep 1; exit 4']", 1));
        nothing_is_left(&shop, &[], 5, "has ended with code 4, and it had to become healthy");
    }
}

#[test]
fn a_check_whose_program_is_not_there_leaves_nothing() {
    let _turn = crate::life::turn();
    for shop in shops("nocheck") {
        let check = ", healthcheck: {test: [CMD, /bin/absent], interval: 200ms, retries: 2}";
        shop.write(&of(&[("db", check), ("web", ", depends_on: {db: {condition: service_healthy}}")]));
        nothing_is_left(&shop, &[], 5, "is unhealthy, and it had to become healthy");
    }
}

#[test]
fn a_program_that_crashes_again_and_again_is_not_up() {
    let _turn = crate::life::turn();
    // An engine on a busy machine needs longer for a start than is waited before the second look.
    for shop in shops("loops").into_iter().filter(|shop| shop.backend == "native") {
        let text = of(&[("a", ", restart: always")]);
        shop.write(&text.replacen(SLEEPS, "[/bin/busybox, sh, -c, 'busybox sleep 0.2; exit 1']", 1));
        nothing_is_left(&shop, &["--wait", "--wait-timeout", "4"], 5, "and did not stay up for 10 s");
    }
}

#[test]
fn a_program_that_crashes_once_and_stays_then_is_up() {
    let _turn = crate::life::turn();
    for shop in shops("once").into_iter().filter(|shop| shop.backend == "native") {
        let crash = "[/bin/busybox, sh, -c, 'busybox test -e /data/x && exec busybox sleep 300; busybox touch /data/x; exit 1']";
        let text = of(&[("a", ", restart: always, volumes: ['data:/data']")]).replacen(SLEEPS, crash, 1);
        shop.write(&format!("{text}volumes: {{data: }}\n"));
        let ran = shop.up(&["--wait"]);
        assert_eq!(ran.code, 0, "{ran:?}");
        assert_eq!(shop.ps().first().map(|one| one.2.clone()), Some("running".to_owned()));
    }
}

#[test]
fn a_secret_that_cannot_be_read_stops_everything_before_it_begins() {
    let _turn = crate::life::turn();
    for shop in shops("nosecret") {
        let text = of(&[("a", ""), ("b", ", secrets: [s], depends_on: [a]")]);
        shop.write(&format!("{text}secrets: {{s: {{file: ./absent}}}}\n"));
        nothing_is_left(&shop, &[], 1, "the secret `s`");
    }
}

#[test]
fn a_name_that_another_project_has_leaves_nothing() {
    let _turn = crate::life::turn();
    for (shop, other) in shops("named").into_iter().zip(shops("owner")) {
        let taken = format!(", container_name: {}-taken", other.name);
        other.write(&of(&[("a", &taken)]));
        assert_eq!(other.up(&[]).code, 0, "{}", shop.backend);
        shop.write(&of(&[("a", ""), ("b", &format!("{taken}, depends_on: [a]"))]));
        nothing_is_left(&shop, &[], 5, &format!("{}-taken", other.name));
        assert_eq!(other.ps().len(), 1, "{}: whose name it is keeps it", shop.backend);
    }
}

#[test]
fn addresses_that_another_project_has_leave_nothing() {
    let _turn = crate::life::turn();
    for (shop, other) in shops("range").into_iter().zip(shops("ranger")) {
        let text = |of: String| {
            format!("{of}networks: {{default: {{ipam: {{config: [{{subnet: 10.77.31.0/24}}]}}}}}}\n")
        };
        other.write(&text(of(&[("a", "")])));
        assert_eq!(other.up(&[]).code, 0, "{}", shop.backend);
        shop.write(&text(of(&[("a", "")])));
        nothing_is_left(&shop, &[], 5, "create network default");
    }
}

#[test]
fn two_hundred_services_and_a_chain_of_a_hundred_come_up_and_go() {
    let _turn = crate::life::turn();
    for shop in shops("many").into_iter().filter(|shop| shop.backend == "native") {
        let chain = (0..100).map(|number| match number {
            0 => ("c0".to_owned(), ", network_mode: none".to_owned()),
            _ => (format!("c{number}"), format!(", network_mode: none, depends_on: [c{}]", number - 1)),
        });
        let wide = (0..100).map(|number| (format!("w{number}"), ", network_mode: none".to_owned()));
        let lines: Vec<(String, String)> = chain.chain(wide).collect();
        let lines: Vec<(&str, &str)> =
            lines.iter().map(|(name, more)| (name.as_str(), more.as_str())).collect();
        shop.write(&of(&lines));
        let ran = shop.up(&["--wait"]);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        assert_eq!(shop.ps().len(), 200);
        assert_eq!(shop.compose(&["down", "-t", "0"]).code, 0);
        assert_eq!(shop.left(), Vec::<String>::new());
    }
}

/// Brings a project up whose data folder has so much room.
fn with_room(shop: &Shop, kilobytes: u32) -> perry_sandbox_testkit::Ran {
    let place = shop.file("small");
    std::fs::create_dir_all(&place).expect("the home can be written");
    // In a mount namespace of its own, that it ends with.
    let script = "mount -t tmpfs -o size=\"$0\" none \"$1\" && shift && exec \"$@\"";
    let up = shop.command(&["up", "-d", "--policy", "policy.toml"]);
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", script, &format!("{kilobytes}k")]).arg(&place);
    command.arg(up.get_program());
    let data = place.join("data").display().to_string();
    let mut words = up.get_args().map(|word| word.to_string_lossy().into_owned()).peekable();
    while let Some(word) = words.next() {
        let follows = word == "--data-dir";
        command.arg(&word);
        if follows {
            drop(words.next());
            command.arg(&data);
        }
    }
    command.env_clear();
    command.envs(up.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.current_dir(up.get_current_dir().expect("a project has a folder")).stdin(Stdio::null());
    perry_sandbox_testkit::Ran::from(command.output().expect("unshare starts"))
}

#[test]
fn a_disk_that_is_full_leaves_nothing_wherever_it_runs_full() {
    let _turn = crate::life::turn();
    for shop in shops("full").into_iter().filter(|shop| shop.backend == "native") {
        shop.write(&services(super::life::free_port()));
        // Too little for the journal, for the image, for what it is unpacked to.
        for (kilobytes, says) in [(4, "journal"), (400, "cannot bring the image"), (2400, "cannot unpack")] {
            let ran = with_room(&shop, kilobytes);
            assert!(ran.code != 0 && ran.stderr.contains(says), "{kilobytes}: {ran:?}");
            assert!(ran.stderr.contains("No space left on device"), "{kilobytes}: {ran:?}");
            assert_eq!(shop.left(), Vec::<String>::new(), "{kilobytes}: {ran:?}");
        }
    }
}
