//! What services call each other.

use super::shop::{Shop, shops};

/// Two that say who they are, and one that links to the first of them.
const LINKED: &str = "\
services:
  web:
    image: oci:examples/hello/image
    command: [/bin/busybox, sleep, '600']
    links: ['db:database', 'db:api']
  db:
    image: oci:examples/hello/image
    command: [/bin/busybox, nc, -ll, -p, '7000', -e, /bin/busybox, echo, rows]
  api:
    image: oci:examples/hello/image
    command: [/bin/busybox, nc, -ll, -p, '7000', -e, /bin/busybox, echo, pages]
";

/// What answers there, if anybody does.
fn answer(shop: &Shop, service: &str, name: &str) -> String {
    let ask = format!("busybox nc -w 2 {name} 7000 </dev/null >/tmp/answer; busybox cat /tmp/answer");
    shop.exec(service, &ask).stdout
}

#[test]
fn a_link_is_a_name_for_the_linker_alone_and_goes_before_the_names_of_all() {
    let _turn = crate::life::turn();
    for shop in shops("link") {
        shop.write(LINKED);
        let ran = shop.up(&["--wait"]);
        assert_eq!(ran.code, 0, "{}: {ran:?}", shop.backend);
        for name in ["db", "database", "api"] {
            shop.until(&format!("{name} answers"), || answer(&shop, "web", name) == "rows\n");
        }
        shop.until("api answers db", || answer(&shop, "db", "api") == "pages\n");
        for other in ["db", "api"] {
            assert_eq!(answer(&shop, other, "database"), "", "{}: {other}", shop.backend);
        }
        // Who is made anew is called so by the one that was there before.
        let recreated = shop.up(&["--force-recreate", "--no-deps", "db"]);
        assert_eq!(recreated.code, 0, "{}: {recreated:?}", shop.backend);
        shop.until("the new one answers", || answer(&shop, "web", "database") == "rows\n");
        assert_eq!(shop.compose(&["down", "-t", "0"]).code, 0, "{}", shop.backend);
        assert_eq!(shop.left(), Vec::<String>::new(), "{}", shop.backend);
    }
}

/// How many networks there are by this name, where the backend keeps them.
fn networks(shop: &Shop, name: &str) -> usize {
    // Sandboxes have the project's name and no network's.
    shop.left().iter().filter(|one| one.contains(name)).count()
}

#[test]
fn a_network_is_called_as_its_file_says_and_never_a_strangers() {
    let _turn = crate::life::turn();
    for shop in shops("called") {
        let name = format!("{}-own", shop.name);
        let text = |network: &str| format!("{LINKED}networks: {{default: {network}}}\n");
        shop.write(&text(&format!("{{name: {name}}}")));
        let ran = shop.up(&["--wait"]);
        assert_eq!(ran.code, 0, "{}: {ran:?}", shop.backend);
        shop.until("database answers", || answer(&shop, "web", "database") == "rows\n");
        assert_eq!(
            (networks(&shop, &name), networks(&shop, "_default")),
            (1, 0),
            "{}: {:?}",
            shop.backend,
            shop.left()
        );
        // Another project that calls its own so gets none, and this one stays as it is.
        let thief = shop.beside("b");
        thief.write(&text(&format!("{{name: {name}}}")));
        let ran = thief.up(&[]);
        assert!(ran.code == 5 && ran.stderr.contains(&name), "{}: {ran:?}", shop.backend);
        assert_eq!(answer(&shop, "web", "database"), "rows\n", "{}", shop.backend);
        assert!(thief.ps().is_empty(), "{}: {:?}", shop.backend, thief.ps());
        // The usual name again: it is replaced, with all that is in it.
        shop.write(&text(""));
        let ran = shop.up(&["--wait"]);
        assert_eq!(ran.code, 0, "{}: {ran:?}", shop.backend);
        shop.until("database answers again", || answer(&shop, "web", "database") == "rows\n");
        assert_eq!(
            (networks(&shop, &name), networks(&shop, "_default")),
            (0, 1),
            "{}: {:?}",
            shop.backend,
            shop.left()
        );
        assert_eq!(shop.compose(&["down", "-t", "0"]).code, 0, "{}", shop.backend);
        assert_eq!(shop.left(), Vec::<String>::new(), "{}", shop.backend);
    }
}

/// Three in a network whose addresses are written down.
fn addressed(third: u8, gateway: &str) -> String {
    format!(
        "services:
  web: &one
    image: oci:examples/hello/image
    command: [/bin/busybox, sleep, '600']
  db: *one
  fixed:
    <<: *one
    networks: {{default: {{ipv4_address: 10.124.{third}.9}}}}
networks: {{default: {{ipam: {{config: [{{subnet: 10.124.{third}.0/24, ip_range: 10.124.{third}.64/30{gateway}}}]}}}}}}
"
    )
}

#[test]
fn addresses_are_of_the_range_but_those_that_are_asked_for_and_never_the_gateways() {
    let _turn = crate::life::turn();
    for (shop, third) in shops("range").into_iter().zip(31..) {
        let own = |service: &str| {
            let ask = "busybox grep -B 1 'host LOCAL' /proc/net/fib_trie | busybox grep -o '10[.]124[.0-9]*' | busybox sort -u";
            shop.exec(service, ask).stdout.trim().to_owned()
        };
        let inside = addressed(third, &format!(", gateway: 10.124.{third}.65"));
        let beside = addressed(third, &format!(", gateway: 10.124.{third}.254"));
        shop.write(&inside);
        if shop.backend == "podman" {
            let ran = shop.up(&[]);
            assert!(
                ran.code == 5 && ran.stderr.contains("an `ip_range` in which the gateway is not"),
                "{ran:?}"
            );
            shop.write(&beside);
        }
        let ran = shop.up(&["--wait"]);
        assert_eq!(ran.code, 0, "{}: {ran:?}", shop.backend);
        let (web, db) = (own("web"), own("db"));
        let range = [64, 65, 66, 67].map(|last| format!("10.124.{third}.{last}"));
        assert!(web != db && range.contains(&web) && range.contains(&db), "{}: {web} {db}", shop.backend);
        if shop.backend != "podman" {
            assert!(web != range[1] && db != range[1], "{}: {web} {db}", shop.backend);
        }
        assert_eq!(own("fixed"), format!("10.124.{third}.9"), "{}", shop.backend);
        // Another gateway makes the network anew, and the same again nothing.
        shop.rewrite(&beside);
        let before = shop.id("web");
        assert_eq!(shop.up(&["--wait"]).code, 0, "{}", shop.backend);
        assert_eq!(shop.id("web") != before, shop.backend != "podman", "{}", shop.backend);
        let before = shop.id("web");
        assert_eq!(shop.up(&["--wait"]).code, 0, "{}", shop.backend);
        assert_eq!(shop.id("web"), before, "{}", shop.backend);
        assert_eq!(shop.compose(&["down", "-t", "0"]).code, 0, "{}", shop.backend);
        assert_eq!(shop.left(), Vec::<String>::new(), "{}", shop.backend);
    }
}
