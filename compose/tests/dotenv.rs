//! Files of variables. The answers are those of docker compose 2.40.3, in an environment where `P` is `p`.

use std::collections::BTreeMap;

use perry_sandbox_compose::{parse_env_file, parse_raw_env_file};

/// A file, and its variables; nothing if it is refused.
type Case = (&'static str, Option<&'static [(&'static str, &'static str)]>);

const QUOTED: &[Case] = &[
    ("A=1", Some(&[("A", "1")])),
    ("A=1\n", Some(&[("A", "1")])),
    ("A = 1\n", Some(&[("A", "1")])),
    ("A: 1\n", Some(&[("A", "1")])),
    ("A=\n", Some(&[("A", "")])),
    ("A\n", Some(&[])),
    ("A", Some(&[("", "A")])),
    ("P\n", Some(&[("P", "p")])),
    ("P", Some(&[("", "P")])),
    ("export A=1\n", Some(&[("A", "1")])),
    ("export  A = 1\n", Some(&[("A", "1")])),
    ("exportA=1\n", Some(&[("exportA", "1")])),
    ("export P\n", Some(&[("P", "p")])),
    ("# c\nA=1 # c\nB=2#c\n", Some(&[("A", "1"), ("B", "2#c")])),
    ("A=#x\n", Some(&[("A", "#x")])),
    ("A= #x\n", Some(&[("A", "#x")])),
    ("A='a b'\n", Some(&[("A", "a b")])),
    ("A=\"a b\"\n", Some(&[("A", "a b")])),
    ("A='a\nb'\nB=2\n", Some(&[("A", "a\nb"), ("B", "2")])),
    ("A=\"a\nb\"\nB=2\n", Some(&[("A", "a\nb"), ("B", "2")])),
    ("A=\"a\\nb\"\n", Some(&[("A", "a\nb")])),
    ("A='a\\nb'\n", Some(&[("A", "a\\nb")])),
    ("A=a\\nb\n", Some(&[("A", "a\\nb")])),
    ("A=\"a\\\"b\"\n", Some(&[("A", "a\"b")])),
    ("A='a\\'b'\n", Some(&[("A", "a'b")])),
    ("A=\"a\\\\b\"\n", Some(&[("A", "a\\b")])),
    ("A=\"a\\\\nb\"\n", Some(&[("A", "a\\nb")])),
    ("A='a\\\\b'\n", Some(&[("A", "a\\\\b")])),
    ("A=\"\\$P\"\n", Some(&[("A", "$P")])),
    ("A=$P\n", Some(&[("A", "p")])),
    ("A=${P}\n", Some(&[("A", "p")])),
    ("A='$P'\n", Some(&[("A", "$P")])),
    ("A=\"$P\"\n", Some(&[("A", "p")])),
    ("A=$$P\n", Some(&[("A", "$P")])),
    ("A=${U:-d}\n", Some(&[("A", "d")])),
    ("A=1\nB=$A\n", Some(&[("A", "1"), ("B", "1")])),
    ("B=$A\nA=1\n", Some(&[("A", "1"), ("B", "")])),
    ("P=x\nB=$P\n", Some(&[("B", "p"), ("P", "x")])),
    ("A=\"x\" # c\nB=1\n", Some(&[("A", "x"), ("B", "1")])),
    ("A='x' # c\n", Some(&[("A", "x")])),
    ("A=\"x\"y\nB=1\n", Some(&[("A", "x"), ("B", "1")])),
    ("A=x\"y\"\n", Some(&[("A", "x\"y\"")])),
    ("A='x\n", None),
    ("A=\"x\n", None),
    ("A B=1\n", None),
    ("A\tB=1\n", Some(&[("A\tB", "1")])),
    ("A-b.c=1\n", Some(&[("A-b.c", "1")])),
    ("A[0]=1\n", Some(&[("A[0]", "1")])),
    ("1A=1\n", Some(&[("1A", "1")])),
    ("é=1\n", Some(&[("é", "1")])),
    ("A!=1\n", None),
    ("=1\n", Some(&[("", "1")])),
    ("A==1\n", Some(&[("A", "=1")])),
    ("A=a=b\n", Some(&[("A", "a=b")])),
    ("A=a:b\n", Some(&[("A", "a:b")])),
    ("A:b=c\n", Some(&[("A", "b=c")])),
    ("  A=1\n", Some(&[("A", "1")])),
    ("\tA=1\n", Some(&[("A", "1")])),
    ("\n\nA=1\r\nB=2\r\n", Some(&[("A", "1"), ("B", "2")])),
    ("\u{feff}A=1\n", Some(&[("A", "1")])),
    ("A=\"\\a\\b\\f\\r\\t\\v\\c\\0\\0101\\012\"\n", Some(&[("A", "\u{7}\u{8}\u{c}\r\t\u{b}\\c\\A\\12")])),
    ("A=\"\\x41\\u0041\"\n", Some(&[("A", "\\x41\\u0041")])),
    ("A=${U?m}\n", None),
    ("A=${\n", None),
    ("A=\"${\"\n", None),
    ("A='${'\n", Some(&[("A", "${")])),
    ("A=1\nA=2\n", Some(&[("A", "2")])),
    ("A=1 #\n", Some(&[("A", "1")])),
    ("A=1 \n", Some(&[("A", "1")])),
    ("A=\" 1 \"\n", Some(&[("A", " 1 ")])),
    ("A=' 1 '\nB\n", Some(&[("A", " 1 ")])),
    ("A=`x`\n", Some(&[("A", "`x`")])),
    ("A=1;B=2\n", Some(&[("A", "1;B=2")])),
    ("A=$(x)\n", Some(&[("A", "$(x)")])),
    ("A=\"a\" b\n", Some(&[("A", "a")])),
    ("A=a 'b'\n", Some(&[("A", "a 'b'")])),
    ("A=\"\"\nB=''\n", Some(&[("A", ""), ("B", "")])),
    ("A={\"x\": 1}\n", Some(&[("A", "{\"x\": 1}")])),
    ("A=\"{\\\"x\\\": 1}\"\n", Some(&[("A", "{\"x\": 1}")])),
    ("A=a\\\nb\n", Some(&[("A", "a\\")])),
    ("A=\"a\\\nb\"\n", Some(&[("A", "a\\\nb")])),
    ("-A=1\n", Some(&[("-A", "1")])),
    (".A=1\n", Some(&[(".A", "1")])),
    ("_=1\n", Some(&[("_", "1")])),
    ("A=1\n\n#x\n\n  # y\nB=2", Some(&[("A", "1"), ("B", "2")])),
    ("A=\\$P\n", Some(&[("A", "\\p")])),
    ("A=\\\"x\n", Some(&[("A", "\\\"x")])),
    ("A=\"\\\\$P\"\n", Some(&[("A", "\\p")])),
    ("A=$P$P-${P}x\n", Some(&[("A", "pp-px")])),
    ("A='x'\\''y'\n", None),
    ("A=\\'\n", Some(&[("A", "\\'")])),
    ("A=\u{a0}x\u{a0}\n", Some(&[("A", "x")])),
    ("A=x\u{2003}\n", Some(&[("A", "x")])),
    ("\u{2003}A=1\n", Some(&[("A", "1")])),
    ("A = 'x'\n", Some(&[("A", "x")])),
    ("A='x'  \n  B=1\n", Some(&[("A", "x"), ("B", "1")])),
    ("A=\"x\"B=1\n", Some(&[("A", "x"), ("B", "1")])),
    ("A=\"x\"\tB=1\n", Some(&[("A", "x"), ("B", "1")])),
    ("A=1 # b\" c\n", Some(&[("A", "1")])),
    ("A=\"\\0101\\0400\\08\\0\"\n", Some(&[("A", "A\\400\\8\\")])),
];

