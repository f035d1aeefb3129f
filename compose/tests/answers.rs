//! Small projects of our own, with what docker compose 2.40.3 answered: the whole of `config --format json`, or nothing if
//! it refused the project.
//!
//! Where the standard's reader contradicts itself from run to run, the case is left out.

use perry_sandbox_compose::Project;
use serde_json::{Map, Value};

use crate::support::Memory;

const ANSWERS: &str = include_str!("data/answers.json");

#[test]
fn projects_are_what_the_standard_makes_of_them() {
    let cases: Vec<Value> = serde_json::from_str(ANSWERS).unwrap();
    assert!(cases.len() > 500);
    let wrong: Vec<String> = cases.iter().filter_map(wrong).collect();
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

#[test]
fn what_is_wrong_is_said_alike_each_time() {
    let cases: Vec<Value> = serde_json::from_str(ANSWERS).unwrap();
    for case in cases.iter().filter(|case| case.get("config").is_none()) {
        let said = || config(&memory(case)).expect_err("refused");
        assert_eq!(said(), said());
    }
}

fn wrong(case: &Value) -> Option<String> {
    let name = case["name"].as_str().unwrap();
    match (config(&memory(case)), case.get("config")) {
        (Err(_), None) => None,
        (Ok(_), None) => Some(format!("{name}: accepted")),
        (Err(problems), Some(_)) => Some(format!("{name}: refused: {problems}")),
        (Ok(text), Some(expected)) => {
            let found = pruned(serde_json::from_str(&text).unwrap());
            let expected = pruned(expected.clone());
            (found != expected).then(|| format!("{name}:\n  {found}\n  {expected}"))
        }
    }
}

fn config(files: &Memory) -> Result<String, String> {
    let said = |problems: perry_sandbox_compose::Problems| problems.render(false);
    let mut project =
        files.load().and_then(|loaded| Project::new(loaded, files.request.options, files)).map_err(said)?;
    project.check_container_names().map_err(said)?;
    project.drop_unused();
    project.to_json().map_err(|error| error.to_string())
}

fn memory(case: &Value) -> Memory {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let root = format!("/w/{}", text(&case["name"]));
    let files: Vec<(String, String)> = case["files"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(path, content)| (format!("{root}/{path}"), text(content)))
        .collect();
    let files: Vec<(&str, &str)> =
        files.iter().map(|(path, content)| (path.as_str(), content.as_str())).collect();
    let mut memory = Memory::new(&files);
    let folder = case.get("cwd").map_or_else(|| root.clone(), |below| format!("{root}/{}", text(below)));
    let mut variables = case.get("env").and_then(Value::as_object).cloned().unwrap_or_default();
    variables.insert("HOME".to_owned(), "/home".into());
    variables.insert("PWD".to_owned(), folder.clone().into());
    memory.request.current_folder = folder;
    memory.request.environment = variables.iter().map(|(name, value)| (name.clone(), text(value))).collect();
    let mut arguments = case.get("args").and_then(Value::as_array).into_iter().flatten().map(text);
    while let Some(flag) = arguments.next() {
        let value = arguments.next().unwrap();
        match flag.as_str() {
            "-f" => memory.request.files.push(value),
            "-p" => memory.request.project_name = Some(value),
            "--env-file" => memory.request.env_files.push(value),
            "--profile" => memory.request.profiles.push(value),
            "--project-directory" => memory.request.project_directory = Some(value),
            other => panic!("unknown flag {other}"),
        }
    }
    memory
}

/// Without what the standard's JSON has no difference in: no command, and empty mappings of no consequence.
fn pruned(value: Value) -> Value {
    match value {
        Value::Object(entries) => entries
            .into_iter()
            .filter(|(key, value)| {
                let unset = value.is_null() && (key == "command" || key == "entrypoint");
                let empty = value.as_object().is_some_and(Map::is_empty);
                !unset && (!empty || key == "default")
            })
            .map(|(key, value)| (key, pruned(value)))
            .collect(),
        Value::Array(items) => items.into_iter().map(pruned).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value,
    }
}
