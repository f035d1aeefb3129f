//! No room any more: for records and logs, for addresses, for processes.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::super::broken::{nothing_is_left, of};
use super::super::shop::{Shop, shops};
use super::answers::{goes, pair};

/// Namespaces of their own, that a process keeps; they go with this.
struct Apart {
    keeper: Child,
    flag: &'static str,
}

impl Apart {
    /// New namespaces of this kind, after a line of shell in them.
    fn new(flag: &'static str, line: &str) -> Self {
        let script = format!("{line} && echo ready && exec cat");
        let mut keeper = Command::new("unshare");
        keeper.args([flag, "sh", "-ec", &script]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut keeper = keeper.spawn().expect("unshare starts");
        let mut ready = String::new();
        let said = BufReader::new(keeper.stdout.take().expect("a pipe")).read_line(&mut ready);
        assert!(said.is_ok() && ready == "ready\n", "{line}");
        Self { keeper, flag }
    }

    /// A project whose commands are started in there.
    fn holds(&self, shop: Shop) -> Shop {
        let target = format!("--target={}", self.keeper.id());
        // Whoever enters finds itself in the root folder.
        let home = "cd \"${HOME:-/}\" && exec \"$0\" \"$@\"";
        shop.started_by(&["nsenter", self.flag, &target, "sh", "-c", home])
    }

    /// A line of shell in there.
    fn sh(&self, line: &str) -> bool {
        let target = format!("--target={}", self.keeper.id());
        let done = Command::new("nsenter").args([self.flag, &target, "sh", "-ec", line]).status();
        done.is_ok_and(|status| status.success())
    }
}

impl Drop for Apart {
    fn drop(&mut self) {
        drop(self.keeper.kill());
        drop(self.keeper.wait());
    }
}

/// Records of sandboxes in a file system with so much room.
fn with_records(kilobytes: u32) -> Apart {
    let line = format!(
        "mkdir -p /run/perry-sandbox; mount -t tmpfs -o mode=700,size={kilobytes}k none /run/perry-sandbox"
    );
    Apart::new("--mount", &line)
}

#[test]
fn records_that_cannot_be_written_leave_nothing() {
    let _turn = crate::life::turn();
    // podman keeps mounts of its own in namespaces of its choice; what writes records is the same for all.
    'backends: for backend in ["native", "docker"] {
        let mut came_up = false;
        for kilobytes in [8, 16, 24, 32, 40, 64, 512] {
            let apart = with_records(kilobytes);
            let Some(shop) = shops("records").into_iter().find(|shop| shop.backend == backend) else {
                continue 'backends;
            };
            let shop = apart.holds(shop);
            shop.write(&pair());
            let ran = shop.up(&[]);
            let when = format!("{kilobytes}: {ran:?}");
            came_up = ran.code == 0;
            if came_up {
                goes(&shop, &when);
                break;
            }
            assert!([1, 5].contains(&ran.code) && ran.stderr.contains("No space left"), "{when}");
            assert!(!ran.stderr.contains("panicked"), "{when}");
            shop.until(&format!("nothing is left at {when}"), || shop.left().is_empty());
        }
        assert!(came_up, "{backend}: it never came up");
    }
}

