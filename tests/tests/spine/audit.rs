//! `audit`, as people and build servers call it.

use std::process::{Command, Stdio};

use perry_sandbox_testkit::{As, Home, Ran, compose_program, crate_root, peer, skip};
use serde_json::Value;

use crate::json_schema::problems;

const STACK: &str = "examples/audit/compose.yaml";

fn home() -> Home {
    Home::new(As::Me)
}

/// A home with a stack in it.
fn with(stack: &str) -> Home {
    let home = home();
    std::fs::write(home.path().join("compose.yaml"), stack).expect("the home can be written");
    home
}

fn json(ran: &Ran) -> Value {
    serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran:?}"))
}

#[test]
fn the_exit_code_is_the_verdicts_whatever_the_format() {
    let home = home();
    for format in ["text", "json", "sarif", "junit", "github", "markdown"] {
        let code =
            |file: &str, more: &[&str]| home.run(&[&["audit", "--format", format, file], more].concat()).code;
        assert_eq!(code(STACK, &[]), 1, "{format}");
        assert_eq!(code("examples/audit/hardened.yaml", &["--fail-on", "info"]), 0, "{format}");
        assert_eq!(code("examples/audit/README.md", &[]), 2, "{format}: it is nothing that is audited");
    }
    std::fs::create_dir(home.path().join("empty")).expect("the home can be written");
    assert_eq!(home.run(&["audit", "empty"]).code, 3);
    assert_eq!(home.run(&["audit", "no-such-file.yaml"]).code, 2);
    let gap = with("services:\n  web:\n    image: a:${TAG_THAT_NOBODY_SETS}\n");
    assert_eq!(gap.run(&["audit", "compose.yaml"]).code, 2);
    assert_eq!(gap.run(&["audit", "--allow-gaps", "compose.yaml"]).code, 0);
}

#[test]
fn a_credential_is_in_no_format() {
    let home = home();
    for format in ["text", "json", "sarif", "junit", "github", "markdown"] {
        let ran = home.run(&["audit", "--format", format, STACK]);
        assert!(ran.stdout.contains("PSB430") && !ran.stdout.contains("correct-horse"), "{format}: {ran:?}");
    }
    let ran = home.run(&["audit", "--fix", "--unsafe-fixes", STACK]);
    assert!(ran.stdout.contains("+    read_only: true") && !ran.stdout.contains("correct-horse"), "{ran:?}");
}

#[test]
fn json_has_places_that_are_right() {
    let home = home();
    let report = json(&home.run(&["audit", "--json", STACK]));
    assert_eq!(report["schema"], "perry-sandbox/audit/v1");
    let text = std::fs::read_to_string(crate_root().join(STACK)).expect("the example is there");
    let socket =
        report["findings"].as_array().expect("a list").iter().find(|found| found["rule"] == "PSB410");
    let socket = socket.expect("the socket is found");
    let offset = |name: &str| usize::try_from(socket[name].as_u64().expect("a number")).expect("it fits");
    assert_eq!(&text[offset("start")..offset("end")], "/var/run/docker.sock:/var/run/docker.sock:ro");
    let line = text.lines().nth(offset("line") - 1).expect("the line is there");
    assert!(
        line.chars().skip(offset("column") - 1).collect::<String>().starts_with("/var/run/docker.sock"),
        "{line}"
    );
    assert_eq!((&socket["severity"], &socket["target"]["name"]), (&"critical".into(), &"proxy".into()));
    assert!(
        report["exposure"][0]["exposure"].as_str().is_some_and(|number| number.starts_with('9')),
        "{report}"
    );
}

#[test]
fn sarif_is_what_the_standards_schema_allows() {
    let Some(schema) = peer("sarif-2.1.0.json") else { return skip("the schema of SARIF is not here") };
    let schema: Value =
        serde_json::from_slice(&std::fs::read(schema).expect("it can be read")).expect("it is JSON");
    let home = home();
    let ignored = "services:\n  web:\n    image: a b\n    privileged: true # perry-sandbox: ignore[PSB401] needed\n    pid: host\n";
    std::fs::write(home.path().join("ignored.yaml"), ignored).expect("the home can be written");
    for words in [
        &[STACK][..],
        &["ignored.yaml"],
        &["examples/audit/README.md"],
        &["--argv", "--", "docker", "run", "a"],
    ] {
        let report = json(&home.run(&[&["audit", "--format", "sarif"], words].concat()));
        assert_eq!(problems(&schema, &report), Vec::<String>::new(), "{words:?}");
        let run = &report["runs"][0];
        let results = run["results"].as_array().expect("a list");
        assert!(!results.is_empty(), "{words:?}");
        for result in results {
            let index = usize::try_from(result["ruleIndex"].as_u64().expect("a number")).expect("it fits");
            assert_eq!(run["tool"]["driver"]["rules"][index]["id"], result["ruleId"]);
            assert!(result["partialFingerprints"]["perrySandboxFinding/v1"].is_string());
        }
    }
    let report = json(&home.run(&["audit", "--format", "sarif", "ignored.yaml"]));
    let found =
        report["runs"][0]["results"].as_array().expect("a list").iter().find(|one| one["ruleId"] == "PSB401");
    let suppressions = &found.expect("it stays")["suppressions"];
    assert_eq!(
        (&suppressions[0]["kind"], &suppressions[0]["justification"]),
        (&"inSource".into(), &"needed".into())
    );
}

