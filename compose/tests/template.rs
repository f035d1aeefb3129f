//! Variables in values. The answers are those of docker compose 2.40.3, in an environment where `A` is `a`, `E` is empty,
//! `N` is `$A`, and `U` is not set.

use perry_sandbox_compose::{Options, Project, Reason, Value, variables};

use crate::support::{Memory, problems, project};

const CASES: &[(&str, Result<&str, Reason>)] = &[
    ("$A", Ok("a")),
    ("${A}", Ok("a")),
    ("$A$A", Ok("aa")),
    ("$$A", Ok("$A")),
    ("$$$A", Ok("$a")),
    ("${A:-x}", Ok("a")),
    ("${U:-x}", Ok("x")),
    ("${E:-x}", Ok("x")),
    ("${E-x}", Ok("")),
    ("${U-x}", Ok("x")),
    ("${A:+x}", Ok("x")),
    ("${E:+x}", Ok("")),
    ("${U:+x}", Ok("")),
    ("${E+x}", Ok("x")),
    ("${U+x}", Ok("")),
    ("${A?m}", Ok("a")),
    ("${U?m}", Err(Reason::MissingVariable)),
    ("${U:?m}", Err(Reason::MissingVariable)),
    ("${E:?m}", Err(Reason::MissingVariable)),
    ("${E?m}", Ok("")),
    ("${U?}", Err(Reason::MissingVariable)),
    ("${U:-${A}}", Ok("a")),
    ("${U:-${E:-z}}", Ok("z")),
    ("${U:-a}b${A}", Ok("aba")),
    ("${U:-a}b}", Ok("ab}")),
    ("${U:-{}}", Ok("{}")),
    ("${U:-{a}}", Ok("{a}")),
    ("${A:-x} y}", Ok("a y}")),
    ("${U:-x} y}", Ok("x y}")),
    ("${U:-x} ${A} }", Ok("x a }")),
    ("${U:-$$x}", Ok("$x")),
    ("${U:-a:-b}", Ok("a:-b")),
    ("${U:-a?b}", Ok("a?b")),
    ("${A}}", Ok("a}")),
    ("${", Err(Reason::Interpolation)),
    ("${}", Err(Reason::Interpolation)),
    ("${A", Err(Reason::Interpolation)),
    ("${ A}", Err(Reason::Interpolation)),
    ("${A }", Err(Reason::Interpolation)),
    ("${1}", Err(Reason::Interpolation)),
    ("$1", Ok("$1")),
    ("$", Ok("$")),
    ("a$", Ok("a$")),
    ("$ a", Ok("$ a")),
    ("${A!x}", Err(Reason::Interpolation)),
    ("${A:x}", Err(Reason::Interpolation)),
    ("${A-", Err(Reason::Interpolation)),
    ("${U:-${A}", Err(Reason::Interpolation)),
    ("${U:-${}}", Err(Reason::Interpolation)),
    ("${A:-${}}", Err(Reason::Interpolation)),
    ("${U:-\n}", Err(Reason::Interpolation)),
    ("${U:-a\nb}", Err(Reason::Interpolation)),
    ("${A}\n${U:-b}", Ok("a\nb")),
    ("${U:-x}${U:-y}", Ok("xy")),
    ("${U:-x}${U:-y}}", Ok("xy}")),
    ("${U-${U:-${U:+q}r}s}", Ok("rs")),
    ("$a", Ok("")),
    ("$A_", Ok("")),
    ("${A_:-é}", Ok("é")),
    ("é${A}é", Ok("éaé")),
    ("${U:-'q'}", Ok("'q'")),
    ("${U:- s }", Ok(" s ")),
    ("${a:-lower}", Ok("lower")),
    ("${Ü}", Err(Reason::Interpolation)),
    ("$Ü", Ok("$Ü")),
    ("${A:-}", Ok("a")),
    ("${U:-}", Ok("")),
    ("${U:-}}", Ok("}")),
    ("${U:+a}b", Ok("b")),
    ("${A:+${U:-v}}", Ok("v")),
    ("${A:+$A$A}", Ok("aa")),
    ("${U:?${A} is}", Err(Reason::MissingVariable)),
    ("${A:?${}}", Err(Reason::Interpolation)),
    ("$${A}", Ok("${A}")),
    ("$$${A}", Ok("$a")),
    ("$$$$", Ok("$$")),
    ("${U:-{{}", Ok("{{")),
    ("${U:-{x}", Ok("{x")),
    ("{${A}}", Ok("{a}")),
    ("{{${A}}}", Ok("{{a}}")),
    ("${A}{}", Ok("a{}")),
    ("${U:-{\"a\":\"b\"}}", Ok("{\"a\":\"b\"}")),
    ("${U:-[1,2]}", Ok("[1,2]")),
    ("${A-x}y${U-z}", Ok("ayz")),
    ("%${A}%", Ok("%a%")),
    ("\\$A", Ok("\\a")),
    ("\\${A}", Ok("\\a")),
    ("${U:-\\}}", Ok("\\}")),
    ("${A:-b}$", Ok("a$")),
    ("${U:-b}$$", Ok("b$")),
    ("${U:-$}", Ok("$")),
    ("${U:-$ }", Ok("$ ")),
    ("${U:-$$}", Ok("$")),
    ("${U:-a}${", Err(Reason::Interpolation)),
    ("${U:-a}${B", Err(Reason::Interpolation)),
    ("$A.$A", Ok("a.a")),
    ("$A-$A", Ok("a-a")),
    ("${N}", Ok("$A")),
    ("${U:-$N}", Ok("$A")),
    ("${U:-${N}}", Ok("$A")),
];