#[test]
fn logs_that_cannot_be_written_keep_nobody_from_running_and_from_going() {
    let _turn = crate::life::turn();
    let Some(shop) = shops("logs").into_iter().find(|shop| shop.backend == "native") else { return };
    let apart = with_records(1024);
    let shop = apart.holds(shop);
    let talks = "[/bin/busybox, sh, -c, 'busybox head -c 3000000 /dev/zero; echo done >/tmp/done; exec busybox sleep 300']";
    let text = of(&[
        ("a", ""),
        ("b", ", healthcheck: {test: [CMD, /bin/busybox, test, -e, /tmp/done], interval: 200ms}"),
    ]);
    // The last of them is the one that talks.
    let at = text.rfind("[/bin/busybox, sleep, '300']").expect("a command");
    let text = format!("{}{talks}{}", &text[..at], &text[at + "[/bin/busybox, sleep, '300']".len()..]);
    shop.write(&text);
    assert_eq!(shop.up(&[]).code, 0);
    shop.until("it has said all that it has to say", || {
        shop.exec("b", "busybox cat /tmp/done").stdout == "done\n"
    });
    let ran = shop.compose(&["down", "-t", "0"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(shop.left(), Vec::<String>::new(), "{ran:?}");
}

#[test]
fn what_is_up_when_the_disk_runs_full_can_be_taken_down() {
    let _turn = crate::life::turn();
    for shop in shops("fills").into_iter().filter(|shop| shop.backend != "podman") {
        let apart = with_records(1024);
        let shop = apart.holds(shop);
        shop.write(&pair());
        assert_eq!(shop.up(&[]).code, 0, "{}", shop.backend);
        assert!(!apart.sh("cat /dev/zero >/run/perry-sandbox/filler 2>/dev/null"), "it is full");
        shop.rewrite(&pair().replacen("'300'", "'301'", 1));
        let before = shop.ps();
        let ran = shop.up(&[]);
        assert!(ran.code != 0 && ran.stderr.contains("No space left"), "{}: {ran:?}", shop.backend);
        assert_eq!(shop.ps().len(), before.len(), "{}: {ran:?}", shop.backend);
        let ran = shop.compose(&["down", "-v", "-t", "0"]);
        assert_eq!(ran.code, 0, "{}: {ran:?}", shop.backend);
        shop.until("nothing is left", || shop.left().is_empty());
    }
}

#[test]
fn addresses_that_are_all_taken_leave_nothing() {
    let _turn = crate::life::turn();
    for shop in shops("pool") {
        shop.write(&pair());
        match shop.backend {
            // Those are given to networks where the daemon is.
            "docker" => {
                let target = format!("--target={}", crate::engines::engines().docker_pid());
                let host = |line: &str| {
                    let done = Command::new("nsenter").args(["--net", &target, "sh", "-ec", line]).status();
                    assert!(done.is_ok_and(|status| status.success()), "{line}");
                };
                host(
                    "ip link add full type bridge; ip link set full up; ip addr add 172.16.0.1/12 dev full; ip addr add 192.168.0.1/16 dev full",
                );
                let ran = shop.up(&[]);
                host("ip link del full");
                assert!(ran.code == 5 && ran.stderr.contains("create network default"), "{ran:?}");
                assert_eq!(shop.left(), Vec::<String>::new(), "{ran:?}");
            }
            "podman" => {
                let taken =
                    "ip link add full type bridge; ip link set full up; ip addr add 10.0.0.1/8 dev full";
                let apart = Apart::new("--net", taken);
                nothing_is_left(&apart.holds(shop), &[], 5, "create network default");
            }
            _ => {
                let apart = with_records(4096);
                let other = apart.holds(shop.beside("all"));
                let all = "networks: {default: {ipam: {config: [{subnet: 10.0.0.0/8}]}}}\n";
                other.write(&format!("{}{all}", of(&[("a", "")])));
                assert_eq!(other.up(&[]).code, 0);
                nothing_is_left(&apart.holds(shop), &[], 5, "create network default");
            }
        }
    }
}

/// A control group in which there may be so many processes and threads.
struct Few(PathBuf);

impl Few {
    /// Where groups are made whose processes are counted, if this machine lets us.
    fn parent() -> Option<&'static Path> {
        let (first, second) = (Path::new("/sys/fs/cgroup/pids"), Path::new("/sys/fs/cgroup"));
        if first.join("cgroup.procs").exists() {
            return Some(first);
        }
        fs::write(second.join("cgroup.subtree_control"), "+pids").is_ok().then_some(second)
    }

    fn new(parent: &Path, most: u32) -> Self {
        let group = parent.join(format!("perry-few-{}", std::process::id()));
        fs::create_dir_all(&group).expect("a group of ours");
        fs::write(group.join("pids.max"), most.to_string()).expect("it can be limited");
        Self(group)
    }

    /// A project whose commands are started in there.
    fn holds(&self, shop: Shop) -> Shop {
        let enter = format!("echo $$ >{}/cgroup.procs; exec \"$0\" \"$@\"", self.0.display());
        shop.started_by(&["sh", "-c", &enter])
    }
}

impl Drop for Few {
    fn drop(&mut self) {
        // What was killed may take a moment.
        for _ in 0..50 {
            if fs::remove_dir(&self.0).is_ok() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
    }
}

#[test]
fn processes_and_threads_that_cannot_be_made_leave_nothing_that_is_not_said() {
    let _turn = crate::life::turn();
    let Some(parent) = Few::parent() else {
        return perry_sandbox_testkit::skip("no control groups here that count processes");
    };
    for backend in ["native", "podman", "docker"] {
        let Some(shop) = shops("few").into_iter().find(|shop| shop.backend == backend) else { continue };
        shop.write(&pair());
        let mut shop = shop;
        let mut came_up = false;
        for most in [2, 4, 6, 8, 12, 16, 20, 28, 40, 64, 128] {
            let few = Few::new(parent, most);
            shop = few.holds(shop);
            let ran = shop.up(&[]);
            shop = shop.started_by(&[]);
            let when = format!("{most} on {backend}: {ran:?}");
            came_up = ran.code == 0;
            if came_up {
                goes(&shop, &when);
                break;
            }
            assert!(!ran.stderr.contains("panicked") && [1, 5].contains(&ran.code), "{when}");
            if ran.stderr.contains("left: ") {
                let again = shop.compose(&["recover"]);
                assert_eq!(again.code, 0, "{when}: {again:?}");
            }
            shop.until(&format!("nothing is left of {when}"), || shop.left().is_empty());
        }
        assert!(came_up, "{backend}: it never came up");
    }
}
