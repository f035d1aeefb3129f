//! What is refused, why, and where.

use perry_sandbox_compose::{Options, Problems, Project, Reason};

use crate::support::Memory;

fn problems(text: &str) -> Problems {
    let memory = Memory::new(&[("/p/compose.yaml", text)]);
    match memory.load().and_then(|loaded| Project::new(loaded, Options::default(), &memory)) {
        Ok(_) => panic!("accepted: {text}"),
        Err(problems) => problems,
    }
}

/// Line, column and reason of each problem.
fn places(text: &str) -> Vec<(u32, u32, Reason)> {
    let place = |problem: &perry_sandbox_compose::Problem| {
        let start = problem.span.unwrap().start;
        (start.line, start.column, problem.reason)
    };
    problems(text).list().iter().map(place).collect()
}

#[test]
fn every_error_of_the_schema_is_told_at_its_place() {
    let text =
        "services:\n  a:\n    imagee: x\n    ports: 80\n    depends_on:\n      b: {condition: service_up}\n";
    assert_eq!(
        places(text),
        [(3, 5, Reason::SchemaKey), (4, 12, Reason::SchemaType), (6, 22, Reason::InvalidValue),]
    );
    let said = problems(text).to_string();
    assert!(said.contains("did you mean `image`?"), "{said}");
}

#[test]
fn a_value_is_told_wrong_by_the_form_that_was_meant() {
    let said = problems("services: {a: {build: {contxt: .}}}").to_string();
    assert!(said.contains("unknown key `contxt`") && said.contains("did you mean `context`?"), "{said}");
    let said = problems("services: {a: {image: x, healthcheck: {test: {a: b}}}}").to_string();
    assert!(said.contains("must be a list or text, not a mapping"), "{said}");
}

#[test]
fn undefined_things_are_told_all_at_once() {
    let text = "services:\n  a:\n    image: x\n    networks: [n]\n    volumes: ['data:/v']\n    secrets: [s]\n    \
                configs: [c]\n    models: [m]\n    depends_on: [d]\n";
    let reasons: Vec<Reason> = places(text).into_iter().map(|(_, _, reason)| reason).collect();
    assert_eq!(
        reasons,
        [
            Reason::UndefinedNetwork,
            Reason::UndefinedVolume,
            Reason::UndefinedSecret,
            Reason::UndefinedConfig,
            Reason::UndefinedModel,
            Reason::UndefinedService,
        ]
    );
}

#[test]
fn a_cycle_begins_with_its_smallest_name() {
    let text = "services:\n  z: {image: x, depends_on: [y]}\n  y: {image: x, links: [w]}\n  \
                w: {image: x, volumes_from: [z]}\n  a: {image: x, depends_on: [z]}\n";
    let said = problems(text).to_string();
    assert!(said.contains("dependency cycle: `w` → `z` → `y` → `w`"), "{said}");
    assert_eq!(problems(text).list().len(), 1);
}

#[test]
fn a_chain_of_services_may_be_long() {
    let mut text = "services:\n".to_owned();
    for at in 0..5_000 {
        text.push_str(&format!("  s{at}: {{image: x, depends_on: [s{}]}}\n", (at + 1) % 5_000));
    }
    let problems = problems(&text);
    assert_eq!(problems.list().iter().map(|problem| problem.reason).collect::<Vec<_>>(), [Reason::Cycle]);
}

#[test]
fn a_line_cannot_ask_for_millions_of_ports() {
    let mut text = "services:\n  a:\n    image: x\n    ports:\n".to_owned();
    for at in 1..200 {
        text.push_str(&format!("      - '127.0.0.{at}:1-60000:1-60000'\n"));
    }
    assert_eq!(
        problems(&text).list().iter().map(|problem| problem.reason).collect::<Vec<_>>(),
        [Reason::Limit]
    );
}

#[test]
fn attributes_that_exclude_each_other_are_refused() {
    for (text, reason) in [
        (
            "services: {a: {image: x, network_mode: host, networks: [n]}}\nnetworks: {n: }",
            Reason::ExclusiveAttributes,
        ),
        ("services: {a: {build: {dockerfile: x, dockerfile_inline: y}}}", Reason::ExclusiveAttributes),
        ("services: {a: {image: x, scale: 2, container_name: cc}}", Reason::ExclusiveAttributes),
        ("services: {a: {image: x, scale: 2, deploy: {replicas: 3}}}", Reason::Conflict),
        ("services: {a: {image: x, tmpfs: [/x], volumes: ['/y:/x/']}}", Reason::Conflict),
        ("services: {a: {image: x}}\nsecrets: {s: {file: a, environment: b}}", Reason::ExclusiveAttributes),
        ("services: {a: {command: x}}", Reason::MissingAttribute),
        ("services: {a: {image: x, mem_limit: 1x}}", Reason::Cast),
        ("services: {a: {image: x, env_file: none.env}}", Reason::MissingFile),
    ] {
        let found: Vec<Reason> = problems(text).list().iter().map(|problem| problem.reason).collect();
        assert_eq!(found, [reason], "{text}");
    }
}