const RAW: &[Case] = &[
    ("A=1", Some(&[("A", "1")])),
    ("A=1\n", Some(&[("A", "1")])),
    ("A = 1\n", None),
    ("A: 1\n", None),
    ("A=\n", Some(&[("A", "")])),
    ("A\n", Some(&[])),
    ("A", Some(&[])),
    ("P\n", Some(&[("P", "p")])),
    ("P", Some(&[("P", "p")])),
    ("export A=1\n", None),
    ("export  A = 1\n", None),
    ("exportA=1\n", Some(&[("exportA", "1")])),
    ("export P\n", None),
    ("# c\nA=1 # c\nB=2#c\n", Some(&[("A", "1 # c"), ("B", "2#c")])),
    ("A=#x\n", Some(&[("A", "#x")])),
    ("A= #x\n", Some(&[("A", " #x")])),
    ("A='a b'\n", Some(&[("A", "'a b'")])),
    ("A=\"a b\"\n", Some(&[("A", "\"a b\"")])),
    ("A='a\nb'\nB=2\n", Some(&[("A", "'a"), ("B", "2")])),
    ("A=\"a\nb\"\nB=2\n", Some(&[("A", "\"a"), ("B", "2")])),
    ("A=\"a\\nb\"\n", Some(&[("A", "\"a\\nb\"")])),
    ("A='a\\nb'\n", Some(&[("A", "'a\\nb'")])),
    ("A=a\\nb\n", Some(&[("A", "a\\nb")])),
    ("A=\"a\\\"b\"\n", Some(&[("A", "\"a\\\"b\"")])),
    ("A='a\\'b'\n", Some(&[("A", "'a\\'b'")])),
    ("A=\"a\\\\b\"\n", Some(&[("A", "\"a\\\\b\"")])),
    ("A=\"a\\\\nb\"\n", Some(&[("A", "\"a\\\\nb\"")])),
    ("A='a\\\\b'\n", Some(&[("A", "'a\\\\b'")])),
    ("A=\"\\$P\"\n", Some(&[("A", "\"\\$P\"")])),
    ("A=$P\n", Some(&[("A", "$P")])),
    ("A=${P}\n", Some(&[("A", "${P}")])),
    ("A='$P'\n", Some(&[("A", "'$P'")])),
    ("A=\"$P\"\n", Some(&[("A", "\"$P\"")])),
    ("A=$$P\n", Some(&[("A", "$$P")])),
    ("A=${U:-d}\n", Some(&[("A", "${U:-d}")])),
    ("A=1\nB=$A\n", Some(&[("A", "1"), ("B", "$A")])),
    ("B=$A\nA=1\n", Some(&[("A", "1"), ("B", "$A")])),
    ("P=x\nB=$P\n", Some(&[("B", "$P"), ("P", "x")])),
    ("A=\"x\" # c\nB=1\n", Some(&[("A", "\"x\" # c"), ("B", "1")])),
    ("A='x' # c\n", Some(&[("A", "'x' # c")])),
    ("A=\"x\"y\nB=1\n", Some(&[("A", "\"x\"y"), ("B", "1")])),
    ("A=x\"y\"\n", Some(&[("A", "x\"y\"")])),
    ("A='x\n", Some(&[("A", "'x")])),
    ("A=\"x\n", Some(&[("A", "\"x")])),
    ("A B=1\n", None),
    ("A\tB=1\n", None),
    ("A-b.c=1\n", Some(&[("A-b.c", "1")])),
    ("A[0]=1\n", Some(&[("A[0]", "1")])),
    ("1A=1\n", Some(&[("1A", "1")])),
    ("é=1\n", Some(&[("é", "1")])),
    ("A!=1\n", Some(&[("A!", "1")])),
    ("=1\n", None),
    ("A==1\n", Some(&[("A", "=1")])),
    ("A=a=b\n", Some(&[("A", "a=b")])),
    ("A=a:b\n", Some(&[("A", "a:b")])),
    ("A:b=c\n", Some(&[("A:b", "c")])),
    ("  A=1\n", Some(&[("A", "1")])),
    ("\tA=1\n", Some(&[("A", "1")])),
    ("\n\nA=1\r\nB=2\r\n", Some(&[("A", "1"), ("B", "2")])),
    ("\u{feff}A=1\n", Some(&[("A", "1")])),
    (
        "A=\"\\a\\b\\f\\r\\t\\v\\c\\0\\0101\\012\"\n",
        Some(&[("A", "\"\\a\\b\\f\\r\\t\\v\\c\\0\\0101\\012\"")]),
    ),
    ("A=\"\\x41\\u0041\"\n", Some(&[("A", "\"\\x41\\u0041\"")])),
    ("A=${U?m}\n", Some(&[("A", "${U?m}")])),
    ("A=${\n", Some(&[("A", "${")])),
    ("A=\"${\"\n", Some(&[("A", "\"${\"")])),
    ("A='${'\n", Some(&[("A", "'${'")])),
    ("A=1\nA=2\n", Some(&[("A", "2")])),
    ("A=1 #\n", Some(&[("A", "1 #")])),
    ("A=1 \n", Some(&[("A", "1 ")])),
    ("A=\" 1 \"\n", Some(&[("A", "\" 1 \"")])),
    ("A=' 1 '\nB\n", Some(&[("A", "' 1 '")])),
    ("A=`x`\n", Some(&[("A", "`x`")])),
    ("A=1;B=2\n", Some(&[("A", "1;B=2")])),
    ("A=$(x)\n", Some(&[("A", "$(x)")])),
    ("A=\"a\" b\n", Some(&[("A", "\"a\" b")])),
    ("A=a 'b'\n", Some(&[("A", "a 'b'")])),
    ("A=\"\"\nB=''\n", Some(&[("A", "\"\""), ("B", "''")])),
    ("A={\"x\": 1}\n", Some(&[("A", "{\"x\": 1}")])),
    ("A=\"{\\\"x\\\": 1}\"\n", Some(&[("A", "\"{\\\"x\\\": 1}\"")])),
    ("A=a\\\nb\n", Some(&[("A", "a\\")])),
    ("A=\"a\\\nb\"\n", Some(&[("A", "\"a\\")])),
    ("-A=1\n", Some(&[("-A", "1")])),
    (".A=1\n", Some(&[(".A", "1")])),
    ("_=1\n", Some(&[("_", "1")])),
    ("A=1\n\n#x\n\n  # y\nB=2", Some(&[("A", "1"), ("B", "2")])),
    ("A=\\$P\n", Some(&[("A", "\\$P")])),
    ("A=\\\"x\n", Some(&[("A", "\\\"x")])),
    ("A=\"\\\\$P\"\n", Some(&[("A", "\"\\\\$P\"")])),
    ("A=$P$P-${P}x\n", Some(&[("A", "$P$P-${P}x")])),
    ("A='x'\\''y'\n", Some(&[("A", "'x'\\''y'")])),
    ("A=\\'\n", Some(&[("A", "\\'")])),
    ("A=\u{a0}x\u{a0}\n", Some(&[("A", "\u{a0}x\u{a0}")])),
    ("A=x\u{2003}\n", Some(&[("A", "x\u{2003}")])),
    ("\u{2003}A=1\n", Some(&[("A", "1")])),
    ("A = 'x'\n", None),
    ("A='x'  \n  B=1\n", Some(&[("A", "'x'  "), ("B", "1")])),
    ("A=\"x\"B=1\n", Some(&[("A", "\"x\"B=1")])),
    ("A=\"x\"\tB=1\n", Some(&[("A", "\"x\"\tB=1")])),
    ("A=1 # b\" c\n", Some(&[("A", "1 # b\" c")])),
    ("A=\"\\0101\\0400\\08\\0\"\n", Some(&[("A", "\"\\0101\\0400\\08\\0\"")])),
];

