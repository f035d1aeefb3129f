//! What is printed of a project, against what docker compose 2.40.3 prints: YAML byte for byte, and services' hashes.

use perry_sandbox_compose::{Options, Project};
use serde_json::Value;

use crate::support::Memory;

const YAML: &str = include_str!("data/yaml.json");

fn project(files: &[(&str, &str)]) -> Project {
    let memory = Memory::new(files).variables(&[("HOME", "/home/u"), ("PATH", "/usr/bin")]);
    let loaded = memory.load().unwrap_or_else(|problems| panic!("{problems}"));
    Project::new(loaded, Options::default(), &memory).unwrap_or_else(|problems| panic!("{problems}"))
}

fn in_folder(name: &str, text: &str, options: Options) -> Project {
    let folder = format!("/w/{name}");
    let path = format!("{folder}/compose.yaml");
    let mut memory = Memory::new(&[(&path, text)]).variables(&[("HOME", "/home/u"), ("PATH", "/usr/bin")]);
    memory.request.current_folder = folder;
    memory.request.options = options;
    let loaded = memory.load().unwrap_or_else(|problems| panic!("{name}: {problems}"));
    Project::new(loaded, options, &memory).unwrap_or_else(|problems| panic!("{name}: {problems}"))
}

#[test]
fn yaml_is_the_standards_byte_for_byte() {
    let cases: Vec<Value> = serde_json::from_str(YAML).unwrap();
    assert!(cases.len() > 40);
    for case in &cases {
        let name = case["name"].as_str().unwrap();
        let mut project = in_folder(name, case["file"].as_str().unwrap(), Options::default());
        project.drop_unused();
        assert_eq!(project.to_yaml(), case["yaml"].as_str().unwrap(), "{name}");
    }
}

#[test]
fn hashes_of_services_are_the_standards() {
    let cases: Vec<Value> = serde_json::from_str(YAML).unwrap();
    let mut compared = 0;
    for case in cases.iter().filter(|case| case.get("hashes").is_some()) {
        let name = case["name"].as_str().unwrap();
        let options = Options { resolve_environment: false, ..Options::default() };
        let project = in_folder(name, case["file"].as_str().unwrap(), options);
        for line in case["hashes"].as_str().unwrap().lines() {
            let (service, hash) = line.split_once(' ').unwrap();
            assert_eq!(project.service_hash(service).unwrap().as_deref(), Some(hash), "{name}: {service}");
            compared += 1;
        }
    }
    assert!(compared > 30, "{compared}");
}

#[test]
fn what_is_printed_reads_as_the_same_project() {
    let cases: Vec<Value> = serde_json::from_str(YAML).unwrap();
    for case in &cases {
        let name = case["name"].as_str().unwrap();
        let first = in_folder(name, case["file"].as_str().unwrap(), Options::default()).to_yaml();
        // A service that waits for one outside of the profiles still names it. And two values are printed in a form that the standard's own reader refuses: keys with paths, and no limit.
        let waits = case["file"].as_str().unwrap().contains("profiles: [p]");
        if !waits && !first.contains("ssh:") && !first.contains("memswap_limit: \"-1\"") {
            assert_eq!(in_folder(name, &first, Options::default()).to_yaml(), first, "{name}");
        }
    }
}

#[test]
fn what_is_reset_in_an_item_of_a_list_is_gone() {
    let text = r#"
services:
  s:
    image: x
    ports: [{target: 80, published: !reset "81"}, {target: 90, host_ip: !reset null}]
    volumes: [{type: tmpfs, target: /a, read_only: !reset null, tmpfs: {size: !reset 10, mode: 7}}]
x-a: [{gone: !reset 2, stays: [[{gone: !reset 3}]]}]
"#;
    let json = project(&[("/p/compose.yaml", text)]).to_json().unwrap();
    for gone in ["published", "host_ip", "read_only", "size", "gone"] {
        assert!(!json.contains(gone), "{gone}: {json}");
    }
    assert!(json.contains("\"mode\": 7") && json.contains("stays"), "{json}");
}

#[test]
fn services_come_behind_those_that_they_need() {
    let project = project(&[(
        "/p/compose.yaml",
        "services: {a: {image: x, depends_on: [c]}, b: {image: x}, c: {image: x, depends_on: [d]}, d: {image: x}}",
    )]);
    assert_eq!(project.service_names(), ["d", "c", "a", "b"]);
}

#[test]
fn a_selection_keeps_what_it_needs_and_nothing_else() {
    let mut project = project(&[(
        "/p/compose.yaml",
        "services: {a: {image: x, depends_on: [c]}, b: {image: x, volumes: ['data:/v']}, c: {image: x}}\nvolumes: {data: }",
    )]);
    project.select(&["a".to_owned()]).unwrap();
    project.drop_unused();
    assert_eq!(project.names("services"), ["a", "c"]);
    assert!(project.names("volumes").is_empty());
    let wrong = project.select(&["nothing".to_owned()]).unwrap_err().to_string();
    assert!(wrong.contains("no such service: `nothing`"), "{wrong}");
}

#[test]
fn a_profile_lets_its_services_in() {
    let mut project = project(&[(
        "/p/compose.yaml",
        "services: {a: {image: x}, b: {image: x, profiles: [debug, other]}, c: {image: x, profiles: [c]}}",
    )]);
    assert_eq!(project.names("services"), ["a"]);
    assert_eq!(project.all_profiles().into_iter().collect::<Vec<_>>(), ["c", "debug", "other"]);
    let apart = project.select(&["c".to_owned()]).unwrap_err().to_string();
    assert!(apart.contains("no such service: `c`: none of its profiles is active"), "{apart}");
    project.enable(&["b".to_owned()]);
    assert_eq!(project.names("services"), ["a", "b"]);
}

#[test]
fn secret_values_can_be_hidden() {
    let mut project =
        project(&[("/p/compose.yaml", "services: {a: {image: x, environment: {TOKEN: abc, PORT: 1}}}")]);
    project.hide_variables(|name| name == "TOKEN");
    let yaml = project.to_yaml();
    assert!(!yaml.contains("abc") && yaml.contains("PORT: \"1\""), "{yaml}");
}

#[test]
fn a_key_with_a_path_has_no_json() {
    let project = project(&[("/p/compose.yaml", "services: {a: {build: {context: ., ssh: [k=/x]}}}")]);
    assert!(project.to_json().unwrap_err().to_string().contains("`k`"));
    assert!(project.to_yaml().contains("- 'k: /x'"));
}

#[test]
fn a_number_that_is_not_finite_has_no_json() {
    for number in [".inf", "-.inf", ".nan"] {
        let text = format!("services: {{a: {{image: x}}}}\nx-size: {number}\n");
        let project = project(&[("/p/compose.yaml", &text)]);
        assert!(project.to_json().unwrap_err().to_string().contains(&format!("`{number}`")));
        assert!(project.to_yaml().contains(&format!("x-size: {number}\n")));
    }
}