#[test]
fn junit_shows_what_has_passed_too() {
    let home = home();
    let xml = home.run(&["audit", "--format", "junit", STACK]).stdout;
    let cases = xml.matches("<testcase ").count();
    assert!(cases > 70 && xml.contains("name=\"PSB416 host-network\"></testcase>"), "{cases} cases");
    assert_eq!(xml.matches("<testcase ").count(), xml.matches("</testcase>").count());
    assert!(xml.contains("<failure type=\"critical\""));
}

#[test]
fn fixes_are_written_and_what_they_end_is_not_found_again() {
    let stack = "services:\n  web:\n    image: a # ours\n    security_opt:\n      - seccomp:unconfined\n    ports: [\"80:80\"]\n";
    let home = with(stack);
    let read = || std::fs::read_to_string(home.path().join("compose.yaml")).expect("it is there");
    let shown = home.run(&["audit", "--fix", "compose.yaml"]);
    assert!(shown.stdout.contains("+      - no-new-privileges:true") && read() == stack, "{shown:?}");
    for _ in 0..2 {
        home.run(&["audit", "--fix", "--write", "compose.yaml"]);
    }
    assert!(!read().contains("unconfined") && read().contains("image: a # ours"), "{}", read());
    home.run(&["audit", "--fix", "--write", "--unsafe-fixes", "compose.yaml"]);
    assert!(read().contains("\"127.0.0.1:80:80\"") && read().contains("read_only: true"), "{}", read());
    let report = json(&home.run(&["audit", "--json", "compose.yaml"]));
    let left: Vec<&str> = report["findings"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|one| one["rule"].as_str())
        .collect();
    assert!(left.iter().all(|rule| ["PSB422", "PSB432"].contains(rule)), "{left:?}");
    let nothing = home.run(&["audit", "--fix", "--write", "compose.yaml"]);
    assert!(nothing.stderr.contains("nothing that can be fixed"), "{nothing:?}");
}

#[test]
fn standard_input_is_audited_whatever_the_folder() {
    let home = home();
    let stack = b"services:\n  web:\n    image: a\n    pid: host\n";
    let ran = home.run_with_input(&["audit", "-"], stack);
    assert!(ran.code == 1 && ran.stdout.contains("<standard input>:4:10"), "{ran:?}");
}

#[test]
fn a_baseline_is_written_and_holds() {
    let home = with("services:\n  web:\n    image: a\n    privileged: true\n");
    assert_eq!(home.run(&["audit", "--write-baseline", "base.json", "compose.yaml"]).code, 1);
    let ran = home.run(&["audit", "--baseline", "base.json", "--fail-on", "info", "compose.yaml"]);
    assert!(ran.code == 0 && ran.stdout.contains("suppressed"), "{ran:?}");
    std::fs::write(
        home.path().join("compose.yaml"),
        "services:\n  web:\n    image: a\n    privileged: true\n    pid: host\n",
    )
    .expect("the home can be written");
    let ran = home.run(&["audit", "--baseline", "base.json", "compose.yaml"]);
    assert!(ran.code == 1 && ran.stdout.contains("PSB417") && !ran.stdout.contains("PSB401"), "{ran:?}");
    std::fs::write(home.path().join("base.json"), "{}").expect("the home can be written");
    let ran = home.run(&["audit", "--baseline", "base.json", "compose.yaml"]);
    assert!(ran.code == 2 && ran.stderr.contains("base.json"), "{ran:?}");
}

