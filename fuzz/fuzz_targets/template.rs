//! Variables in values: any text is read, and the variables that are found are those that are put in.
#![no_main]

use perry_sandbox_compose::{Budget, FileId, Value, parse_yaml, variables};

libfuzzer_sys::fuzz_target!(|text: &str| {
    let Ok(mut documents) = parse_yaml("x", FileId(0), &Budget::default()) else { return };
    let Some(node) = documents.first_mut() else { return };
    node.value = Value::Text(text.to_owned());
    let found = variables(node);
    assert!(found.keys().all(|name| text.contains(name.as_str())));
});
