//! Canonical JSON (RFC 8785): one text for one value, so that a digest means the value.

mod serializer;
mod write;

use perry_sandbox_reference::Digest;
use serde::Serialize;

use serializer::Writer;

/// The canonical JSON of a value.
///
/// Values that JSON cannot hold (a map whose keys are not text) become `null`: no type of this crate has one, and a
/// test of every digest would show it.
pub(crate) fn canonical_json<T: Serialize + ?Sized>(value: &T) -> String {
    /// A plan fits.
    const USUAL: usize = 8192;
    let mut writer = Writer { text: String::with_capacity(USUAL) };
    value.serialize(&mut writer).map_or_else(|_| "null".to_owned(), |()| writer.text)
}

/// The SHA-256 digest of the canonical JSON of a value.
pub(crate) fn digest_of<T: Serialize + ?Sized>(value: &T) -> Digest {
    Digest::of(canonical_json(value).as_bytes())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::{Number, Value};

    use super::*;

    #[derive(Serialize)]
    enum Every {
        Unit,
        One(u8),
        Pair(u8, bool),
        Fields { b: Option<char>, a: () },
    }

    fn canonical(json: &str) -> String {
        canonical_json(&serde_json::from_str::<Value>(json).unwrap())
    }

    #[test]
    fn the_example_of_section_3_2_4_comes_out_as_printed() {
        // Not read from text: `serde_json` rounds the first number otherwise than ECMAScript does.
        let input = serde_json::json!({
            "numbers": [f64::from_bits(0x41b3_de43_5555_5555), 1E30, 4.50, 2e-3, 0.000_000_000_000_000_000_000_000_001],
            "string": "\u{20ac}$\u{f}\u{a}A'\u{42}\u{22}\u{5c}\\\"/",
            "literals": [null, true, false]
        });
        let expected = "{\"literals\":[null,true,false],\"numbers\":[333333333.3333333,1e+30,4.5,0.002,1e-27],\"string\":\"€$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}";
        assert_eq!(canonical_json(&input), expected);
    }

    #[test]
    fn keys_are_ordered_by_utf_16_units_as_in_section_3_2_3() {
        let input = r#"{"\u20ac":"Euro Sign","\r":"Carriage Return","\ufb33":"Hebrew Letter Dalet With Dagesh","1":"One",
            "\ud83d\ude00":"Emoji: Grinning Face","\u0080":"Control","\u00f6":"Latin Small Letter O With Diaeresis"}"#;
        let text = canonical(input);
        let order = ["Carriage", "One", "Control", "Latin", "Euro", "Emoji", "Hebrew"];
        let places: Vec<_> = order.iter().map(|word| text.find(word).unwrap()).collect();
        assert!(places.is_sorted(), "{text}");
    }

    #[test]
    fn numbers_follow_appendix_b() {
        for (bits, expected) in [
            (0x0000_0000_0000_0000_u64, "0"),
            (0x8000_0000_0000_0000, "0"),
            (0x0000_0000_0000_0001, "5e-324"),
            (0x8000_0000_0000_0001, "-5e-324"),
            (0x7fef_ffff_ffff_ffff, "1.7976931348623157e+308"),
            (0x4340_0000_0000_0000, "9007199254740992"),
            (0xc340_0000_0000_0000, "-9007199254740992"),
            (0x4430_0000_0000_0000, "295147905179352830000"),
            (0x44b5_2d02_c7e1_4af5, "9.999999999999997e+22"),
            (0x44b5_2d02_c7e1_4af6, "1e+23"),
            (0x44b5_2d02_c7e1_4af7, "1.0000000000000001e+23"),
            (0x444b_1ae4_d6e2_ef4e, "999999999999999700000"),
            (0x444b_1ae4_d6e2_ef4f, "999999999999999900000"),
            (0x444b_1ae4_d6e2_ef50, "1e+21"),
            (0x3eb0_c6f7_a0b5_ed8c, "9.999999999999997e-7"),
            (0x3eb0_c6f7_a0b5_ed8d, "0.000001"),
            (0x41b3_de43_5555_5553, "333333333.3333332"),
            (0x41b3_de43_5555_5554, "333333333.33333325"),
            (0x41b3_de43_5555_5555, "333333333.3333333"),
            (0x41b3_de43_5555_5556, "333333333.3333334"),
            (0x41b3_de43_5555_5557, "333333333.33333343"),
            (0x4314_3ff3_c1cb_0959, "1424953923781206.2"),
        ] {
            let number = Number::from_f64(f64::from_bits(bits)).unwrap();
            assert_eq!(canonical_json(&Value::Number(number)), expected, "{bits:x}");
        }
    }

    #[test]
    fn every_shape_of_rust_is_what_serde_json_makes_of_it() {
        let keys = BTreeMap::from([("b\n", 1), ("\"a\"", 2), ("", 3), ("é", 4)]);
        let value = (
            [Every::Unit, Every::One(1), Every::Pair(2, true), Every::Fields { b: Some('x'), a: () }],
            (keys, -7_i64, u64::MAX, f64::NAN, 1.5_f32, "\u{7f} text \u{1}", Vec::<u8>::new()),
        );
        let (direct, through) =
            (canonical_json(&value), canonical_json(&serde_json::to_value(&value).unwrap()));
        assert_eq!(direct, through);
        assert_eq!(
            serde_json::from_str::<Value>(&direct).unwrap()[0][3],
            serde_json::json!({"Fields": {"a": null, "b": "x"}})
        );
    }

    #[test]
    fn a_map_whose_keys_are_no_text_is_null() {
        assert_eq!(canonical_json(&BTreeMap::from([((), 1)])), "null");
    }
}
