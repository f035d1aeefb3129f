//! A service that has the network of another: `network_mode: service:NAME`.

use super::shop::{Shop, shops};

const SERVICES: &str = "\
services:
  web:
    image: oci:examples/hello/image
    command: [/bin/busybox, sleep, '600']
  db:
    image: oci:examples/hello/image
    command: [/bin/busybox, nc, -ll, -p, '7000', -e, /bin/busybox, echo, rows]
  probe:
    image: oci:examples/hello/image
    command: [/bin/busybox, nc, -ll, -p, '7001', -e, /bin/busybox, echo, probed]
    network_mode: 'service:db'
    healthcheck: {test: [CMD, /bin/busybox, sh, -c, 'busybox nc -w 2 127.0.0.1 7000 </dev/null | busybox grep rows'], interval: 300ms}
";

fn answer(shop: &Shop, service: &str, place: &str) -> String {
    let ask = format!("busybox nc -w 2 {place} </dev/null >/tmp/answer; busybox cat /tmp/answer");
    shop.exec(service, &ask).stdout
}

/// They are in one network namespace, which the probe has no power over.
fn are_one(shop: &Shop) {
    shop.until("the database answers on the probe's loopback", || {
        answer(shop, "probe", "127.0.0.1 7000") == "rows\n"
    });
    shop.until("the probe answers on the database's", || answer(shop, "db", "127.0.0.1 7001") == "probed\n");
    // Others find both by the one name.
    shop.until("both answer by name", || {
        answer(shop, "web", "db 7000") == "rows\n" && answer(shop, "web", "db 7001") == "probed\n"
    });
    let hosts = shop.exec("probe", "busybox cat /etc/hosts").stdout;
    assert!(hosts.contains(" db\n") && hosts.contains(" web\n") && !hosts.contains("probe"), "{hosts}");
    let down = shop.exec(
        "probe",
        "busybox ifconfig lo down; busybox ifconfig eth0 down; busybox route add default eth0",
    );
    assert_eq!(answer(shop, "probe", "127.0.0.1 7000"), "rows\n", "{down:?}");
    assert_eq!(answer(shop, "web", "db 7000"), "rows\n", "{down:?}");
}

#[test]
fn who_shares_a_network_is_where_the_other_is_and_goes_with_it() {
    let _turn = crate::life::turn();
    for shop in shops("beside") {
        shop.write(SERVICES);
        let ran = shop.up(&["--wait"]);
        if shop.backend != "native" {
            assert_ne!(ran.code, 0, "{ran:?}");
            assert!(ran.stderr.contains("the network of another"), "{ran:?}");
            assert_eq!(shop.left(), Vec::<String>::new(), "{}", shop.backend);
            continue;
        }
        assert_eq!(ran.code, 0, "{ran:?}");
        are_one(&shop);
        let (db, probe) = (shop.id("db"), shop.id("probe"));
        assert_eq!(shop.up(&["--wait"]).code, 0);
        assert_eq!(
            (shop.id("db"), shop.id("probe")),
            (db.clone(), probe.clone()),
            "what is as it is to be is left alone"
        );
        // The one whose network it is is made anew: so it is started again, in the new one.
        shop.rewrite(&SERVICES.replace("  db:\n", "  db:\n    restart: always\n"));
        let ran = shop.up(&["--wait"]);
        assert_eq!(ran.code, 0, "{ran:?}");
        assert!(shop.id("db") != db && shop.id("probe") == probe, "{ran:?}");
        are_one(&shop);
        // Whatever starts the one, the other comes with it.
        for starts in [["restart", "-t", "0", "db"].as_slice(), &["stop", "-t", "0", "db"], &["start", "db"]]
        {
            assert_eq!(shop.compose(starts).code, 0, "{starts:?}");
        }
        are_one(&shop);
        // Also where nobody asks for the other.
        let (db, probe) = (shop.id("db"), shop.id("probe"));
        let ran = shop.up(&["--force-recreate", "db"]);
        assert!(ran.code == 0 && shop.id("db") != db && shop.id("probe") == probe, "{ran:?}");
        are_one(&shop);
        // Nothing is ended that could not start again.
        assert_eq!(shop.compose(&["stop", "-t", "0", "db"]).code, 0);
        for again in ["restart", "start"] {
            let ran = shop.compose(&[again, "probe"]);
            assert!(
                again == "start" || ran.code == 1 && ran.stderr.contains("whose network `probe` shares"),
                "{ran:?}"
            );
        }
        assert_eq!(shop.compose(&["start", "db"]).code, 0);
        are_one(&shop);
        // Under another policy it would be beside one that may reach what the new one does not let it reach.
        let policy = std::fs::read_to_string(shop.file("policy.toml")).unwrap();
        shop.give("policy.toml", &format!("{policy}\n[tier.more]\nextends = [\"isolated\"]\n"));
        let ran = shop.up(&["--no-deps", "probe"]);
        assert!(ran.code == 5 && ran.stderr.contains("under another policy"), "{ran:?}");
        shop.give("policy.toml", &policy);
        // The one before could not be started again under that policy either, and it was said so.
        shop.give("policy.toml", &format!("{policy}\n[tier.more]\nextends = [\"isolated\"]\n"));
        let ran = shop.compose(&["recover"]);
        assert!(ran.code == 1 && ran.stderr.contains("these stay stopped"), "{ran:?}");
        shop.give("policy.toml", &policy);
        assert_eq!(shop.compose(&["start"]).code, 0, "and all is free again");
        are_one(&shop);
        // Alone it does not start: there is nothing to share.
        assert_eq!(shop.compose(&["rm", "-fs", "db"]).code, 0);
        let id = shop.id("probe");
        let ran = shop.compose(&["restart", "--no-deps", "-t", "0", "probe"]);
        assert!(ran.code != 0 && ran.stderr.contains("whose network `probe` shares"), "{id}: {ran:?}");
        assert_eq!(shop.compose(&["down", "-t", "0"]).code, 0);
        assert_eq!(shop.left(), Vec::<String>::new());
    }
}
