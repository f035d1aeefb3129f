//! Words that are given to engines, parsed: none of them can be taken for a flag, a path or a second word.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use perry_sandbox_policy::{NetworkName, PatternError, ServiceName, VolumeName};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::super::tool::plain;
use super::new::Subnet;

/// The longest name.
const LONGEST_NAME: usize = 128;
/// The longest value of a label.
const LONGEST_VALUE: usize = 4096;
/// The most labels of one network or volume.
const MOST_LABELS: usize = 64;
/// Labels that begin so are ours to set.
const RESERVED: &str = "perry-sandbox.";
/// The label of what belongs to a project; its value is the project.
pub(crate) const PROJECT: &str = "perry-sandbox.project";

/// What an engine can have of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum StockKind {
    /// An image that was verified, and loaded for a run.
    Image,
    /// A network between sandboxes.
    Network,
    /// A volume that outlives sandboxes.
    Volume,
}

impl StockKind {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Network => "network",
            Self::Volume => "volume",
        }
    }

    /// The label by which one of ours is known; its value is the name.
    pub(super) const fn label(self) -> &'static str {
        match self {
            Self::Image => "perry-sandbox.image",
            Self::Network => "perry-sandbox.network",
            Self::Volume => "perry-sandbox.volume",
        }
    }
}

impl fmt::Display for StockKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a word is not given to an engine.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum WordError {
    /// A name of a network, volume or label that engines do not take.
    #[error(
        "`{0}` is no name: 2 to {LONGEST_NAME} letters, digits, `_`, `.` and `-` are expected, a letter or digit first"
    )]
    Name(String),
    /// A label that is no name and value.
    #[error(
        "`{0}` is no label: NAME=VALUE is expected, with a value of at most {LONGEST_VALUE} bytes without control characters"
    )]
    Label(String),
    /// A label that only we may set.
    #[error(
        "the label `{0}` is set by perry-sandbox itself: choose a name that does not begin with `{RESERVED}`"
    )]
    Reserved(String),
    /// The same label twice.
    #[error("the label `{0}` is given twice")]
    Twice(String),
    /// Too many labels.
    #[error("there are more than {MOST_LABELS} labels")]
    TooMany,
    /// No subnet.
    #[error(
        "`{0}` is no subnet: an address and the length of its prefix are expected, with no bits after the prefix, as `10.89.7.0/24`"
    )]
    Subnet(String),
    /// An address that is not of its network.
    #[error(
        "`{0}` is not of {1}: an address for one host is expected, or a smaller subnet, of the network's own"
    )]
    Outside(String, Subnet),
    /// An address of a network that has no subnet.
    #[error("`{0}` is an address of no subnet: say which subnet the network has")]
    NoSubnet(String),
}

/// What an engine calls a network or volume.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct StockName(String);

impl StockName {
    /// What the network or volume that a project calls `key` is to an engine. Two projects may come to the same name; what
    /// is there says by a label whose it is.
    ///
    /// # Errors
    /// Together they are longer than an engine's name.
    pub fn in_project(project: &Project, key: &impl fmt::Display) -> Result<Self, WordError> {
        format!("{project}_{key}").parse()
    }

    /// What a network that a service of a project joins is to an engine.
    ///
    /// # Errors
    /// Together they are longer than an engine's name.
    pub fn of_network(project: &Project, network: &NetworkName) -> Result<Self, WordError> {
        if network.shared().is_some() {
            return Err(WordError::Name(network.to_string()));
        }
        let name = network.external().or_else(|| network.called());
        name.map_or_else(|| Self::in_project(project, network), str::parse)
    }

