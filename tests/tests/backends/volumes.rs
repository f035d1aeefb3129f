//! Volumes of a project: what is in one stays, nothing in it is executed, and its engine has no others for us.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use perry_sandbox_pipeline::Wish;
use perry_sandbox_policy::{VolumeAccess, VolumeMount, WantedProject};
use perry_sandbox_testkit::Ran;

use crate::engines::engines;
use crate::project::{Beside, Project, projects};

fn volume(name: &str, access: VolumeAccess) -> WantedProject {
    let (volume, path) = (name.parse().expect("a name"), "/data".parse().expect("a path"));
    WantedProject { volumes: vec![VolumeMount { volume, path, access }], ..WantedProject::default() }
}

/// The flags of `/data`, as the kernel says them inside.
const FLAGS: &str =
    "/bin/busybox sed -n 's|^[^/]*/[^ ]* /data \\([^ ]*\\) .*|flags \\1|p' /proc/self/mountinfo";

/// The volumes of an engine that have a label.
fn labelled(project: &Project, label: &str) -> String {
    let said = project.bare(&["volume", "ls", "--quiet", "--filter", &format!("label={label}")]);
    assert!(said.status.success(), "{said:?}");
    String::from_utf8_lossy(&said.stdout).into_owned()
}

#[test]
fn what_a_volume_holds_stays_and_is_never_executed() {
    let _turn = crate::life::turn();
    for mut project in projects("keep") {
        project.make("volume", "data");
        let write = format!(
            "cp=/bin/busybox; echo kept >/data/file && $cp cp /bin/busybox /data/program && \
             $cp chmod 755 /data/program && /data/program true; echo $?; {FLAGS}; $cp ls -ldn /data"
        );
        let ran = project.run("web", &write, volume("data", VolumeAccess::Write));
        assert!(ran.stdout.contains("126\n") && ran.stderr.contains("Permission denied"), "{ran:?}");
        assert!(ran.stdout.contains("flags rw,nosuid,nodev,noexec"), "{ran:?}");
        assert!(ran.stdout.contains(" 1000 "), "its user owns it: {ran:?}");
        let read = format!(
            "/bin/busybox cat /data/file; echo new >/data/file || echo refused; /data/program true; echo $?; {FLAGS}"
        );
        let ran = project.run("db", &read, volume("data", VolumeAccess::Read));
        assert!(ran.stdout.starts_with("kept\n") && ran.stdout.contains("126\n"), "{ran:?}");
        assert!(ran.stdout.contains("refused") || ran.stderr.contains("Read-only file system"), "{ran:?}");
        assert!(ran.stdout.contains("flags ro,nosuid,nodev,noexec"), "{ran:?}");
        // Whoever owns it keeps it, and whoever else writes is kept out.
        let other = Wish {
            user: Some("2000:2000".to_owned()),
            ..project.wish("other", "echo x >/data/file", volume("data", VolumeAccess::Write))
        };
        let ran = Ran::from(project.start("run", &other).wait_with_output().expect("it ends"));
        assert!(ran.code != 0 && ran.stderr.contains("Permission denied"), "{ran:?}");
    }
}

#[test]
fn a_volume_that_is_not_the_projects_own_is_refused_and_none_is_made() {
    let _turn = crate::life::turn();
    for mut project in projects("none") {
        let refused = |project: &Project, service: &str, key: &str, why: &str| {
            for access in [VolumeAccess::Write, VolumeAccess::Read] {
                let ran = project.run(service, "echo ran", volume(key, access));
                assert!(
                    ran.code == 125 && ran.stdout.is_empty() && ran.stderr.contains(why),
                    "{why}: {ran:?}"
                );
            }
        };
        refused(&project, "web", "data", "has no volume");
        assert!(
            !project.bare(&["volume", "inspect", &project.named("data")]).status.success(),
            "it was made"
        );
        project.make_barely("volume", "data", &[]);
        refused(&project, "web", "data", "was not made by perry-sandbox");
        project.make("volume", "b_c");
        refused(&project, &format!("{}_b/web", project.name), "c", "does not belong to the project");
        let ran = project.run("web", "echo ran", volume("b_c", VolumeAccess::Read));
        assert_eq!((ran.code, ran.stdout.as_str()), (0, "ran\n"), "{ran:?}");
    }
}

