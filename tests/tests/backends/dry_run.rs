//! What a dry run prints is what is executed, and `explain` says who holds it.

use std::fs;
use std::process::Command;

use serde_json::Value;

use crate::fakes::{Engine, Fakes, docker_info, podman};
use crate::wall::walls;
use crate::{IMAGE, KEY};

/// A sandbox's name has the process that runs it in it: every such name becomes the same.
fn normalised(text: &str) -> String {
    const NAME: &str = "perry-sandbox-";
    let mut parts = text.split(NAME);
    let mut all = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let rest = part.trim_start_matches(|char: char| char.is_ascii_digit() || char == '-');
        all.push_str(if rest.len() < part.len() { "NAME" } else { NAME });
        all.push_str(rest);
    }
    all
}

/// The words of a printed line, as a shell reads it.
fn words(line: &str) -> Vec<String> {
    let mut shell = Command::new("sh");
    shell.args(["-c", "eval \"set -- $1\"; printf '%s\\036' \"$@\"", "sh", line]);
    let read = String::from_utf8(shell.output().expect("sh starts").stdout).expect("text");
    read.trim_end_matches('\u{1e}').split('\u{1e}').map(normalised).collect()
}

/// The printed line that calls this program for a run.
fn line<'a>(printed: &'a str, program: &str, word: &str) -> &'a str {
    let wanted = format!("/bin/{program} ");
    let found = printed.lines().find(|line| {
        line.contains(&wanted)
            && line.contains(word)
            && !line.contains("at its end")
            && !line.starts_with("unless ")
    });
    found.unwrap_or_else(|| panic!("no line calls {program} in {printed}"))
}

fn dry(fakes: &Fakes) -> String {
    let ran = fakes.run(&["--dry-run", "--memory", "48MiB"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    ran.stdout
}

fn really(fakes: &Fakes) {
    let ran = fakes.run(&["--memory", "48MiB"]);
    assert_eq!(ran.code, 0, "{ran:?}");
}

/// The printed call and the one that was made are the same words.
fn same_call(fakes: &Fakes, printed: &str, program: &str, word: &str) {
    let printed = words(line(printed, program, word));
    let at = printed.iter().position(|word| word.ends_with(&format!("/bin/{program}"))).expect("a program");
    let calls = fakes.calls(program);
    let made = calls.iter().find(|call| call.iter().any(|found| found == word)).expect("it was called");
    let made: Vec<String> = made.iter().skip(1).map(|word| normalised(word)).collect();
    assert_eq!(made, printed[at + 1..]);
    assert!(made.iter().any(|word| word.contains("NAME")), "{made:?}");
}

#[test]
fn podman_is_called_as_it_was_printed() {
    let fakes = Fakes::new("podman");
    let info = "cat \"$here/podman-4.3.1-info-root.json\"";
    fakes.program(
        "podman",
        &podman(info, "cp \"$here\"/runtime/*.run/seccomp.json \"$here/seccomp.json\"; env >\"$here/env\""),
    );
    let printed = dry(&fakes);
    assert!(
        fakes.calls("podman").iter().all(|call| !call.contains(&"run".to_owned())),
        "a dry run runs nothing"
    );
    really(&fakes);
    same_call(&fakes, &printed, "podman", "run");
    let profile = fs::read_to_string(fakes.file("seccomp.json")).expect("it had one");
    assert!(
        profile.contains("SCMP_ACT_ERRNO") && printed.contains(&format!("\n    {profile}\n")),
        "{profile}"
    );
    let env = fs::read_to_string(fakes.file("env")).expect("it wrote one");
    let env: Vec<&str> = env
        .lines()
        .filter(|line| !line.starts_with("PWD=") && !line.starts_with("PATH=") && !line.starts_with("_="))
        .collect();
    let line = words(line(&printed, "podman", "run"));
    assert!(!env.is_empty() && env.iter().all(|set| line.contains(&normalised(set))), "{env:?} {line:?}");
}

#[test]
fn docker_is_asked_what_was_printed() {
    let fakes = Fakes::new("docker");
    fakes.program("docker", "exit 0");
    let engine = Engine::listen(&fakes.file("docker.sock"), docker_info(), |_| ());
    let printed = dry(&fakes);
    assert!(engine.created().is_none(), "a dry run makes nothing");
    really(&fakes);
    assert!(fakes.calls("docker").is_empty(), "docker's own client is not needed");
    let asked: Vec<String> = engine.asked().iter().map(|(what, _)| normalised(what)).collect();
    for what in ["/attach?stream=1", "/start", "/wait"] {
        let line = printed.lines().find(|line| line.starts_with("POST ") && line.contains(what));
        let line = normalised(line.unwrap_or_else(|| panic!("{what} is not in {printed}")));
        let question = line.split(" at ").next().expect("a question");
        assert!(asked.iter().any(|asked| asked == question), "{question}: {asked:?}");
    }
    let line = printed.lines().find(|line| line.starts_with("POST ")).expect("a question");
    let body = line.split_once('{').map(|(_, rest)| format!("{{{rest}")).expect("a body");
    let read = |text: &str| serde_json::from_str::<Value>(&normalised(text)).expect("it is JSON");
    let made = engine.created().expect("it was made").to_string();
    assert_eq!(read(&body), read(&made));
}

#[test]
fn runsc_gets_the_bundle_that_was_printed() {
    let fakes = Fakes::new("runsc");
    let script = "case \" $* \" in *' --version '*) echo 'runsc version release-1' ;; *' run '*) \
        cp \"$here\"/runtime/*.run/config.json \"$here/config.json\" ;; esac";
    fakes.program("runsc", script);
    let printed = dry(&fakes);
    really(&fakes);
    same_call(&fakes, &printed, "runsc", "run");
    let config = fs::read_to_string(fakes.file("config.json")).expect("it had one");
    let shown: String = config.lines().map(|line| format!("    {line}\n")).collect();
    assert!(config.contains("ociVersion") && normalised(&printed).contains(&normalised(&shown)), "{printed}");
}

#[test]
fn explain_names_who_holds_what_as_the_backends_table_does() {
    for wall in walls() {
        let home = wall.home();
        let explain = ["explain", "--json", "--key", KEY, IMAGE, "--", "/bin/busybox", "true"];
        let ran = wall.ask(&home, &explain);
        let explained: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|e| panic!("{e}: {ran:?}"));
        let rows = explained["rows"].as_array().expect("rows");
        let enforcers: Vec<&str> = rows.iter().filter_map(|row| row["enforcer"].as_str()).collect();
        let mut all = wall.command(&home, &["backends", "--json"]);
        let all = all.output().expect("the program starts").stdout;
        let all: Value = serde_json::from_slice(&all).expect("it is JSON");
        let own = all["backends"].as_array().expect("a list").iter().find(|it| it["name"] == wall.name);
        let table = own.expect("it is alive")["controls"].to_string();
        assert!(enforcers.len() > 12, "{wall:?}: {enforcers:?}");
        for enforcer in enforcers {
            assert!(
                table.contains(&Value::from(enforcer).to_string()),
                "{wall:?}: {enforcer} is not in {table}"
            );
        }
    }
}
