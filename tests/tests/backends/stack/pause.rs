//! Services whose processes are stopped where they are, and what services use.

use std::thread::sleep;
use std::time::Duration;

use serde_json::Value;

use super::shop::{Shop, shops};

/// One that counts in the background, and burns a processor.
const SERVICE: &str = "\
services:
  web:
    image: oci:examples/hello/image
    command: [/bin/busybox, sh, -c, '(while :; do echo x >>/tmp/count; done) & wait']
    network_mode: none
    stop_grace_period: 1s
";

fn counted(shop: &Shop) -> String {
    shop.exec("web", "wc -c </tmp/count").stdout
}

fn stats(shop: &Shop) -> Value {
    let ran = shop.compose(&["stats", "--no-stream", "--format", "json"]);
    assert_eq!(ran.code, 0, "{}: {ran:?}", shop.backend);
    serde_json::from_str(&ran.stdout).expect("one line of JSON")
}

#[test]
fn what_is_paused_does_nothing_until_it_is_let_go_on() {
    let _turn = crate::life::turn();
    for shop in shops("pause") {
        shop.write(SERVICE);
        assert_eq!(shop.up(&[]).code, 0, "{}", shop.backend);
        let busy = stats(&shop);
        assert!(busy["cpu-percent"].as_f64() > Some(1.0), "{}: {busy}", shop.backend);
        assert!(busy["processes"].as_u64() >= Some(2) && busy["memory-bytes"].as_u64() > Some(0), "{busy}");
        let top = shop.compose(&["top"]);
        let lines: Vec<&str> = top.stdout.lines().skip(1).collect();
        // The programs inside, and none of those that only carry them.
        assert!(lines.len() >= 2, "{}: {top:?}", shop.backend);
        assert!(lines.iter().all(|line| line.contains("/bin/busybox sh -c")), "{}: {top:?}", shop.backend);
        assert_eq!(shop.compose(&["pause"]).code, 0, "{}", shop.backend);
        let listed = shop.compose(&["ps"]);
        assert!(listed.stdout.contains("paused"), "{}: {listed:?}", shop.backend);
        let idle = stats(&shop);
        assert_eq!((idle["cpu-percent"].as_f64(), &idle["paused"]), (Some(0.0), &true.into()), "{idle}");
        let joined = shop.exec("web", "true");
        assert!(joined.code != 0 && joined.stderr.contains("is paused"), "{}: {joined:?}", shop.backend);
        assert_eq!(shop.compose(&["pause", "web"]).code, 0, "what is paused is left alone");
        assert_eq!(shop.compose(&["unpause"]).code, 0, "{}", shop.backend);
        let before = counted(&shop);
        sleep(Duration::from_millis(100));
        assert_ne!(counted(&shop), before, "{}: it goes on", shop.backend);
        assert_eq!(shop.compose(&["pause"]).code, 0, "{}", shop.backend);
        let told = shop.up(&["--dry-run"]);
        assert!(told.stdout.contains("unpause "), "{}: {told:?}", shop.backend);
        let up = shop.up(&["--wait"]);
        assert!(up.code == 0 && !shop.compose(&["ps"]).stdout.contains("paused"), "{}: {up:?}", shop.backend);
        // One that is paused hears that it is to end.
        assert_eq!(shop.compose(&["pause"]).code, 0, "{}", shop.backend);
        let down = shop.compose(&["down"]);
        assert_eq!(down.code, 0, "{}: {down:?}", shop.backend);
        assert_eq!(shop.left(), Vec::<String>::new(), "{}", shop.backend);
        assert_eq!(shop.compose(&["pause"]).code, 0, "there is nothing to pause");
    }
}
