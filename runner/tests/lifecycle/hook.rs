//! This very program as launcher process and supervisor, by a constructor that runs before `main`.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

use perry_sandbox_runner::{End, Launcher, Sandboxes, Streams, Surroundings};

use super::yard::{Yard, until, yard};

const SELF: &str = "/proc/self/exe";

fn surroundings(runtime: &Path) -> Surroundings<'_> {
    Surroundings {
        runtime,
        trail: None,
        commands: None,
        secrets: None,
        window: (24, 80),
        clock: jiff::Timestamp::now,
        engines: None,
    }
}

fn launch(launcher: &Launcher, yard: &Yard) -> End {
    let (plan, image, rootfs) = (&yard.spine.plan, &yard.spine.image, &yard.spine.rootfs);
    let surroundings = surroundings(&yard.runtime);
    launcher.launch(plan, image, rootfs, Streams::captured(), &surroundings).unwrap().end
}

#[test]
fn a_constructor_before_main_serves_as_supervisor() {
    let mut yard = yard("echo ready; sleep 300");
    yard.sandboxes = Sandboxes::open(&yard.runtime).unwrap();
    let id = yard.run();
    until(|| yard.log(&id).contains("ready").then_some(()));
    assert_eq!(yard.shell(&id, "exit 6").end, End::Exited(6));
    let supervisor = yard.sandboxes.inspect(&id).unwrap().supervisor.unwrap();
    let program = fs::read_link(format!("/proc/{supervisor}/exe")).unwrap();
    assert_eq!(program, fs::read_link(SELF).unwrap());
    yard.sandboxes.remove(&id, true).unwrap();
}

#[test]
fn under_a_name_of_ours_but_without_our_socket_it_is_the_program_itself() {
    use std::os::unix::process::CommandExt as _;
    for name in ["perry-sandbox-launcher", "perry-sandbox-supervisor", "perry-sandbox-detacher"] {
        let output = Command::new(SELF).arg0(name).arg("--list").stdin(Stdio::null()).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success() && text.contains("lifecycle::hook::"), "{name}");
    }
}

/// Executes a program as nobody, under a name of ours and with a socket of nobody's that is closed at once.
const AS_NOBODY: &str = "import os, socket, subprocess, sys\n\
    os.setgroups([]); os.setresgid(65534, 65534, 65534); os.setresuid(65534, 65534, 65534)\n\
    ours, theirs = socket.socketpair()\n\
    helper = subprocess.Popen(['perry-sandbox-launcher'], executable=sys.argv[1], stdin=theirs)\n\
    ours.close(); theirs.close()\n\
    sys.exit(helper.wait())";

#[test]
fn a_program_with_more_rights_than_its_user_obeys_no_socket() {
    use std::os::unix::fs::{PermissionsExt as _, chown};
    let python = Path::new("/usr/bin/python3");
    if !nix::unistd::geteuid().is_root() || !python.exists() {
        return perry_sandbox_testkit::skip("only root makes set-id programs, and python3 executes them");
    }
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("program");
    perry_sandbox_testkit::copy_program(super::yard::program(), &copy);
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let served = |mode| {
        chown(&copy, None, Some(1)).unwrap();
        fs::set_permissions(&copy, fs::Permissions::from_mode(mode)).unwrap();
        Command::new(python).args(["-c", AS_NOBODY]).arg(&copy).status().unwrap().code()
    };
    assert_eq!(served(0o755), Some(0), "an ordinary program serves its own user");
    // The launcher's own `main` answers 2 where it is none.
    assert_eq!(served(0o2755), Some(2), "one that is of another group");
    assert_eq!(served(0o4755), Some(2), "one that is of another user");
    fs::set_permissions(&copy, fs::Permissions::from_mode(0o755)).unwrap();
    if Command::new("setcap").arg("cap_net_raw+ep").arg(&copy).status().is_ok_and(|it| it.success()) {
        let status = Command::new(python).args(["-c", AS_NOBODY]).arg(&copy).status().unwrap();
        assert_eq!(status.code(), Some(2), "one with file capabilities");
    }
}

#[test]
fn many_threads_launch_through_one_launcher_and_no_descriptor_stays() {
    let yard = yard("exit 4");
    let launcher = Launcher::start(Path::new(SELF)).unwrap();
    assert_eq!(launch(&launcher, &yard), End::Exited(4));
    let open = |process: &str| fs::read_dir(format!("/proc/{process}/fd")).unwrap().count();
    let before = open(&launcher.id().to_string());
    thread::scope(|scope| {
        let all: Vec<_> = (0..300).map(|_| scope.spawn(|| launch(&launcher, &yard))).collect();
        assert!(all.into_iter().all(|one| one.join().unwrap() == End::Exited(4)));
    });
    // The launcher closes what was its share a moment after it has said the end.
    until(|| (open(&launcher.id().to_string()) <= before).then_some(()));
    assert_eq!(yard.left(), Vec::<String>::new());
}

/// The name under which the next test starts a copy of this program: alone, its descriptors can be counted.
const COUNTED: &str = "launching-program";

/// Not a test of its own: launches as often as its folder says, and counts.
#[test]
fn launching_program() {
    if std::env::args().next().as_deref() != Some(COUNTED) {
        return;
    }
    let times = fs::read_to_string("/proc/self/cwd/times").unwrap().parse().unwrap();
    let yard = yard("exit 4");
    let launcher = Launcher::start(Path::new(SELF)).unwrap();
    let open = || fs::read_dir("/proc/self/fd").unwrap().count();
    let resident = || {
        let text = fs::read_to_string(format!("/proc/{}/statm", launcher.id())).unwrap();
        text.split(' ').nth(1).unwrap().parse::<usize>().unwrap()
    };
    assert_eq!(launch(&launcher, &yard), End::Exited(4));
    let (before, pages) = (open(), resident());
    for _ in 0..times {
        assert_eq!(launch(&launcher, &yard), End::Exited(4));
    }
    assert_eq!(open(), before, "after {times} launches");
    eprintln!(
        "{times} launches: {before} descriptors before and after, launcher {pages} -> {} pages",
        resident()
    );
    assert!(resident() < pages + 512, "the launcher has grown from {pages} to {} pages", resident());
}

#[test]
fn no_descriptor_stays_open_over_many_launches() {
    use std::os::unix::process::CommandExt as _;
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("times"), "200").unwrap();
    let output = Command::new(SELF)
        .arg0(COUNTED)
        .args(["--exact", "lifecycle::hook::launching_program", "--nocapture"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && text.contains("200 launches"), "{text}");
}
