//! Text to trees.

use std::time::Instant;

use perry_sandbox_compose::{Budget, Directive, FileId, Node, Reason, Value, parse_yaml};

fn one(text: &str) -> Node {
    let mut documents = parse_yaml(text, FileId(0), &Budget::default()).unwrap();
    assert_eq!(documents.len(), 1);
    documents.remove(0)
}

fn reasons(text: &str) -> Vec<Reason> {
    parse_yaml(text, FileId(0), &Budget::default()).unwrap_err().into_iter().map(|p| p.reason).collect()
}

#[test]
fn plain_scalars_follow_go_yaml() {
    let cases: &[(&str, Value)] = &[
        ("~", Value::Null),
        ("True", Value::Bool(true)),
        ("yes", Value::Text("yes".into())),
        ("on", Value::Text("on".into())),
        ("0777", Value::Integer(0o777)),
        ("0o17", Value::Integer(15)),
        ("0x1F", Value::Integer(31)),
        ("-0b11", Value::Integer(-3)),
        ("1_000", Value::Integer(1000)),
        ("+5", Value::Integer(5)),
        ("08", Value::Float(8.0)),
        ("1e3", Value::Float(1000.0)),
        (".5", Value::Float(0.5)),
        ("1.", Value::Float(1.0)),
        ("1e400", Value::Text("1e400".into())),
        ("1:30", Value::Text("1:30".into())),
        ("0x", Value::Text("0x".into())),
        (".inf", Value::Float(f64::INFINITY)),
        ("inf", Value::Text("inf".into())),
        ("2020-1-2", Value::Timestamp("2020-01-02T00:00:00Z".into())),
        ("2001-12-14 21:59:43.10", Value::Timestamp("2001-12-14T21:59:43.1Z".into())),
        ("2001-12-14t21:59:43+02:00", Value::Timestamp("2001-12-14T21:59:43+02:00".into())),
        ("2020-02-30", Value::Text("2020-02-30".into())),
        ("'1'", Value::Text("1".into())),
        ("!!str 1", Value::Text("1".into())),
        ("!!int '3'", Value::Integer(3)),
        ("!!float 3", Value::Float(3.0)),
        ("!!binary aGk=", Value::Text("hi".into())),
        ("!custom 5", Value::Text("5".into())),
    ];
    for (text, expected) in cases {
        let node = one(&format!("k: {text}"));
        assert_eq!(node.get("k").unwrap().value, *expected, "{text}");
    }
}

#[test]
fn merge_keys_give_way_to_own_keys_wherever_they_stand() {
    let node = one("a: &a {x: 1, y: 1}\nb: &b {x: 2, z: 2}\nc:\n  <<: [*a, *b]\n  y: 3\n");
    let c = node.get("c").unwrap();
    let value = |key: &str| c.get(key).unwrap().value.clone();
    assert_eq!(value("x"), Value::Integer(1));
    assert_eq!(value("y"), Value::Integer(3));
    assert_eq!(value("z"), Value::Integer(2));
    assert_eq!(reasons("a: 1\nb:\n  <<: text\n"), [Reason::YamlSyntax]);
}

#[test]
fn a_quoted_merge_key_is_a_key() {
    assert!(one("'<<': {a: 1}").get("<<").is_some());
}

#[test]
fn directives_stay_on_their_nodes_and_resets_do_not_travel_with_aliases() {
    let node = one("a: &a\n  p: !reset []\n  q: !override [1]\nb: *a\n");
    assert_eq!(node.get("a").unwrap().get("p").unwrap().directive, Some(Directive::Reset));
    assert_eq!(node.get("b").unwrap().get("p"), None);
    assert_eq!(node.get("b").unwrap().get("q").unwrap().directive, Some(Directive::Override));
}

#[test]
fn every_duplicate_key_is_named_with_both_places() {
    let problems = parse_yaml("a: 1\nb: 2\na: 3\nb: 4\n", FileId(0), &Budget::default()).unwrap_err();
    assert_eq!(problems.len(), 2);
    assert!(problems.iter().all(|p| p.reason == Reason::DuplicateKey && p.notes.len() == 1));
    assert_eq!(problems[0].span.unwrap().start.line, 3);
}

#[test]
fn keys_must_be_text() {
    assert_eq!(reasons("1: a"), [Reason::YamlSyntax]);
    assert_eq!(reasons("true: a"), [Reason::YamlSyntax]);
    assert_eq!(reasons("[a]: b"), [Reason::YamlSyntax]);
}

#[test]
fn documents_are_kept_apart_and_share_anchors() {
    let documents = parse_yaml("x: &x 1\n---\ny: *x\n---\n", FileId(0), &Budget::default()).unwrap();
    assert_eq!(documents.len(), 3);
    assert_eq!(documents[1].get("y").unwrap().value, Value::Integer(1));
    assert_eq!(documents[2].value, Value::Null);
    assert!(parse_yaml("# nothing\n", FileId(0), &Budget::default()).unwrap().is_empty());
}

#[test]
fn an_anchor_cannot_contain_itself_and_must_be_there() {
    assert_eq!(reasons("a: &a [*a]"), [Reason::Cycle]);
    assert_eq!(reasons("a: *b"), [Reason::YamlSyntax]);
}

