//! The way from `npm init` to a program, by the very lines of `perry/README.md`.

use std::path::Path;
use std::process::{Command, Stdio};

use perry_sandbox_testkit::{As, Home, crate_root};

use crate::compilers::{compilers, told};
use crate::project::{copy, linking, package, scratch};

/// What the other tests have done already: fetched the compilers, and built the archive.
const DONE: [&str; 2] = [".ci/perry compilers", "perry/build"];

/// The blocks of that language in the section, in their order.
fn blocks<'a>(section: &'a str, language: &str) -> Vec<&'a str> {
    let mut found = Vec::new();
    let mut rest = section;
    while let Some((_, block)) = rest.split_once(&format!("```{language}\n")) {
        let (block, after) = block.split_once("```").expect("a block has an end");
        found.push(block);
        rest = after;
    }
    found
}

fn shell(script: &str, folder: &Path) {
    let output = Command::new("sh")
        .args(["-ec", script])
        .current_dir(folder)
        .env("PERRY_NO_UPDATE_CHECK", "1")
        .env("PERRY_NO_TELEMETRY", "1")
        .stdin(Stdio::null())
        .output()
        .expect("sh starts");
    assert!(output.status.success(), "{script}\n{}", told(&output));
}

#[test]
fn the_lines_of_the_readme_lead_from_npm_init_to_a_program() {
    let Some(compiler) = compilers().into_iter().find(|compiler| compiler.version == "0.5.1520") else {
        return;
    };
    let readme = std::fs::read_to_string(crate_root().join("perry/README.md")).expect("the README is there");
    let (_, section) = readme.split_once("## From npm init").expect("the section is there");
    let (section, _) = section.split_once("\n## ").expect("another section follows");
    let [prepare, build] = blocks(section, "sh")[..] else { panic!("two blocks of commands: {section}") };
    let [main] = blocks(section, "ts")[..] else { panic!("one program: {section}") };
    let (compile, start) = build.trim_end().rsplit_once('\n').expect("two lines");
    assert_eq!(start, "./main");

    let clone = scratch().join("readme");
    drop(std::fs::remove_dir_all(&clone));
    copy(package(), &clone);
    std::fs::rename(clone.join("package"), clone.join("perry")).expect("the package has its folder");
    std::os::unix::fs::symlink(compiler.home(), clone.join("compilers")).expect("the compilers are found");
    let left: Vec<&str> = prepare.lines().filter(|line| !DONE.contains(line)).collect();
    assert_eq!(left.len() + DONE.len(), prepare.lines().count(), "{prepare}");
    shell(&left.join("\n"), &clone);
    let app = clone.join("my-app");
    std::fs::write(app.join("main.ts"), main).expect("the program is written");
    let linking = linking();
    shell(compile, &app);
    drop(linking);

    let home = Home::new(As::Ordinary);
    let folder = home.path().join("my-app");
    std::fs::create_dir(&folder).expect("the home can be written");
    let output = home
        .other_command(&app.join("main"))
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .expect("the program starts");
    assert!(
        output.status.success() && told(&output).contains("Hello, from a signed image."),
        "{}",
        told(&output)
    );
}
