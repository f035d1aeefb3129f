//! Secrets as files, and nowhere else.

use std::io::Read as _;
use std::os::fd::AsFd as _;

use perry_sandbox_policy::SecretName;
use perry_sandbox_testkit::{again_as_ordinary, as_root};

use super::super::settings::Settings;
use super::super::spec::{Ground, Spec};
use super::super::steps::{MAX_FILES, Slot, Step};
use super::super::sys::MountAttributes;
use super::changed::changed;
use super::rootfs::{busybox, settings};
use super::*;
use crate::outcome::End;
use crate::secret::{Secret, SecretError, Secrets};

/// A value that nothing else contains, with bytes that are no text.
const VALUE: &[u8] = b"hush-4f9c\n\0\xff-end";

fn name(text: &str) -> SecretName {
    text.parse().unwrap()
}

fn token() -> Secrets {
    let mut secrets = Secrets::default();
    secrets.insert(name("token"), Secret::of_bytes(&name("token"), VALUE.to_vec()).unwrap()).unwrap();
    secrets
}

fn asking(line: &str) -> Settings {
    Settings { secrets: vec![name("token")], ..settings(&["/bin/sh", "-c", line]) }
}

fn run_with(settings: &Settings, secrets: Option<&Secrets>) -> Result<Finished, RunError> {
    let (root, live) = (busybox(), tempfile::tempdir().unwrap());
    let nowhere = without_cgroups();
    let place = Place { secrets, ..place(&nowhere, live.path()) };
    run(settings, &root_folder(root.path()), Streams::captured(), None, &place)
}

#[test]
fn a_secret_is_a_file_of_the_sandboxes_user_alone() {
    let secrets = token();
    for uid in [65_534, 0] {
        let settings = Settings { uid, gid: uid, ..asking("cat /run/secrets/token") };
        let finished = run_with(&settings, Some(&secrets)).unwrap();
        assert_eq!((finished.end, finished.stdout.as_slice()), (End::Exited(0), VALUE), "{uid}");
        let settings = Settings { uid, gid: uid, ..asking("ls -ln /run/secrets/token") };
        let text = String::from_utf8(run_with(&settings, Some(&secrets)).unwrap().stdout).unwrap();
        assert!(text.starts_with("-r--------") && text.contains(&format!(" {uid} ")), "{text}");
    }
}

#[test]
fn an_ordinary_user_gets_the_same() {
    again_as_ordinary("native::tests::secrets::a_secret_is_a_file_of_the_sandboxes_user_alone");
    again_as_ordinary("native::tests::secrets::nothing_but_the_file_shows_a_secret");
    again_as_ordinary("native::tests::secrets::the_folder_of_secrets_cannot_be_changed");
}

/// Everything that a program can look at, but for the file itself.
const LOOK: &str = "env; cat /proc/self/environ /proc/self/cmdline /proc/self/mountinfo /proc/self/maps \
    /proc/1/environ /proc/1/cmdline; ls -laR /run /proc/self/fd /tmp /dev";

#[test]
fn nothing_but_the_file_shows_a_secret() {
    let (secrets, settings) = (token(), asking(LOOK));
    let seen = |bytes: &[u8]| bytes.windows(9).any(|part| part == b"hush-4f9c");
    let finished = run_with(&settings, Some(&secrets)).unwrap();
    assert!(!finished.stdout.is_empty() && !seen(&finished.stdout) && !seen(&finished.stderr));
    let folder = busybox();
    let ground = Ground::survey(&settings, &root_folder(folder.path()), None).unwrap();
    let spec = Spec::assemble(&settings, &ground).unwrap();
    let steps: Vec<String> = spec.steps.iter().map(ToString::to_string).collect();
    assert!(steps.iter().any(|step| step.contains("the secret token")), "{steps:?}");
    let errors = [
        run_with(&asking("true"), None).unwrap_err(),
        run_with(&Settings { argv: vec!["/none".to_owned()], ..asking("true") }, Some(&secrets)).unwrap_err(),
    ];
    for text in [
        format!("{settings:?}{spec:?}{secrets:?}{errors:?}{finished:?}"),
        serde_json::to_string(&settings).unwrap(),
        serde_json::to_string(&spec).unwrap(),
        steps.join("\n"),
        errors.iter().map(ToString::to_string).collect(),
    ] {
        assert!(!seen(text.as_bytes()), "{text}");
    }
    assert!(matches!(errors[0], RunError::Secrets(SecretError::Missing(_))), "{errors:?}");
    // The check itself: in the file it is seen.
    assert!(seen(&run_with(&asking("cat /run/secrets/token"), Some(&secrets)).unwrap().stdout));
}

