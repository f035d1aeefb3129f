//! Policy files, in both spellings: refused or loaded, and what loads is formatted to something that loads.
#![no_main]

use perry_sandbox_policy::{NoFiles, PolicySource, format, load};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    for name in ["policy.toml", "policy.json"] {
        let source = PolicySource::new(name, bytes);
        match load(std::slice::from_ref(&source), &NoFiles) {
            Err(error) => drop(error.render(false)),
            Ok(policy) => {
                let again = format(&source).expect("what loads can be formatted");
                let again = load(&[PolicySource::new(name, again)], &NoFiles).expect("what fmt writes loads");
                assert_eq!(policy.digest(), again.digest());
            }
        }
    }
});
