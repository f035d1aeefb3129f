//! What a project may not grow to, and what of one file another never gets.

use std::fmt::Write as _;

use perry_sandbox_compose::{Options, Problems, Project, Reason};
use serde_json::Value;

use crate::support::Memory;

fn memory(files: &[(String, String)]) -> Memory {
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    Memory::new(&files)
}

fn whole(files: &Memory) -> Result<Project, Problems> {
    let options = Options { resolve_environment: true, ..Options::default() };
    files.load().and_then(|loaded| Project::new(loaded, options, files))
}

fn reasons(files: &Memory) -> Vec<Reason> {
    whole(files).expect_err("it is too much").list().iter().map(|problem| problem.reason).collect()
}

#[test]
fn what_is_extended_has_the_variables_of_the_file_that_extends_it() {
    let base = "services: {base: {image: \"img:${V}\"}}\n".to_owned();
    let mut files = vec![("/p/base.yaml".to_owned(), base)];
    let mut top = "include:\n".to_owned();
    for at in 0..60 {
        writeln!(top, "  - {{path: i{at}.yaml, env_file: i{at}.env}}").unwrap();
        let service = format!("services: {{s{at}: {{extends: {{file: base.yaml, service: base}}}}}}\n");
        files.push((format!("/p/i{at}.yaml"), service));
        files.push((format!("/p/i{at}.env"), format!("V=own-{at}\n")));
    }
    files.push(("/p/compose.yaml".to_owned(), top));
    let project = whole(&memory(&files)).unwrap_or_else(|problems| panic!("{problems}"));
    let project: Value = serde_json::from_str(&project.to_json().unwrap()).unwrap();
    for at in 0..60 {
        assert_eq!(project["services"][format!("s{at}")]["image"], format!("img:own-{at}"));
    }
}

#[test]
fn variables_fill_no_more_than_a_project_may_have() {
    let line = format!("x-a: [{}]\n", ["\"$A\""; 4].join(", "));
    let text = format!("services: {{a: {{image: x}}}}\n{}", format!("---\n{line}").repeat(20));
    let long = "v".repeat(300_000);
    let files = memory(&[("/p/compose.yaml".to_owned(), text)]).variables(&[("A", &long)]);
    assert!(reasons(&files).contains(&Reason::Limit), "24 MB in documents of 1.2 MB each");
}

#[test]
fn what_many_services_extend_does_not_become_more_than_a_project_may_have() {
    let list = vec!["a"; 20_000].join(", ");
    let mut text = format!("services:\n  base:\n    image: x\n    command: [{list}]\n");
    for at in 0..100 {
        writeln!(text, "  s{at}: {{extends: base}}").unwrap();
    }
    assert_eq!(reasons(&memory(&[("/p/compose.yaml".to_owned(), text)]))[0], Reason::Limit);
    let long = "v".repeat(1_000_000);
    let mut text = format!("services:\n  base: {{image: x, labels: {{a: {long}}}}}\n");
    for at in 0..100 {
        writeln!(text, "  s{at}: {{extends: base}}").unwrap();
    }
    assert_eq!(reasons(&memory(&[("/p/compose.yaml".to_owned(), text)]))[0], Reason::Limit);
}

#[test]
fn files_of_variables_are_counted_for_each_service_that_names_them() {
    let large = format!("A={}\n", "v".repeat(900_000));
    for attribute in ["env_file", "label_file"] {
        let mut text = "services:\n".to_owned();
        for at in 0..60 {
            writeln!(text, "  s{at}: {{image: x, {attribute}: [large]}}").unwrap();
        }
        let mut files = vec![("/p/large".to_owned(), large.clone())];
        files.push(("/p/compose.yaml".to_owned(), text));
        assert!(reasons(&memory(&files)).contains(&Reason::Limit), "{attribute}: 54 MB");
        let half = "v".repeat(200_000);
        files[0].1 = format!("BIG={half}\nA=$BIG$BIG\n");
        let found = reasons(&memory(&files));
        assert!(found.contains(&Reason::Limit), "{attribute}: more where it is read: {found:?}");
        let few = format!("services: {{a: {{image: x, {attribute}: [large]}}}}\n");
        let few = [("/p/large".to_owned(), large.clone()), ("/p/compose.yaml".to_owned(), few)];
        whole(&memory(&few)).unwrap_or_else(|problems| panic!("{problems}"));
    }
}

#[test]
fn an_included_file_has_no_more_variables_than_one_may_have() {
    let large = "v".repeat(900_000);
    let files = [
        ("/p/compose.yaml", "include: [{path: i.yaml, env_file: [a.env, b.env, c.env]}]\n".to_owned()),
        ("/p/i.yaml", "services: {s: {image: x}}\n".to_owned()),
        ("/p/a.env", format!("A={large}\n")),
        ("/p/b.env", format!("B={large}\n")),
        ("/p/c.env", format!("C={large}\n")),
    ];
    let files = files.map(|(path, text)| (path.to_owned(), text));
    assert_eq!(reasons(&memory(&files)), [Reason::Limit]);
    whole(&memory(
        &files[1..2]
            .iter()
            .cloned()
            .chain([("/p/compose.yaml".to_owned(), "include: [{path: i.yaml}]\n".to_owned())])
            .collect::<Vec<_>>(),
    ))
    .unwrap_or_else(|problems| panic!("{problems}"));
}

#[test]
fn ranges_of_ports_are_not_worked_out_once_there_are_too_many() {
    let mut text = "services:\n".to_owned();
    for at in 0..2_000 {
        writeln!(text, "  s{at}: {{image: x, ports: ['1-65000:1-65000']}}").unwrap();
    }
    assert_eq!(reasons(&memory(&[("/p/compose.yaml".to_owned(), text)])), [Reason::Limit]);
}