    /// What a volume of a plan is to an engine: of the project, or what it is called outside of it.
    pub(in super::super) fn of_volume(project: &Project, volume: &VolumeName) -> Result<Self, WordError> {
        volume.external().map_or_else(|| Self::in_project(project, volume), str::parse)
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for StockName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for StockName {
    type Error = WordError;

    fn try_from(text: String) -> Result<Self, WordError> {
        text.parse()
    }
}

impl From<StockName> for String {
    fn from(name: StockName) -> Self {
        name.0
    }
}

/// A compose project or workload, to which networks and volumes belong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Project(String);

impl Project {
    /// The project of a service.
    pub fn of(service: &ServiceName) -> Self {
        Self(service.project().to_owned())
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Project {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Project {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        // A service's name has the rules.
        format!("{text}/service").parse().map(|service| Self::of(&service))
    }
}

impl TryFrom<String> for Project {
    type Error = PatternError;

    fn try_from(text: String) -> Result<Self, PatternError> {
        text.parse()
    }
}

impl From<Project> for String {
    fn from(project: Project) -> Self {
        project.0
    }
}

fn is_name(text: &str) -> bool {
    let rest = |char: char| char.is_ascii_alphanumeric() || "_.-".contains(char);
    (2..=LONGEST_NAME).contains(&text.len())
        && text.starts_with(|char: char| char.is_ascii_alphanumeric())
        && text.chars().all(rest)
}

impl FromStr for StockName {
    type Err = WordError;

    fn from_str(text: &str) -> Result<Self, WordError> {
        if is_name(text) { Ok(Self(text.to_owned())) } else { Err(WordError::Name(plain(text.as_bytes()))) }
    }
}

/// Labels of a network or volume, without the one by which it is known as ours.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Labels(BTreeMap<String, String>);

impl Labels {
    /// Reads labels as people write them: `NAME=VALUE`.
    ///
    /// # Errors
    /// One is not of this form, ours to set or given twice, or there are too many.
    pub fn parse<T: AsRef<str>>(texts: &[T]) -> Result<Self, WordError> {
        let mut all = BTreeMap::new();
        for text in texts.iter().map(AsRef::as_ref) {
            let shown = || plain(text.as_bytes());
            let (name, value) = text.split_once('=').ok_or_else(|| WordError::Label(shown()))?;
            if !is_name(name) || value.len() > LONGEST_VALUE || value.contains(char::is_control) {
                return Err(WordError::Label(shown()));
            }
            if name.starts_with(RESERVED) {
                return Err(WordError::Reserved(name.to_owned()));
            }
            if all.insert(name.to_owned(), value.to_owned()).is_some() {
                return Err(WordError::Twice(name.to_owned()));
            }
            if all.len() > MOST_LABELS {
                return Err(WordError::TooMany);
            }
        }
        Ok(Self(all))
    }

    /// These, for something that belongs to a project.
    #[must_use]
    pub fn of_project(mut self, project: &Project) -> Self {
        self.0.insert(PROJECT.to_owned(), project.to_string());
        self
    }

    /// Whether it is for a project, whose sandboxes join what never leads outside.
    pub(super) fn are_of_a_project(&self) -> bool {
        self.0.contains_key(PROJECT)
    }

    /// All that one of this name is made with.
    pub(crate) fn with_ours(&self, kind: StockKind, name: &StockName) -> BTreeMap<String, String> {
        let ours = (kind.label().to_owned(), name.to_string());
        self.0.clone().into_iter().chain([ours]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_is_a_flag_a_path_or_two_words() {
        for name in ["db", "shop_db-1.x", "0a", &"x".repeat(128)] {
            assert_eq!(name.parse::<StockName>().unwrap().as_str(), name);
        }
        for name in [
            "",
            "x",
            "-f",
            "--all",
            ".x",
            "_x",
            "a/b",
            "a b",
            "a\n",
            "a,b",
            "a%2f",
            "\u{1b}[2J",
            "ä1",
            &"x".repeat(129),
        ] {
            let error = name.parse::<StockName>().unwrap_err().to_string();
            assert!(!error.contains(char::is_control), "{error:?}");
        }
        assert!("x".repeat(1 << 20).parse::<StockName>().unwrap_err().to_string().len() < 1000);
    }

    #[test]
    fn labels_are_names_and_values() {
        let labels = Labels::parse(&["project=shop", "note=a=b, \"c\"", "empty="]).unwrap();
        let all = labels.with_ours(StockKind::Volume, &"rows".parse().unwrap());
        let pairs: Vec<String> = all.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(pairs, ["empty=", "note=a=b, \"c\"", "perry-sandbox.volume=rows", "project=shop"]);
        for text in ["", "=", "=x", "name", "-l=x", "a b=c", "xx=\n", "xx=\u{1b}[2J"] {
            assert!(matches!(Labels::parse(&[text]), Err(WordError::Label(_))), "{text:?}");
        }
        assert!(matches!(Labels::parse(&["perry-sandbox.volume=x"]), Err(WordError::Reserved(_))));
        assert!(matches!(Labels::parse(&["aa=1", "aa=1"]), Err(WordError::Twice(_))));
        let many: Vec<String> = (0..65).map(|number| format!("label{number}=")).collect();
        assert_eq!(Labels::parse(&many), Err(WordError::TooMany));
        assert!(Labels::parse(&[format!("xx={}", "y".repeat(4097))]).is_err());
    }
}
