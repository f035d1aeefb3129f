//! The README's examples are run as they stand there, and their output is compared.

use std::path::Path;

use perry_sandbox_testkit::{As, Home, compose_program, crate_root};

/// One `$ command` of a console block, with the output that follows it.
struct Example {
    command: String,
    output: Vec<String>,
}

fn examples(text: &str) -> Vec<Example> {
    let mut found: Vec<Example> = Vec::new();
    let mut inside = false;
    for line in text.lines() {
        if line.starts_with("```") {
            inside = line == "```console";
        } else if let Some(command) = line.strip_prefix("$ ").filter(|_| inside) {
            found.push(Example { command: command.to_owned(), output: Vec::new() });
        } else if inside && let Some(example) = found.last_mut() {
            example.output.push(line.to_owned());
        }
    }
    found
}

/// Whether a printed line is the documented one, in which `[..]` stands for anything.
fn matches(pattern: &str, line: &str) -> bool {
    let mut parts = pattern.split("[..]");
    let Some(rest) = parts.next().and_then(|first| line.strip_prefix(first)) else { return false };
    let mut rest = rest;
    let mut last = "";
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
        last = part;
    }
    rest.is_empty() || (pattern.ends_with("[..]") && last.is_empty())
}

#[test]
fn every_console_example_prints_what_the_readme_says() {
    let readme = std::fs::read_to_string(crate_root().join("README.md")).expect("there is a README");
    let home = Home::new(As::Ordinary);
    let compose = home.other_command(&compose_program()).get_program().to_owned();
    let mut ran_some = 0;
    for example in examples(&readme) {
        ran_some += 1;
        let script = example.command.replace("perry-sandbox ", "\"$0\" --data-dir \"$1\" ");
        let script = script.replace("perry-compose ", "\"$2\" ");
        let script = format!("{{ {script}; }} 2>&1");
        // A shell in between, for the README's quotes and pipes.
        let mut command = home.plain_command(Path::new("sh"));
        command
            .args(["-c", &script])
            .arg(home.path().join("perry-sandbox"))
            .arg(home.data_dir())
            .arg(&compose);
        let output = command.stdin(std::process::Stdio::null()).output().expect("sh starts");
        let printed = String::from_utf8_lossy(&output.stdout);
        let printed: Vec<&str> = printed.trim_end().lines().collect();
        let wanted: Vec<&str> = example.output.iter().map(|line| line.trim_end()).collect();
        let wanted = wanted.join("\n");
        let wanted: Vec<&str> = wanted.trim_end().lines().collect();
        let same = printed.len() == wanted.len()
            && wanted.iter().zip(&printed).all(|(want, line)| matches(want, line.trim_end()));
        assert!(
            same,
            "$ {}\nthe README says:\n{}\nprinted:\n{}",
            example.command,
            wanted.join("\n"),
            printed.join("\n")
        );
    }
    assert!(ran_some >= 4, "only {ran_some} examples were found in the README");
}

#[test]
fn the_pattern_holds_both_ends() {
    assert!(matches("a [..] c", "a b c") && matches("a[..]", "abc") && matches("abc", "abc"));
    assert!(!matches("a [..] c", "a b d") && !matches("abc", "abcd") && !matches("[..]c", "cd"));
}