fn variable(name: &str) -> Option<String> {
    (name == "P").then(|| "p".to_owned())
}

#[test]
fn files_hold_what_the_standard_reads_in_them() {
    for (text, expected) in QUOTED {
        let mut found = BTreeMap::new();
        let outcome = parse_env_file(text, &variable, &mut found);
        check(text, outcome.is_ok().then_some(&found), *expected);
    }
}

#[test]
fn raw_files_hold_what_the_standard_reads_in_them() {
    for (text, expected) in RAW {
        let mut found = BTreeMap::new();
        let outcome = parse_raw_env_file(text, &variable, &mut found);
        check(text, outcome.is_ok().then_some(&found), *expected);
    }
}

fn check(text: &str, found: Option<&BTreeMap<String, String>>, expected: Option<&[(&str, &str)]>) {
    let expected: Option<BTreeMap<String, String>> = expected
        .map(|all| all.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect());
    assert_eq!(found, expected.as_ref(), "{text:?}");
}

#[test]
fn the_line_of_what_is_wrong_is_named() {
    let error = parse_env_file("A=1\n# x\n\nB!=2\n", &variable, &mut BTreeMap::new()).unwrap_err();
    assert_eq!(error.line, 4);
}

#[test]
fn values_that_double_are_refused_soon() {
    let mut text = String::from("A0=xxxxxxxxxxxxxxxx\n");
    for at in 1..60 {
        text.push_str(&format!("A{at}=$A{}$A{}\n", at - 1, at - 1));
    }
    parse_env_file(&text, &variable, &mut BTreeMap::new()).unwrap_err();
}
