//! 11, 13, 16: the canonical form, typos, and hostile input.

use perry_sandbox_policy::{Format, PolicySource, WantedMount, format, load, schema};
use proptest::prelude::*;

use crate::documents::unknown_keys;
use crate::support::asks::ask;
use crate::support::spec::policy;
use crate::support::{ACME, ACME_JSON, Files, loaded, toml_text, try_load};

/// Every key of a document that the format names, as a path to it.
fn keys(schema: &serde_json::Value, document: &serde_json::Value, path: &str, found: &mut Vec<String>) {
    match document {
        serde_json::Value::Object(members) => {
            for (key, value) in members {
                let here = format!("{path}/{}", key.replace('~', "~0").replace('/', "~1"));
                let own = &schema["properties"][key];
                if own.is_object() {
                    found.push(here.clone());
                }
                keys(
                    if own.is_object() { own } else { &schema["additionalProperties"] },
                    value,
                    &here,
                    found,
                );
            }
        }
        serde_json::Value::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                keys(&schema["items"], item, &format!("{path}/{at}"), found);
            }
        }
        _ => {}
    }
}

/// A key with one letter dropped, doubled, or swapped with the next.
fn typos(key: &str) -> Vec<String> {
    let letters: Vec<char> = key.chars().collect();
    let mut typos = Vec::new();
    for at in 0..letters.len() {
        let mut dropped = letters.clone();
        dropped.remove(at);
        let mut doubled = letters.clone();
        doubled.insert(at, letters[at]);
        let mut swapped = letters.clone();
        if at + 1 < letters.len() {
            swapped.swap(at, at + 1);
        }
        typos.extend([dropped, doubled, swapped].map(|letters| letters.into_iter().collect::<String>()));
    }
    typos.retain(|typo| typo != key);
    typos
}

#[test]
fn p13_every_single_key_typo_is_refused_by_the_reader_and_by_the_schema() {
    let document: serde_json::Value = serde_json::from_str(ACME_JSON).unwrap();
    let schema = schema();
    let mut paths = Vec::new();
    keys(&schema, &document, "", &mut paths);
    assert!(paths.len() > 100, "{}", paths.len());
    for path in paths {
        let (parent, key) = path.rsplit_once('/').unwrap();
        for typo in typos(key) {
            let mut changed = document.clone();
            let table = changed.pointer_mut(parent).unwrap().as_object_mut().unwrap();
            if table.contains_key(&typo) {
                continue;
            }
            let value = table.remove(key).unwrap();
            table.insert(typo.clone(), value);
            let error = try_load(&[("policy.json", &changed.to_string())]).expect_err(&typo);
            let codes: Vec<_> = error.refusals().iter().map(|refusal| refusal.code.as_str()).collect();
            assert!(codes.contains(&"PSR107") || codes.contains(&"PSR106"), "{path} as {typo}: {codes:?}");
            assert_eq!(unknown_keys(&schema, &changed), std::slice::from_ref(&typo), "{path}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn p11_the_canonical_form_means_the_same_and_is_its_own(spec in policy(), seed in any::<u64>(), comment in "[ -~äö]{0,20}") {
        let text = toml_text(&spec.to_json(), seed);
        let text: String = text
            .lines()
            .enumerate()
            .map(|(at, line)| match at % 3 {
                0 => format!("{line} # {comment}\n"),
                1 => format!("\n# {comment}\n\n\n   {line}\n"),
                _ => format!("{line}\n"),
            })
            .collect();
        let once = format(&PolicySource::new("p.toml", text.as_str())).unwrap();
        prop_assert_eq!(&format(&PolicySource::new("p.toml", once.as_str())).unwrap(), &once);
        prop_assert_eq!(loaded(&once).digest().to_string(), loaded(&text).digest().to_string());
        let comments = |text: &str| text.lines().filter(|line| line.contains('#')).count();
        prop_assert_eq!(comments(&once), comments(&text));
        let json = serde_json::to_string(&spec.to_json()).unwrap();
        let once = format(&PolicySource::new("p.json", json.as_str())).unwrap();
        prop_assert_eq!(&format(&PolicySource::new("p.json", once.as_str())).unwrap(), &once);
        prop_assert_eq!(try_load(&[("p.json", &once)]).unwrap().digest().to_string(), loaded(&text).digest().to_string());
    }

    #[test]
    fn p16_random_requests_never_panic(spec in policy(), ask in ask(), args in proptest::collection::vec(any::<String>(), 0..4), name in any::<String>(), value in any::<String>()) {
        let policy = loaded(&spec.to_toml());
        let mut request = ask.request();
        request.args = args.clone();
        request.entrypoint = args.first().cloned();
        request.env.insert(name.clone(), value.clone());
        request.grants.egress.push(name.clone());
        request.grants.mounts_write.push(WantedMount::in_place(value.clone()));
        if let Ok(name) = name.parse() {
            request.target = perry_sandbox_policy::Target::Service(name);
        }
        let image = perry_sandbox_policy::ImageDefaults {
            entrypoint: args.clone(), cmd: args, env: vec![name.clone(), format!("{name}={value}")],
            working_dir: Some(name), user: Some(value),
        };
        let (_, explanation) = perry_sandbox_policy::explain(
            &policy, &request, &ask.evidence(&spec), &image, &ask.host(), crate::support::now());
        let text = explanation.to_text(false);
        prop_assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{:?}", text);
    }
}

/// Loads and shows whatever comes; it may only be refused.
fn read(bytes: Vec<u8>, format: Format) {
    let source = PolicySource { name: "p".into(), format, bytes };
    match load(std::slice::from_ref(&source), &Files) {
        Ok(policy) => drop(policy.to_canonical_json()),
        Err(error) => {
            assert!(!error.refusals().is_empty());
            drop((error.render(true), error.to_string(), error.to_json()));
        }
    }
    drop(perry_sandbox_policy::format(&source));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn p16_no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), text in any::<String>()) {
        for format in [Format::Toml, Format::Json] {
            read(bytes.clone(), format);
            read(text.clone().into_bytes(), format);
            read(format!("schema = \"perry-sandbox/policy/v1\"\n{text}").into_bytes(), format);
        }
    }

    #[test]
    fn p16_no_change_of_the_example_makes_the_reader_panic(
        cuts in proptest::collection::vec((any::<prop::sample::Index>(), 0_usize..40, ".{0,8}"), 1..4)
    ) {
        for (text, format) in [(ACME, Format::Toml), (ACME_JSON, Format::Json)] {
            let mut bytes = text.as_bytes().to_vec();
            for (at, length, new) in &cuts {
                let start = at.index(bytes.len());
                let end = (start + length).min(bytes.len());
                bytes.splice(start..end, new.bytes());
            }
            read(bytes, format);
        }
    }
}
