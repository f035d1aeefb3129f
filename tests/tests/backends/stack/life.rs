//! A project that comes up, is used, changes, and goes.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use super::shop::{Shop, services, shops};

/// A port that nobody has now.
pub(super) fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port is free");
    listener.local_addr().expect("it has an address").port()
}

/// What a published port answers.
fn fetch(port: u16, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    write!(stream, "GET {path} HTTP/1.0\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}

fn is_up(shop: &Shop, port: u16) {
    let ran = shop.up(&["--wait"]);
    assert_eq!(ran.code, 0, "{}: {ran:?}", shop.backend);
    let ps = shop.ps();
    assert!(ps.len() == 2 && ps.iter().all(|one| one.2 == "running"), "{}: {ps:?}", shop.backend);
    // The web service asks the database by its name, and a client of the host asks the web service.
    let asked = shop.exec("web", "busybox nc db 5432 </dev/null >/tmp/answer; busybox cat /tmp/answer");
    assert!(asked.stdout.contains("started"), "{}: {asked:?}", shop.backend);
    let said = fetch(port, "/answer");
    assert!(said.as_ref().is_some_and(|said| said.ends_with("started\n")), "{}: {said:?}", shop.backend);
    // The database's data is where nothing can be executed.
    let exec = shop
        .exec("db", "busybox cp /bin/busybox /data/x && busybox chmod 755 /data/x && /data/x true; echo $?");
    assert!(exec.stdout.trim_end().ends_with("126"), "{}: {exec:?}", shop.backend);
}

#[test]
fn it_comes_up_is_used_and_goes_down_leaving_nothing() {
    let _turn = crate::life::turn();
    for shop in shops("life") {
        let port = free_port();
        shop.write(&services(port));
        is_up(&shop, port);
        let before = shop.ps();
        let again = shop.up(&[]);
        assert_eq!(again.code, 0, "{}: {again:?}", shop.backend);
        assert_eq!(shop.ps(), before, "{}: what is as it is to be is left alone", shop.backend);
        let logs = shop.compose(&["logs", "db"]);
        assert_eq!(logs.code, 0, "{}: {logs:?}", shop.backend);
        let down = shop.compose(&["down", "-t", "1"]);
        assert_eq!(down.code, 0, "{}: {down:?}", shop.backend);
        assert_eq!(fetch(port, "/"), None, "{}: the port is free", shop.backend);
        assert!(shop.left().iter().all(|one| one.contains("_data")), "{}: {:?}", shop.backend, shop.left());
        assert_eq!(shop.up(&["--wait"]).code, 0, "{}", shop.backend);
        let log = shop.exec("db", "busybox grep -c started /data/log");
        assert_eq!(log.stdout, "2\n", "{}: the data was kept: {log:?}", shop.backend);
        let down = shop.compose(&["down", "-v", "-t", "1"]);
        assert_eq!(down.code, 0, "{}: {down:?}", shop.backend);
        assert_eq!(shop.left(), Vec::<String>::new(), "{}", shop.backend);
        let nothing = shop.compose(&["down"]);
        assert!(nothing.code == 0 && nothing.stderr.contains("there is nothing"), "{nothing:?}");
    }
}

#[test]
fn the_example_does_what_its_readme_says() {
    let _turn = crate::life::turn();
    for shop in shops("example") {
        let port = free_port();
        let example = |name: &str| {
            let path = perry_sandbox_testkit::crate_root().join("examples/compose").join(name);
            std::fs::read_to_string(path).expect("it is there").replace("8080", &port.to_string())
        };
        let text = example("shop.yaml").replace("name: shop", &format!("name: {}", shop.name));
        shop.give("compose.yaml", &text);
        let policy = example("shop.toml").replace("../hello/cosign.pub", "examples/hello/cosign.pub");
        shop.give("policy.toml", &policy.replace("shop/", &format!("{}/", shop.name)));
        is_up(&shop, port);
        assert_eq!(shop.compose(&["down", "-v", "-t", "1"]).code, 0, "{}", shop.backend);
        assert_eq!(shop.left(), Vec::<String>::new(), "{}", shop.backend);
    }
}

#[test]
fn what_changes_is_made_anew_and_the_rest_left_alone() {
    let _turn = crate::life::turn();
    for shop in shops("change") {
        let port = free_port();
        let text = services(port);
        shop.write(&text);
        is_up(&shop, port);
        let (web, db) = (shop.id("web"), shop.id("db"));
        shop.rewrite(&text.replace("restart: on-failure", "restart: always"));
        let ran = shop.up(&[]);
        assert_eq!(ran.code, 0, "{}: {ran:?}", shop.backend);
        assert_eq!(shop.id("db"), db, "{}", shop.backend);
        assert_ne!(shop.id("web"), web, "{}", shop.backend);
        // One that has ended is started again, as it is.
        let web = shop.id("web");
        let stopped = shop.exec("web", "kill 1; sleep 1");
        assert!(stopped.code != 0 || stopped.stderr.is_empty(), "{stopped:?}");
        let ran = shop.up(&["--wait"]);
        assert_eq!(ran.code, 0, "{}: {ran:?}", shop.backend);
        assert_eq!(shop.id("web"), web, "{}", shop.backend);
        // A policy that says anything else decides anew.
        let policy = std::fs::read_to_string(shop.file("policy.toml")).expect("it is there");
        shop.give("policy.toml", &policy.replace("pids = 256", "pids = 200"));
        let ran = shop.up(&["--wait"]);
        assert_eq!(ran.code, 0, "{}: {ran:?}", shop.backend);
        assert_ne!(shop.id("db"), db, "{}", shop.backend);
    }
}

#[test]
fn it_goes_down_by_its_name_from_anywhere() {
    let _turn = crate::life::turn();
    for shop in shops("byname") {
        shop.write(&services(free_port()));
        assert_eq!(shop.up(&["--wait"]).code, 0, "{}", shop.backend);
        shop.give("compose.yaml", "services: {");
        let broken = shop.compose(&["down", "-t", "1"]);
        assert_eq!(broken.code, 1, "{broken:?}");
        let mut command = shop.command(&["down", "-v", "-t", "1"]);
        let ran = command.env("COMPOSE_PROJECT_NAME", &shop.name).output().expect("the program starts");
        assert!(!ran.status.success(), "files that are there go before a name of the environment: {ran:?}");
        std::fs::remove_file(shop.file("compose.yaml")).expect("it is there");
        let ran = shop.compose(&["down", "-v", "-t", "1"]);
        assert_eq!(ran.code, 0, "{}: {ran:?}", shop.backend);
        shop.rewrite(&services(free_port()));
        assert_eq!(shop.left(), Vec::<String>::new(), "{}", shop.backend);
    }
}