#[test]
fn docker_is_given_no_volume_in_which_something_could_be_executed() {
    let _turn = crate::life::turn();
    for mut project in projects("bare").filter(|project| project.wall.name == "docker") {
        let labels = [
            format!("--label=perry-sandbox.volume={}", project.named("data")),
            format!("--label=perry-sandbox.project={}", project.name),
        ];
        let place = engines().folder().join("docker/volumes").join(project.named("data"));
        let at = place.display();
        let rest = "nosuid,nodev";
        let options = [
            "--opt=type=overlay".to_owned(),
            "--opt=device=overlay".to_owned(),
            format!("--opt=o=lowerdir={at}/lower,upperdir={at}/data,workdir={at}/work,{rest}"),
        ];
        for flags in [&labels[..], &[&labels[..], &options[..]].concat()] {
            let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
            project.make_barely("volume", "data", &flags);
            for access in [VolumeAccess::Write, VolumeAccess::Read] {
                let ran = project.run("web", "echo ran", volume("data", access));
                assert!(ran.code == 125 && ran.stdout.is_empty(), "{ran:?}");
                assert!(ran.stderr.contains("by which nothing in it is executed"), "{ran:?}");
            }
            project.unmake();
        }
    }
}

/// A socket of docker's before which something is done when a container is to be made.
fn before_create(socket: &Path, act: impl Fn() + Send + 'static) {
    let listener = UnixListener::bind(socket).expect("the home can be written");
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let mut client = client.expect("somebody asks");
            let mut head = [0; 4096];
            let read = client.read(&mut head).expect("a question");
            if head.starts_with(b"POST /v1.40/containers/create") {
                act();
            }
            let mut engine = UnixStream::connect(engines().folder().join("docker.sock")).expect("it lives");
            engine.write_all(&head[..read]).expect("it reads");
            for (mut from, mut to) in [
                (client.try_clone().expect("a socket"), engine.try_clone().expect("a socket")),
                (engine, client),
            ] {
                std::thread::spawn(move || {
                    // Either may have heard enough.
                    drop(std::io::copy(&mut from, &mut to));
                    drop(to.shutdown(Shutdown::Write));
                });
            }
        }
    });
}

#[test]
fn a_volume_that_docker_makes_by_itself_is_given_to_nobody() {
    let _turn = crate::life::turn();
    for mut project in projects("late").filter(|project| project.wall.name == "docker") {
        project.make("volume", "data");
        let (name, socket) = (project.named("data"), project.home.path().join("docker.sock"));
        before_create(&socket, move || {
            let mut client = Command::new("docker");
            client.args(["volume", "rm", &name]).env_clear().envs(engines().environment());
            assert!(client.output().expect("the client starts").status.success());
        });
        let host = [("DOCKER_HOST", format!("unix://{}", socket.display()))];
        let wish = project.wish("web", "echo ran", volume("data", VolumeAccess::Write));
        let ran = Ran::from(project.start_with(&host, "run", &wish).wait_with_output().expect("it ends"));
        assert!(ran.code == 125 && ran.stdout.is_empty(), "{ran:?}");
        assert!(ran.stderr.contains("has no volume"), "{ran:?}");
        // What the engine has made in its place goes with the sandbox.
        assert!(!project.bare(&["volume", "inspect", &project.named("data")]).status.success(), "{ran:?}");
    }
}

#[test]
fn a_volume_goes_with_all_that_is_in_it_when_nobody_sees_it_any_more() {
    let _turn = crate::life::turn();
    for mut project in projects("go") {
        project.make("volume", "data");
        let name = project.named("data");
        let remove = |project: &Project| project.wall.ask(&project.home, &["engine", "volume", "rm", &name]);
        // Who reads sees at once what is written beside it.
        let read = "until /bin/busybox grep written /data/file 2>/dev/null; do /bin/busybox sleep 0.1; done; \
             exec /bin/busybox sleep 600";
        let mut reader = project.start("run", &project.wish("db", read, volume("data", VolumeAccess::Read)));
        let mut out = BufReader::new(reader.stdout.take().expect("a pipe was asked for"));
        let reader = Beside(reader);
        let ran = project.run("web", "echo written >/data/file", volume("data", VolumeAccess::Write));
        assert_eq!(ran.code, 0, "{ran:?}");
        let mut said = String::new();
        out.read_line(&mut said).expect("it speaks");
        assert_eq!(said, "written\n", "{}", project.wall.name);
        let ran = remove(&project);
        assert!(ran.code == 125 && ran.stderr.contains("use"), "{}: {ran:?}", project.wall.name);
        drop(reader);
        // It was killed, and is removed by its guard.
        let begun = Instant::now();
        let mut ran = remove(&project);
        while ran.code != 0 && begun.elapsed() < Duration::from_secs(60) {
            std::thread::sleep(Duration::from_millis(100));
            ran = remove(&project);
        }
        assert_eq!(ran.code, 0, "{}: {ran:?}", project.wall.name);
        assert_eq!(labelled(&project, &format!("perry-sandbox.view={name}")), "");
        let place = engines().folder().join("docker/volumes");
        let left = fs::read_dir(place).into_iter().flatten().flatten();
        let left: Vec<_> = left.filter(|one| one.file_name().to_string_lossy().contains(&name)).collect();
        assert!(left.is_empty(), "{left:?}");
    }
}
