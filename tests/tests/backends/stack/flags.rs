//! What flags of docker compose come to.

use super::shop::shops;

const TWO: &str = "\
services:
  w:
    image: oci:examples/hello/image
    network_mode: none
    scale: 2
    command: [/bin/busybox, sh, -c, 'echo hello; busybox sleep 1']
";

#[test]
fn who_looks_on_sees_what_is_new_and_by_whom() {
    let _turn = crate::life::turn();
    for shop in shops("looks").into_iter().filter(|shop| shop.backend == "native") {
        shop.write(TWO);
        for when in ["policy", "never"] {
            let ran = shop.compose(&["up", "--policy", "policy.toml", "--pull", when]);
            let mut said: Vec<&str> = ran.stdout.lines().collect();
            said.sort_unstable();
            assert_eq!((ran.code, said), (0, vec!["w-1 | hello", "w-2 | hello"]), "{when}: {}", ran.stderr);
        }
        let lines = |flags: &[&str]| {
            let ran = shop.compose(&[&["logs"], flags].concat());
            assert_eq!(ran.code, 0, "{ran:?}");
            ran.stdout.lines().count()
        };
        assert_eq!(lines(&[]), 4, "each has said it twice");
        assert_eq!((lines(&["--since", "1h"]), lines(&["--since", "2100-01-01T00:00:00Z"])), (4, 0));
        assert_eq!((lines(&["--until", "1"]), lines(&["--since", "0", "--until", "0s"])), (0, 4));
        assert_eq!(lines(&["-f", "--until", "0s"]), 4, "it does not go on for what it is not to show");
        let rows = |flags: &[&str]| shop.compose(&[&["ps", "-q"], flags].concat()).stdout.lines().count();
        assert_eq!(
            (rows(&[]), rows(&["--filter", "status=exited"]), rows(&["--status", "paused"])),
            (0, 2, 0)
        );
        shop.rewrite("services: {other: {image: x}}\n");
        assert_eq!((rows(&["-a"]), rows(&["-a", "--orphans=false"])), (2, 0));
        for (words, why) in [
            (["logs", "--since", "soon"].as_slice(), "as 10m is expected"),
            (&["ps", "--filter", "name=w"], "status=STATUS"),
            (&["exec", "-t", "-T", "w", "true"], "cannot be used with"),
        ] {
            let ran = shop.compose(words);
            assert!(ran.code == 2 && ran.stderr.contains(why), "{words:?}: {ran:?}");
        }
    }
}