#[test]
fn texts_become_what_the_standard_makes_of_them() {
    for (template, expected) in CASES {
        let text = format!("services: {{a: {{image: x}}}}\nx-t: {}\n", quoted(template));
        let files =
            Memory::new(&[("/p/compose.yaml", &text)]).variables(&[("A", "a"), ("E", ""), ("N", "$A")]);
        let found = files.load();
        match expected {
            Ok(value) => {
                let loaded = found.unwrap_or_else(|problems| panic!("{template}: {problems}"));
                assert_eq!(loaded.model.get("x-t").unwrap().text(), Some(*value), "{template}");
            }
            Err(reason) => {
                let problems = found.expect_err(template);
                assert_eq!(problems.list()[0].reason, *reason, "{template}");
            }
        }
    }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}

#[test]
fn keys_are_left_alone() {
    let loaded = project("services: {a: {image: x}}\nx-t: {$A: 1}\n");
    assert!(loaded.model.get("x-t").unwrap().get("$A").is_some());
}

#[test]
fn unset_variables_are_named_once_a_place() {
    let loaded = project("services: {a: {image: x}}\nx-t: $B${B}$C\n");
    let names: Vec<&str> = loaded.warnings.iter().map(|warning| warning.message.as_str()).collect();
    assert_eq!(names.len(), 2, "{names:?}");
    assert!(names[0].contains("`B`") && names[1].contains("`C`"));
}

#[test]
fn values_get_the_type_that_their_place_asks_for() {
    let loaded = project("services: {a: {image: x, init: 'yes', pids_limit: '5', cpus: \"0.5\"}}\n");
    let service = loaded.model.get("services").unwrap().get("a").unwrap();
    assert_eq!(service.get("init").unwrap().value, Value::Bool(true));
    assert_eq!(service.get("pids_limit").unwrap().value, Value::Integer(5));
    assert_eq!(service.get("cpus").unwrap().value, Value::Float(0.5));
    assert_eq!(loaded.warnings.len(), 1);
    let problems = problems("services: {a: {image: x, init: maybe, pids_limit: many, cpus: ''}}\n");
    assert!(problems.list().iter().all(|problem| problem.reason == Reason::Cast));
    assert_eq!(problems.list().len(), 3);
}

#[test]
fn what_variables_hold_cannot_grow_without_bound() {
    let big = "x".repeat(1 << 19);
    let files = Memory::new(&[("/p/compose.yaml", "services: {a: {image: x}}\nx-t: $A$A$A$A\n")]);
    let problems = files.variables(&[("A", &big)]).load().unwrap_err();
    assert_eq!(problems.list()[0].reason, Reason::Limit);
    let nested = format!("services: {{}}\nx-t: {}{}\n", "${A:-".repeat(100), "}".repeat(100));
    assert_eq!(self::problems(&nested).list()[0].reason, Reason::Limit);
    let many = format!("services: {{a: {{image: x}}}}\nx-t: \"{}\"\n", "${A:-x}".repeat(100_000));
    project(&many);
}

#[test]
fn the_variables_of_a_tree_are_found_with_their_forms() {
    let text = "a: ${A:-x${B:?m}}\nb: [$C, '${D+$E}', $$F]\n";
    let tree = perry_sandbox_compose::parse_yaml(
        text,
        perry_sandbox_compose::FileId(0),
        &perry_sandbox_compose::Budget::default(),
    )
    .unwrap();
    let found = variables(&tree[0]);
    assert_eq!(found.keys().map(String::as_str).collect::<Vec<_>>(), ["A", "B", "C", "D", "E"]);
    assert!(found["B"].required);
    assert_eq!(found["A"].default, "x${B:?m}");
    assert_eq!(found["D"].replacement, "$E");
}

#[test]
fn a_variable_in_a_file_of_variables_that_is_not_set_is_told_of_once() {
    let text = "name: p\nservices:\n  a: &a {image: x, env_file: [a.env]}\n  b: *a\n  c: {image: x, env_file: [{path: a.env, format: raw}]}\n";
    let files = [
        ("/p/compose.yaml", text),
        ("/p/.env", "PASS=pa$word\n"),
        ("/p/a.env", "KEPT='${A}'\nPLAIN=$A\nSAME=${B:-x}y\n\nPASSWORD=\"pa${ss}word\"\n"),
    ];
    let memory = Memory::new(&files).variables(&[("A", "1")]);
    let project = Project::new(memory.load().unwrap(), Options::default(), &memory).unwrap();
    let told: Vec<&str> = project.warnings.iter().map(|warning| warning.message.as_str()).collect();
    let [given, password] = told.as_slice() else { panic!("{told:?}") };
    assert!(given.starts_with("/p/.env:1: in the value of `PASS` ") && !given.contains("word"), "{given}");
    assert!(password.starts_with("/p/a.env:5: in the value of `PASSWORD` "), "{password}");
    assert!(!password.contains("`ss`") && !password.contains("word\""), "{password}");
    let many = "A=$B\n".repeat(1000);
    let files = [("/p/compose.yaml", "services: {a: {image: x}}\n"), ("/p/.env", many.as_str())];
    assert_eq!(Memory::new(&files).load().unwrap().warnings.len(), 20);
}
