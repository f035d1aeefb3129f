//! Labels: what a caller wants to find its sandboxes by.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::error::LifecycleError;
use super::id::shown;

/// At most 64 labels; a key has 1 to 128 printable ASCII characters, a value at most 1,024 bytes without control
/// characters.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(transparent)]
pub struct Labels(BTreeMap<String, String>);

const MOST: usize = 64;
const LONGEST_KEY: usize = 128;
const LONGEST_VALUE: usize = 1024;

impl Labels {
    /// Checks labels.
    ///
    /// # Errors
    /// [`LifecycleError::BadLabels`]: which bound was broken.
    pub fn new(labels: BTreeMap<String, String>) -> Result<Self, LifecycleError> {
        if labels.len() > MOST {
            return Err(LifecycleError::BadLabels(format!("{} labels, more than {MOST}", labels.len())));
        }
        for (key, value) in &labels {
            if key.is_empty() || key.len() > LONGEST_KEY || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
                let why =
                    format!("the key `{}`, not 1 to {LONGEST_KEY} printable ASCII characters", shown(key));
                return Err(LifecycleError::BadLabels(why));
            }
            if value.len() > LONGEST_VALUE || value.chars().any(char::is_control) {
                let why = format!(
                    "a value of `{key}` that is longer than {LONGEST_VALUE} bytes or has control characters"
                );
                return Err(LifecycleError::BadLabels(why));
            }
        }
        Ok(Self(labels))
    }

    /// Keys and values.
    pub const fn as_map(&self) -> &BTreeMap<String, String> {
        &self.0
    }

    /// Whether all of `wanted` are here, with the same values.
    pub fn have(&self, wanted: &BTreeMap<String, String>) -> bool {
        wanted.iter().all(|(key, value)| self.0.get(key) == Some(value))
    }
}

impl<'de> Deserialize<'de> for Labels {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        /// Refuses a key that comes twice, which a derived map would not.
        struct Once;
        impl<'de> Visitor<'de> for Once {
            type Value = BTreeMap<String, String>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("labels")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut labels = BTreeMap::new();
                while let Some((key, value)) = map.next_entry()? {
                    if labels.len() >= MOST || labels.insert(key, value).is_some() {
                        return Err(A::Error::custom("a label comes twice, or there are too many"));
                    }
                }
                Ok(labels)
            }
        }
        Self::new(deserializer.deserialize_map(Once)?).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn labels_are_bounded() {
        assert!(Labels::new(labels(&[("perry.compose.project", "a b")])).is_ok());
        for bad in [("", "x"), ("a b", "x"), ("a", "line\nbreak"), ("ä", "x")] {
            assert!(Labels::new(labels(&[bad])).is_err(), "{bad:?}");
        }
        assert!(Labels::new((0..65).map(|n| (n.to_string(), String::new())).collect()).is_err());
        assert!(Labels::new(BTreeMap::from([("a".to_owned(), "x".repeat(1025))])).is_err());
    }

    #[test]
    fn a_label_that_comes_twice_is_refused() {
        assert!(serde_json::from_str::<Labels>(r#"{"a":"1","a":"2"}"#).is_err());
        assert!(serde_json::from_str::<Labels>(r#"{"a":"1","b":"2"}"#).is_ok());
    }

    #[test]
    fn all_wanted_labels_must_be_there() {
        let all = Labels::new(labels(&[("a", "1"), ("b", "2")])).unwrap();
        assert!(all.have(&labels(&[("a", "1")])) && all.have(&BTreeMap::new()));
        assert!(!all.have(&labels(&[("a", "2")])) && !all.have(&labels(&[("a", "1"), ("c", "")])));
    }
}
