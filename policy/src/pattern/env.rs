//! Names of environment variables: exact, or `PREFIX_*`.

use std::fmt;
use std::str::FromStr;

use super::{Pattern, PatternError, serialize_as_text};

const EXPECTED: &str = "the name of a variable: expected letters, digits and `_`, not starting with a digit, \
or such a prefix ending in `_*`";

/// Variables with which whoever sets them runs code of their own in loaders, shells and interpreters. No prefix
/// pattern matches them, and an image's own are dropped: only the exact name in a policy grants one.
const LOADER_VARIABLES: [&str; 45] = [
    "BASHOPTS",
    "BASH_ENV",
    "CDPATH",
    "CLASSPATH",
    "DYLD_FORCE_FLAT_NAMESPACE",
    "ENV",
    "ERL_AFLAGS",
    "ERL_FLAGS",
    "GCONV_PATH",
    "GETCONF_DIR",
    "GIT_CONFIG_GLOBAL",
    "GIT_EXEC_PATH",
    "GIT_SSH",
    "GIT_SSH_COMMAND",
    "GLIBC_TUNABLES",
    "HOSTALIASES",
    "IFS",
    "JAVA_TOOL_OPTIONS",
    "JDK_JAVA_OPTIONS",
    "LOCALDOMAIN",
    "LOCPATH",
    "LUA_CPATH",
    "LUA_INIT",
    "LUA_PATH",
    "MALLOC_CONF",
    "MALLOC_TRACE",
    "NLSPATH",
    "NODE_OPTIONS",
    "NODE_PATH",
    "OPENSSL_CONF",
    "OPENSSL_ENGINES",
    "OPENSSL_MODULES",
    "PERL5DB",
    "PERL5LIB",
    "PERL5OPT",
    "PERLLIB",
    "PHPRC",
    "PROMPT_COMMAND",
    "PS4",
    "RESOLV_HOST_CONF",
    "RES_OPTIONS",
    "RUBYLIB",
    "RUBYOPT",
    "SHELLOPTS",
    "_JAVA_OPTIONS",
];
const LOADER_PREFIXES: [&str; 5] = ["LD_", "DYLD_", "PYTHON", "BASH_FUNC_", "GIT_CONFIG_"];

/// Whether a variable makes loaders, shells or interpreters run other code.
pub fn is_loader_variable(name: &str) -> bool {
    LOADER_VARIABLES.binary_search(&name).is_ok()
        || LOADER_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// A set of variable names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EnvPattern {
    /// One variable.
    Exact(String),
    /// Every variable with this prefix that [`is_loader_variable`] does not know.
    Prefix(String),
}

impl EnvPattern {
    /// Whether the pattern stands for this variable.
    pub fn matches(&self, name: &str) -> bool {
        match self {
            Self::Exact(exact) => exact == name,
            Self::Prefix(prefix) => name.starts_with(prefix) && !is_loader_variable(name),
        }
    }
}

impl Pattern for EnvPattern {
    fn includes(&self, other: &Self) -> bool {
        match other {
            Self::Exact(name) => self.matches(name),
            Self::Prefix(inner) => matches!(self, Self::Prefix(prefix) if inner.starts_with(prefix)),
        }
    }

    fn meet(&self, other: &Self) -> Option<Self> {
        if self.includes(other) {
            Some(other.clone())
        } else if other.includes(self) {
            Some(self.clone())
        } else {
            None
        }
    }

    fn wider(&self) -> Vec<Self> {
        let (text, own) = match self {
            Self::Exact(name) if is_loader_variable(name) => return Vec::new(),
            Self::Exact(name) => (name, name.len()),
            Self::Prefix(prefix) => (prefix, prefix.len().saturating_sub(1)),
        };
        // Prefixes end in `_`.
        let ends = text.match_indices('_').filter(|(at, _)| *at < own);
        ends.filter_map(|(at, _)| text.get(..=at)).map(|prefix| Self::Prefix(prefix.to_owned())).collect()
    }
}

impl FromStr for EnvPattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        let refuse = || PatternError::new(text, EXPECTED);
        match text.strip_suffix('*') {
            // A prefix of nothing but loader variables stands for nothing: the author means something else.
            Some(prefix) if prefix.ends_with('_') && is_variable(prefix) && !is_loader_variable(prefix) => {
                Ok(Self::Prefix(prefix.to_owned()))
            }
            None if is_variable(text) => Ok(Self::Exact(text.to_owned())),
            Some(_) | None => Err(refuse()),
        }
    }
}

/// A name that every shell and loader takes for one variable.
pub(crate) fn is_variable(text: &str) -> bool {
    (1..=256).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        && !text.starts_with(|c: char| c.is_ascii_digit())
}

impl fmt::Display for EnvPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(name) => f.write_str(name),
            Self::Prefix(prefix) => write!(f, "{prefix}*"),
        }
    }
}

serialize_as_text!(EnvPattern);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sorted_for_its_search() {
        assert!(LOADER_VARIABLES.is_sorted());
    }

    #[test]
    fn a_prefix_never_grants_a_loader_variable_but_its_name_does() {
        let prefix: EnvPattern = "NODE_*".parse().unwrap();
        assert!(prefix.matches("NODE_ENV") && !prefix.matches("NODE_OPTIONS"));
        let exact: EnvPattern = "NODE_OPTIONS".parse().unwrap();
        assert!(exact.matches("NODE_OPTIONS"));
        assert!(!prefix.includes(&exact));
        assert_eq!(prefix.meet(&exact), None);
    }

    #[test]
    fn text_that_names_no_variable_is_refused() {
        for text in ["", "*", "A*", "1A", "A=B", "A_*_B", "A B", "LD_*", "_*_*", "PYTHON_*", "Ä"] {
            assert!(text.parse::<EnvPattern>().is_err(), "{text}");
        }
        assert!("ACME_*".parse::<EnvPattern>().is_ok());
    }
}