#[test]
fn rules_have_pages_by_number_and_by_name() {
    let home = home();
    let page = home.run(&["audit", "--explain", "PSB410"]);
    assert!(page.code == 0 && page.stdout.contains("Severity: critical"), "{page:?}");
    assert_eq!(home.run(&["audit", "--explain", "control-socket"]).stdout, page.stdout);
    assert_eq!(home.run(&["audit", "--explain", "PSB999"]).code, 2);
    assert!(home.run(&["audit", "--rules"]).stdout.lines().count() > 40);
}

#[test]
fn a_folder_is_searched_and_an_override_is_audited_with_its_stack() {
    let home = home();
    let folder = home.path().join("app/deploy");
    std::fs::create_dir_all(&folder).expect("the home can be written");
    for (name, text) in [
        ("compose.yaml", "services:\n  web:\n    image: a\n"),
        ("compose.override.yaml", "services:\n  web:\n    privileged: true\n"),
        ("package.json", "{\"name\": \"x\"}"),
    ] {
        std::fs::write(folder.join(name), text).expect("the home can be written");
    }
    let report = json(&home.run(&["audit", "--json", "app"]));
    let of = |rule: &str| -> Vec<String> {
        let found = report["findings"].as_array().expect("a list").iter().filter(|one| one["rule"] == rule);
        found.map(|one| one["file"].as_str().expect("a name").to_owned()).collect()
    };
    assert_eq!(of("PSB401"), ["app/deploy/compose.override.yaml"]);
    assert_eq!(of("PSB432"), ["app/deploy/compose.yaml"], "once, not once for each of the two");
    assert_eq!(report["summary"]["left_out"], 1);
}

#[test]
fn what_of_a_folder_cannot_be_read_is_never_clean() {
    let home = home();
    let folder = home.path().join("app");
    std::fs::create_dir(&folder).expect("the home can be written");
    std::fs::write(folder.join("compose.yaml"), "services:\n  web:\n    image: a\n")
        .expect("it can be written");
    let audit = |more: &[&str]| home.run(&[&["audit", "--fail-on", "critical", "app"], more].concat());
    let within = |name: &str| folder.join(name);
    std::fs::write(within("large.bin"), vec![0; 5 << 20]).expect("the home can be written");
    std::os::unix::fs::symlink("/etc/hostname", within("note")).expect("the home can be written");
    assert_eq!(audit(&[]).code, 0, "what could be no input is none");
    let path = folder.join("more.yaml");
    for (why, target) in
        [("more than", None), ("outside", Some("/etc/hostname")), ("no file", Some("nowhere"))]
    {
        match target {
            None => std::fs::write(&path, "#".repeat(5 << 20)).expect("it can be written"),
            Some(target) => std::os::unix::fs::symlink(target, &path).expect("it can be written"),
        }
        let ran = audit(&[]);
        assert!(ran.code == 2 && ran.stdout.contains("PSB006") && ran.stdout.contains(why), "{ran:?}");
        assert_eq!(audit(&["--allow-gaps"]).code, 0, "{why}");
        std::fs::remove_file(&path).expect("it is there");
    }
    // What a link of the folder leads to within it, and the folder in which editors keep stacks, are searched.
    std::fs::create_dir(within(".devcontainer")).expect("the home can be written");
    std::fs::write(within(".devcontainer/devcontainer.json"), "{ // services\n}").expect("it can be written");
    assert_eq!(audit(&[]).code, 0);
    let privileged = "services:\n  web:\n    image: a\n    privileged: true\n";
    std::fs::write(within(".devcontainer/stack.yml"), privileged).expect("it can be written");
    assert_eq!(audit(&[]).code, 1);
    std::fs::rename(within(".devcontainer/stack.yml"), within("stack.txt")).expect("it can be moved");
    assert_eq!(audit(&[]).code, 0);
    std::os::unix::fs::symlink("stack.txt", within("stack.yml")).expect("the home can be written");
    assert_eq!(audit(&[]).code, 1);
}

#[test]
fn hostile_files_end_in_time_and_are_never_clean() {
    let bomb: String = (0..40)
        .map(|n| {
            format!("x{n}: &x{n} [{}]\n", if n == 0 { "a".to_owned() } else { format!("*x{0},*x{0}", n - 1) })
        })
        .collect();
    for text in [
        format!("{bomb}services: {{web: {{image: a}}}}\n"),
        "services:\n  web: {image: a\n".to_owned(),
        "services: [\u{1b}]0;x\u{7}]\n".to_owned(),
        format!("services: {}", "[".repeat(100_000)),
    ] {
        let home = with(&text);
        let ran = home.run(&["audit", "compose.yaml"]);
        assert_eq!(ran.code, 2, "{ran:?}");
        assert!(!ran.stdout.contains('\u{1b}') && ran.stdout.contains("not graded"), "{ran:?}");
    }
}