#[test]
fn spans_are_places_in_the_text() {
    let node = one("a:\n  é: [x,  yz]\n\n\nb: 1\n");
    let list = node.get("a").unwrap().get("é").unwrap();
    let second = &list.sequence().unwrap()[1];
    assert_eq!((second.span.start.line, second.span.start.column, second.span.start.offset), (2, 11, 14));
    assert_eq!(second.span.end.offset, 16);
    assert_eq!(node.get("a").unwrap().span.end.line, 2);
}

#[test]
fn bombs_are_refused_soon() {
    let mut laughs = String::from("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
    for level in 1..12 {
        let items = vec![format!("*a{}", level - 1); 10].join(",");
        laughs.push_str(&format!("a{level}: &a{level} [{items}]\n"));
    }
    let long = format!("a: &a {}\nb: [{}]\n", "x".repeat(1 << 20), vec!["*a"; 1000].join(","));
    let deep = "[".repeat(100_000);
    let wide = format!("[{}]", "x,".repeat(1 << 20));
    let keys: String = (0..400_000).map(|n| format!("k{n}: 1\n")).collect();
    let huge = "# x\n".repeat(2 << 20);
    let nested: String = (0..90).map(|n| format!("{}k: &n{n}\n", " ".repeat(n))).collect();
    let nested = format!("{nested}{}- [{}]\n", " ".repeat(90), "x,".repeat(100_000));
    for text in [laughs, long, deep, wide, keys, huge, nested] {
        let start = Instant::now();
        assert_eq!(reasons(&text), [Reason::Limit], "{}", &text[..20]);
        assert!(start.elapsed().as_secs() < 20, "{}", &text[..20]);
    }
}

#[test]
fn a_last_line_without_an_end_is_a_line() {
    // The answers are those of docker compose 2.40.3.
    let cases = [
        ("|\n  x", "x"),
        ("|+\n  x", "x"),
        ("|-\n  x", "x"),
        (">\n  x", "x"),
        ("|\n  x\n  ", "x\n"),
        ("|+\n  x\n  ", "x\n"),
        ("|\n  x\n    ", "x\n  "),
        ("|+\n  x\n    ", "x\n  "),
        ("|\n  ", ""),
        ("|", ""),
        ("|+\n ", ""),
        ("|\n  x\n\n ", "x\n"),
        ("|+\n  x\n\n", "x\n\n"),
        ("|+\n  x\n\n  ", "x\n\n"),
        ("|\n  x\n # c", "x\n"),
        (">+\n  x\n  y", "x y"),
        ("|\n  x\r", "x\n"),
        ("a\n b", "a b"),
    ];
    for (text, expected) in cases {
        assert_eq!(one(&format!("k: {text}")).get("k").unwrap().text(), Some(expected), "{text:?}");
    }
}

#[test]
fn what_the_parser_gives_up_on_is_refused() {
    assert_eq!(reasons("[!a,b]"), [Reason::YamlSyntax]);
    assert_eq!(reasons("a: \"\\"), [Reason::YamlSyntax]);
}

#[test]
fn no_text_stops_the_reader() {
    const PARTS: [&str; 30] = [
        "a", ": ", "- ", "\n", " ", "  ", "[", "]", "{", "}", ",", "|", ">", "+", "'", "\"", "\\", "!", "!t",
        "&a", "*a", "#", "%", "---", "...", "?", "\t", "\r", "é", "\u{2028}",
    ];
    let mut state = 7_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap()
    };
    for _ in 0..20_000 {
        let length = next() % 12;
        let text: String = (0..length).map(|_| PARTS[next() % PARTS.len()]).collect();
        drop(parse_yaml(&text, FileId(0), &Budget::default()));
    }
}

#[test]
fn a_tag_before_a_comma_is_refused_without_a_panic() {
    let wrong = [
        "a: [!foo, b]",
        "a: [b, !foo,c]",
        "a: {b: !!str, c: d}",
        "a: [!, b]",
        "a: [!<x,[y]>, b]",
        "a: ['!<',!b,c>, d]",
        "a: ['!x, y', &z !%41!foo, b]",
        "# !foo, b\na: |\n  [!foo, b]\nb:\n  - [\n    !foo,\n  ]",
        "\u{feff}a: [!foo, b]",
    ];
    for text in wrong {
        let problems = parse_yaml(text, FileId(0), &Budget::default()).unwrap_err();
        let [problem] = problems.as_slice() else { panic!("{text}: {problems:?}") };
        // What comes of a panic is said in other words.
        assert!(
            problem.message.contains("whitespace or line break while scanning a tag"),
            "{text}: {problem:?}"
        );
    }
    let right = [
        "a: ['!foo, b', \"!foo, b\", c!foo, d !foo, !foo e, !foo , f]",
        "a: !foo,bar",
        "a: b !foo, [!foo, b]\nb: |\n  [!foo, c] # !foo, d\n",
    ];
    for text in &right[..1] {
        one(text);
    }
    assert!(one(right[2]).get("b").and_then(Node::text).is_some_and(|text| text.contains("[!foo, c]")));
    assert_eq!(reasons(right[1]), [Reason::YamlSyntax]);
}
