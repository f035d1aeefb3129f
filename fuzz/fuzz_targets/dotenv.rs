//! Files of variables: any text is read or refused.
#![no_main]

use std::collections::BTreeMap;

use perry_sandbox_compose::{parse_env_file, parse_raw_env_file};

libfuzzer_sys::fuzz_target!(|text: &str| {
    let known = |name: &str| (name.len() % 2 == 0).then(|| name.to_owned());
    let _ = parse_env_file(text, &known, &mut BTreeMap::new());
    let _ = parse_raw_env_file(text, &known, &mut BTreeMap::new());
});