#[test]
fn check_audits_the_merged_project_and_asks_the_policy() {
    let home = with(
        "services:\n  web:\n    image: oci:examples/hello/image\n    command: [/bin/busybox, \"true\"]\n",
    );
    let compose = |words: &[&str]| {
        let mut command = home.other_command(&compose_program());
        Ran::from(command.args(words).stdin(Stdio::null()).output().expect("it starts"))
    };
    let mild = compose(&["check"]);
    assert!(mild.code == 0 && mild.stdout.contains("PSB405"), "{mild:?}");
    std::fs::write(home.path().join("more.yaml"), "services:\n  web:\n    privileged: true\n")
        .expect("it can be written");
    let merged = compose(&["-f", "compose.yaml", "-f", "more.yaml", "check"]);
    assert!(merged.code == 1 && merged.stdout.contains("more.yaml"), "{merged:?}");
    let policy = "schema = \"perry-sandbox/policy/v1\"\nname = \"nothing\"\n";
    std::fs::write(home.path().join("nothing.toml"), policy).expect("it can be written");
    let denied = compose(&["check", "--policy", "nothing.toml", "--json"]);
    let report = json(&denied);
    let found = report["findings"].as_array().expect("a list").iter().find(|one| one["rule"] == "PSB439");
    assert!(denied.code == 1 && found.is_some_and(|one| one["target"]["name"] == "web"), "{denied:?}");
}

/// The lines of a YAML list's items that begin with `key: `.
fn lines<'a>(text: &'a str, key: &str) -> Vec<&'a str> {
    text.lines().filter_map(|line| line.trim_start().strip_prefix(key)).collect()
}

#[test]
fn the_workflow_of_the_example_runs_and_its_last_step_decides() {
    let home = home();
    let workflow =
        std::fs::read_to_string(crate_root().join("examples/audit/github-actions.yml")).expect("it is there");
    let steps = lines(&workflow, "run: ");
    assert_eq!(steps.len(), 3);
    let folder = home.path().join("repository");
    std::fs::create_dir(&folder).expect("the home can be written");
    std::fs::copy(crate_root().join(STACK), folder.join("compose.yaml")).expect("the example is there");
    let mut codes = Vec::new();
    let mut printed = String::new();
    for step in steps {
        let mut shell: Command = home.plain_command(std::path::Path::new("bash"));
        // As the runner does: `-e`, and the summary's file by a variable.
        shell.args(["-e", "-o", "pipefail", "-c"]).arg(format!("PATH=\"$0:$PATH\"; {step}")).arg(home.path());
        shell.env("GITHUB_STEP_SUMMARY", home.path().join("summary.md")).current_dir(&folder);
        let ran = Ran::from(shell.stdin(Stdio::null()).output().expect("bash starts"));
        codes.push(ran.code);
        printed.push_str(&ran.stdout);
    }
    assert_eq!(codes, [0, 0, 1], "{printed}");
    assert!(printed.contains("::error file=compose.yaml,line=7,col=9,"), "{printed}");
    let sarif = std::fs::read_to_string(folder.join("audit.sarif")).expect("the first step wrote it");
    assert!(sarif.contains("PSB410"));
    let summary = std::fs::read_to_string(home.path().join("summary.md")).expect("the second step wrote it");
    assert!(summary.contains("| critical | PSB410 control-socket |"), "{summary}");
}

#[test]
fn the_hook_of_the_example_takes_the_files_that_pre_commit_gives() {
    let home = home();
    let hook = std::fs::read_to_string(crate_root().join("examples/audit/pre-commit-config.yaml"))
        .expect("it is there");
    let published =
        std::fs::read_to_string(crate_root().join(".pre-commit-hooks.yaml")).expect("it is there");
    let entry = lines(&hook, "entry: ")[0];
    assert_eq!((entry, lines(&published, "entry: ")), ("perry-sandbox audit", vec![entry]));
    assert_eq!(lines(&hook, "files: "), lines(&published, "files: "));
    // pre-commit appends the changed files that the pattern takes.
    let words: Vec<&str> = entry.split(' ').skip(1).chain([STACK, "examples/audit/hardened.yaml"]).collect();
    assert_eq!(home.run(&words).code, 1);
    let clean: Vec<&str> = entry.split(' ').skip(1).chain(["examples/audit/hardened.yaml"]).collect();
    assert_eq!(home.run(&clean).code, 0);
}
