/// The regular expressions of the schema, by hand: they are few, and the program starts without compiling any.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pattern {
    /// `^x-`
    Extension,
    /// `^[a-zA-Z0-9._-]+$`
    Name,
    /// `.+`, `^.+$`
    Something,
    /// `^[a-z]+$`
    Lowercase,
    /// `[a-zA-Z0-9][a-zA-Z0-9_.-]+`, anywhere in the text.
    ContainerName,
    /// `always|never|…|every_([0-9]+[wdhms])+`, anywhere in the text.
    PullPolicy,
}

const PULL_POLICY: &str =
    "always|never|build|if_not_present|missing|refresh|daily|weekly|every_([0-9]+[wdhms])+";

impl Pattern {
    /// The pattern with this text; nothing if it is not one of those known.
    pub(super) fn of(text: &str) -> Option<Self> {
        Some(match text {
            "^x-" => Self::Extension,
            "^[a-zA-Z0-9._-]+$" => Self::Name,
            ".+" | "^.+$" => Self::Something,
            "^[a-z]+$" => Self::Lowercase,
            "[a-zA-Z0-9][a-zA-Z0-9_.-]+" => Self::ContainerName,
            PULL_POLICY => Self::PullPolicy,
            _ => return None,
        })
    }

    /// Whether the pattern finds something in `text`.
    pub(super) fn fits(self, text: &str) -> bool {
        let name = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'_' | b'-');
        match self {
            Self::Extension => text.starts_with("x-"),
            Self::Name => !text.is_empty() && text.bytes().all(name),
            // A dot stands for anything but a line break.
            Self::Something => text.bytes().any(|c| c != b'\n'),
            Self::Lowercase => !text.is_empty() && text.bytes().all(|c| c.is_ascii_lowercase()),
            Self::ContainerName => text
                .as_bytes()
                .windows(2)
                .any(|pair| matches!(pair, [a, b] if a.is_ascii_alphanumeric() && name(*b))),
            Self::PullPolicy => pull_policy(text),
        }
    }

    /// What a text must be, for a message.
    pub(super) const fn wanted(self) -> &'static str {
        match self {
            Self::Extension => "begin with `x-`",
            Self::Name => "have only letters, digits, `.`, `_` and `-`",
            Self::Something => "not be empty",
            Self::Lowercase => "have only small letters",
            Self::ContainerName => {
                "have two of letters, digits, `_`, `.` and `-`, and begin with a letter or digit"
            }
            Self::PullPolicy => {
                "be `always`, `never`, `missing`, `if_not_present`, `build`, `refresh`, `daily`, `weekly` or `every_<time>`"
            }
        }
    }
}

fn pull_policy(text: &str) -> bool {
    let words = ["always", "never", "build", "if_not_present", "missing", "refresh", "daily", "weekly"];
    words.iter().any(|word| text.contains(word))
        || text.split("every_").skip(1).any(|rest| {
            let unit = rest.trim_start_matches(|c: char| c.is_ascii_digit());
            unit.len() < rest.len() && unit.starts_with(['w', 'd', 'h', 'm', 's'])
        })
}
