//! Volumes without a name: made with their service, had again by the one that takes its place, and gone with it when asked for.

use super::shop::{Shop, shops};

const SERVICE: &str = "\
services:
  web:
    image: oci:examples/hello/image
    command: [/bin/busybox, sh, -c, 'echo started >>/data/log; exec /bin/busybox sleep 600']
    network_mode: none
    volumes: [/data]
  other:
    image: oci:examples/hello/image
    command: [/bin/busybox, sleep, '600']
    network_mode: none
    volumes: [/data]
";

/// How many volumes a service has.
fn volumes(shop: &Shop, service: &str) -> usize {
    let name = format!("{}_{service}-anonymous-", shop.name);
    shop.left().iter().filter(|one| one.contains(&name)).count()
}

fn lines(shop: &Shop) -> String {
    shop.exec("web", "busybox grep -c started /data/log").stdout
}

#[test]
fn it_is_the_services_own_and_goes_with_it_where_volumes_go() {
    let _turn = crate::life::turn();
    for shop in shops("anon") {
        shop.write(SERVICE);
        let ran = shop.up(&["--wait"]);
        assert_eq!(ran.code, 0, "{}: {ran:?}", shop.backend);
        shop.until("it has written", || lines(&shop) == "1\n");
        assert_eq!(shop.exec("other", "busybox ls /data").stdout, "", "{}: each has its own", shop.backend);
        let exec = shop.exec("web", "busybox cp /bin/busybox /data/x; /data/x true; echo $?");
        assert!(exec.stdout.trim_end().ends_with("126"), "{}: {exec:?}", shop.backend);
        // The one that takes its place has it again, and so has the one that comes after `down`.
        assert_eq!(shop.up(&["--wait", "--force-recreate", "web"]).code, 0, "{}", shop.backend);
        shop.until("the next has written", || lines(&shop) == "2\n");
        assert_eq!(shop.compose(&["down", "-t", "0"]).code, 0, "{}", shop.backend);
        assert_eq!(
            (volumes(&shop, "web"), volumes(&shop, "other")),
            (1, 1),
            "{}: {:?}",
            shop.backend,
            shop.left()
        );
        assert_eq!(shop.up(&["--wait"]).code, 0, "{}", shop.backend);
        shop.until("the third has written", || lines(&shop) == "3\n");
        let ran = shop.compose(&["rm", "-fsv", "web"]);
        assert_eq!(ran.code, 0, "{}: {ran:?}", shop.backend);
        assert_eq!(
            (volumes(&shop, "web"), volumes(&shop, "other")),
            (0, 1),
            "{}: {:?}",
            shop.backend,
            shop.left()
        );
        assert_eq!(shop.up(&["--wait"]).code, 0, "{}", shop.backend);
        shop.until("it is new", || lines(&shop) == "1\n");
        assert_eq!(shop.compose(&["down", "-v", "-t", "0"]).code, 0, "{}", shop.backend);
        assert_eq!(shop.left(), Vec::<String>::new(), "{}", shop.backend);
    }
}

const LENT: &str = "\
services:
  web:
    image: oci:examples/hello/image
    command: [/bin/busybox, sh, -c, 'echo started >>/data/log; exec /bin/busybox sleep 600']
    network_mode: none
    volumes: [/data, 'rows:/rows']
  other:
    image: oci:examples/hello/image
    command: [/bin/busybox, sleep, '600']
    network_mode: none
    volumes_from: ['web:ro']
volumes: {rows: }
";

#[test]
fn who_has_the_volumes_of_another_sees_what_that_has_written() {
    let _turn = crate::life::turn();
    for shop in shops("lent") {
        shop.write(LENT);
        shop.comes_up();
        shop.until("it has written", || lines(&shop) == "1\n");
        assert_eq!(shop.exec("web", "echo one >/rows/one").code, 0, "{}", shop.backend);
        let seen = shop.exec("other", "busybox cat /data/log /rows/one; echo more >/rows/two");
        assert!(seen.stdout == "started\none\n" && seen.code != 0, "{}: {seen:?}", shop.backend);
        assert_eq!((volumes(&shop, "web"), volumes(&shop, "other")), (1, 0), "{}", shop.backend);
        // Alone it still has what the other has.
        let ran = shop.up(&["--no-deps", "--force-recreate", "other"]);
        assert_eq!(ran.code, 0, "{}: {ran:?}", shop.backend);
        assert_eq!(shop.exec("other", "busybox cat /data/log").stdout, "started\n", "{}", shop.backend);
        // As long as there is somebody who has it, running or not, it stays; and nobody takes another's along.
        for (first, left) in [
            (["stop", "-t", "0", "other"].as_slice(), 1),
            (&["rm", "-fsv", "web"], 1),
            (&["rm", "-fv", "other"], 1),
        ] {
            let ran = shop.compose(first);
            assert_eq!((ran.code, volumes(&shop, "web")), (0, left), "{}: {first:?}: {ran:?}", shop.backend);
        }
        assert_eq!(shop.compose(&["down", "-v", "-t", "0"]).code, 0, "{}", shop.backend);
        assert_eq!(shop.left(), Vec::<String>::new(), "{}", shop.backend);
    }
}