/// Says what should not be possible.
const CHANGE: &str = "cd /run/secrets; (echo x > token) 2>/dev/null && echo written; \
    (echo x > more) 2>/dev/null && echo made; rm -f token 2>/dev/null && echo removed; \
    grep -q ' /run/secrets tmpfs ro,nosuid,nodev,noexec,' /proc/self/mounts || echo flags; true";

#[test]
fn the_folder_of_secrets_cannot_be_changed() {
    let (secrets, root) = (token(), busybox());
    assert_eq!(changed(root.path(), &asking(CHANGE), Some(&secrets), |_| {}), "");
    let open = |steps: &mut Vec<Step>| {
        // Landlock as well: it is the second wall.
        steps.retain(|step| !matches!(step, Step::Confine { .. }));
        for step in steps {
            if let Step::AttachPart { mount: Slot::Files, attributes, .. } = step {
                *attributes = MountAttributes::Plain;
            }
        }
    };
    let said = changed(root.path(), &asking(CHANGE), Some(&secrets), open);
    assert!(said.contains("flags"), "without its defence: {said:?}");
    // As root the folder is not the user's.
    assert!(nix::unistd::geteuid().is_root() || said.contains("removed"), "without its defence: {said:?}");
}

#[test]
fn as_root_it_is_never_swapped_where_the_kernel_can_promise_that() {
    if !as_root() {
        return;
    }
    let promised = super::super::files::enforcer().contains("noswap");
    let finished = run_with(&asking("grep /run/secrets /proc/self/mounts"), Some(&token())).unwrap();
    let text = String::from_utf8(finished.stdout).unwrap();
    assert_eq!(text.contains("noswap"), promised, "{text}");
    assert!(!text.contains("uid="), "the range of ids is not shown: {text}");
}

#[test]
fn as_many_as_there_may_be_and_the_longest_fit() {
    let mut secrets = Secrets::default();
    let names: Vec<_> = (0..MAX_FILES).map(|number| name(&format!("s{number}"))).collect();
    for name in &names {
        secrets.insert(name.clone(), Secret::of_bytes(name, vec![b'x'; 1 << 20]).unwrap()).unwrap();
    }
    let line = "cat /run/secrets/* | wc -c";
    let all = Settings { secrets: names.clone(), ..settings(&["/bin/sh", "-c", line]) };
    let finished = run_with(&all, Some(&secrets)).unwrap();
    assert_eq!(finished.stdout, format!("{}\n", MAX_FILES << 20).as_bytes(), "{finished:?}");
    let more = Settings { secrets: [names, vec![name("more")]].concat(), ..settings(&["/bin/true"]) };
    let error = run_with(&more, Some(&secrets)).unwrap_err().to_string();
    assert!(error.contains("65 secrets and configs are more than the 64"), "{error}");
}

#[test]
fn a_value_is_given_whole_to_every_start() {
    let secrets = token();
    let mut file =
        File::from(secrets.descriptor(&name("token")).unwrap().as_fd().try_clone_to_owned().unwrap());
    // Wherever the descriptor stands by now.
    let mut read = Vec::new();
    file.read_to_end(&mut read).unwrap();
    for _ in 0..2 {
        let finished = run_with(&asking("cat /run/secrets/token"), Some(&secrets)).unwrap();
        assert_eq!(finished.stdout, VALUE);
    }
}

#[test]
fn an_image_cannot_lead_secrets_elsewhere() {
    let root = busybox();
    std::os::unix::fs::symlink("/tmp", root.path().join("run")).unwrap();
    let ground = Ground::survey(&asking("true"), &root_folder(root.path()), None);
    assert!(ground.unwrap_err().to_string().contains("symbolic link on the way to /run"));
}
