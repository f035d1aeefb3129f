//! What is wrong is said with its place, all of it at once, and with a way out.

use perry_sandbox_compose::Reason;

use crate::support::{Memory, problems};

fn shown(text: &str) -> String {
    problems(text).render(false)
}

#[test]
fn a_problem_is_shown_at_its_place() {
    let expected = "\
error: services.a.image: invalid interpolation format: `${A:-` holds a `${` that begins no variable
 --> compose.yaml:1:23
  |
1 | services: {a: {image: \"${A:-\"}}
  |                       ^^^^^^^
  |
  = help: write `$$` for a plain `$`; a `}` closes a variable, and only `-` `:-` `+` `:+` `?` `:?` go behind its name

";
    assert_eq!(shown("services: {a: {image: \"${A:-\"}}\n"), expected);
}

#[test]
fn both_places_of_a_key_are_shown() {
    let expected = "\
error: mapping key `image` is already defined
 --> compose.yaml:4:5
  |
3 |     image: x
  |     ----- first defined here
4 |     image: y
  |     ^^^^^

";
    assert_eq!(shown("services:\n  a:\n    image: x\n    image: y\n"), expected);
}

#[test]
fn everything_of_a_step_is_said_at_once_and_in_order() {
    let text = "services: {b: {image: x, init: maybe}, a: {image: '${U?set it}', tty: 5m}}\n";
    let found: Vec<Reason> = problems(text).list().iter().map(|problem| problem.reason).collect();
    assert_eq!(found, [Reason::Cast, Reason::MissingVariable, Reason::Cast]);
}

#[test]
fn places_in_two_files_are_both_shown() {
    let files = Memory::new(&[
        ("/p/compose.yaml", "include: [b.yaml]\nservices: {a: {image: x}}\n"),
        ("/p/b.yaml", "services: {a: {image: y}}\n"),
    ]);
    let problems = files.load().unwrap_err();
    assert_eq!(problems.list()[0].reason, Reason::Conflict);
    let text = problems.render(false);
    assert!(text.contains("compose.yaml:2:12") && text.contains("b.yaml:1:12"), "{text}");
}

#[test]
fn a_name_that_is_none_is_told_at_its_place() {
    for text in ["name: ${UNSET}\nservices: {a: {image: x}}\n", "name: ä\nservices: {a: {image: x}}\n"] {
        let unset = text.contains("UNSET");
        let problems = Memory::new(&[("/p/compose.yaml", text)]).load().unwrap_err();
        assert_eq!(problems.list()[0].reason, Reason::ProjectName);
        assert!(problems.to_string().contains("compose.yaml:1:7: `name` has no letter"), "{problems}");
        assert_eq!(problems.to_string().contains("variable `UNSET` is not set"), unset, "{problems}");
    }
    let problems = Memory::new(&[("/p/.env", "A=1\nB=${A\n"), ("/p/compose.yaml", "services: {}\n")]).load();
    let problems = problems.unwrap_err();
    assert!(problems.to_string().contains("/p/.env: line 2: "), "{problems}");
}

#[test]
fn cycles_are_told_by_their_way() {
    let text = problems("services: {a: {extends: b}, b: {extends: c}, c: {extends: a}}\n");
    let [one] = text.list() else { panic!("{text}") };
    assert_eq!(one.reason, Reason::Cycle);
    assert!(one.message.ends_with("`a` → `b` → `c` → `a`"), "{text}");
    let text = problems("services: {a-b: {extends: a}, a: {extends: a-b}}\n");
    assert!(text.list()[0].message.ends_with(": `a` → `a-b` → `a`"), "{text}");
    let files = Memory::new(&[
        ("/p/compose.yaml", "include: [b.yaml]\n"),
        ("/p/b.yaml", "include: [compose.yaml]\n"),
    ]);
    assert_eq!(files.load().unwrap_err().list()[0].reason, Reason::Cycle);
}

#[test]
fn names_from_a_file_cannot_steer_a_terminal() {
    let text = shown("services: {\"a\\e[31m\": {image: x, \"b\\e[2J\": 1, init: \"\\e]0;t\"}}\n");
    assert!(!text.contains('\u{1b}'), "{text:?}");
}

#[test]
fn what_is_elsewhere_is_not_fetched() {
    for path in ["oci://a/b", "https://github.com/a/b.git", "git@github.com:a/b", "github.com/a/b"] {
        let include = problems(&format!("include: ['{path}']\n"));
        assert_eq!(include.list()[0].reason, Reason::Unsupported, "{path}");
        let extends = problems(&format!("services: {{a: {{extends: {{file: '{path}', service: a}}}}}}\n"));
        assert_eq!(extends.list()[0].reason, Reason::Unsupported, "{path}");
        let mut file = Memory::new(&[]);
        file.request.files = vec![path.to_owned()];
        assert_eq!(file.load().unwrap_err().list()[0].reason, Reason::Unsupported, "{path}");
    }
}

#[test]
fn projects_that_grow_without_bound_are_refused() {
    let include =
        |to: &str| format!("include: [{to}.yaml, {to}.yaml, {to}.yaml]\nservices: {{s: {{image: x}}}}\n");
    let names: Vec<String> = (0..15).map(|at| format!("/p/f{at}.yaml")).collect();
    let texts: Vec<String> = (1..16).map(|at| include(&format!("f{at}"))).collect();
    let mut files: Vec<(&str, &str)> =
        names.iter().map(String::as_str).zip(texts.iter().map(String::as_str)).collect();
    files.push(("/p/compose.yaml", "include: [f0.yaml]\n"));
    files.push(("/p/f15.yaml", "services: {s: {image: x}}\n"));
    assert_eq!(Memory::new(&files).load().unwrap_err().list()[0].reason, Reason::Limit);
    let chain: String = (1..200).map(|at| format!("  s{at}: {{extends: s{}}}\n", at - 1)).collect();
    let chain = format!("services:\n  s0: {{image: x}}\n{chain}");
    assert_eq!(problems(&chain).list()[0].reason, Reason::Limit);
    let many = format!(
        "services: {{{}}}\n",
        (0..3000).map(|at| format!("s{at}: {{image: x}}, ")).collect::<String>()
    );
    let documents = format!("{many}{}", "---\nx-a: 1\n".repeat(5_000));
    assert_eq!(problems(&documents).list()[0].reason, Reason::Limit);
}
