//! The reader of records: any bytes, and records that somebody has changed.

use perry_sandbox_runner::check_record;
use proptest::prelude::*;

use super::yard::yard;

const RECORD: &str = include_str!("../../../fuzz/corpus/record/running.json");

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..4096)) {
        prop_assert_eq!(check_record(&bytes), None);
    }

    #[test]
    fn what_is_read_is_written_the_same_again(place in 0..RECORD.len(), byte in any::<u8>()) {
        let mut bytes = RECORD.as_bytes().to_vec();
        bytes[place] = byte;
        if let Some(written) = check_record(&bytes) {
            prop_assert_eq!(check_record(&written), Some(written.clone()));
        }
    }

    #[test]
    fn a_part_of_a_record_is_no_record(length in 0..RECORD.trim_end().len()) {
        prop_assert_eq!(check_record(&RECORD.as_bytes()[..length]), None);
    }
}

#[test]
fn the_corpus_is_what_is_written() {
    let yard = yard("true");
    let id = yard.create();
    let folder = yard.runtime.join("sandboxes/ids").join(id.as_str());
    let written = std::fs::read(folder.join("record.json")).unwrap();
    assert!(check_record(&written).is_some() && check_record(RECORD.as_bytes()).is_some());
    let fields = |bytes: &[u8]| {
        let value: serde_json::Value = serde_json::from_slice(bytes).unwrap();
        value.as_object().unwrap().keys().cloned().collect::<Vec<_>>()
    };
    assert_eq!(fields(&written), fields(RECORD.as_bytes()));
}
