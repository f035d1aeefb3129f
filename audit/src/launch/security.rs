//! What `security_opt` and `--security-opt` say.

/// Which seccomp profile is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SeccompChoice {
    /// None at all.
    Unconfined,
    /// The engine's own.
    Builtin,
    /// A file's.
    File(String),
}

/// One option.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecurityOpt {
    /// Whether a program can gain privileges by what it executes.
    NoNewPrivileges(bool),
    /// Seccomp.
    Seccomp(SeccompChoice),
    /// The profile of `AppArmor`; `unconfined` is none.
    AppArmor(String),
    /// A label of `SELinux`, or `disable`.
    Label(String),
    /// Whether the kernel's files are left open that engines mask.
    OpenSystemPaths,
    /// Anything else.
    Other(String),
}

impl SecurityOpt {
    /// Reads an option in every spelling that engines take: `name=value`, `name:value`, and `no-new-privileges` alone.
    pub(crate) fn parse(text: &str) -> Self {
        let (name, value) = match text.find(['=', ':']) {
            Some(at) => {
                (text.get(..at).unwrap_or_default(), text.get(at.saturating_add(1)..).unwrap_or_default())
            }
            None => (text, ""),
        };
        match name.trim() {
            "no-new-privileges" => {
                Self::NoNewPrivileges(!matches!(value.trim().to_lowercase().as_str(), "false" | "0" | "f"))
            }
            "seccomp" => Self::Seccomp(match value.trim() {
                "unconfined" => SeccompChoice::Unconfined,
                "builtin" | "" => SeccompChoice::Builtin,
                file => SeccompChoice::File(file.to_owned()),
            }),
            "apparmor" => Self::AppArmor(value.trim().to_owned()),
            "label" => Self::Label(value.trim().to_owned()),
            "systempaths" if value.trim() == "unconfined" => Self::OpenSystemPaths,
            // podman's words for the same.
            "unmask" => Self::OpenSystemPaths,
            _ => Self::Other(text.to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_is_known() {
        for text in ["no-new-privileges", "no-new-privileges:true", "no-new-privileges=true"] {
            assert_eq!(SecurityOpt::parse(text), SecurityOpt::NoNewPrivileges(true), "{text}");
        }
        for text in ["no-new-privileges:false", "no-new-privileges=false", "no-new-privileges=0"] {
            assert_eq!(SecurityOpt::parse(text), SecurityOpt::NoNewPrivileges(false), "{text}");
        }
        for text in ["seccomp=unconfined", "seccomp:unconfined", "seccomp: unconfined"] {
            assert_eq!(SecurityOpt::parse(text), SecurityOpt::Seccomp(SeccompChoice::Unconfined), "{text}");
        }
        assert_eq!(
            SecurityOpt::parse("seccomp=/p/a.json"),
            SecurityOpt::Seccomp(SeccompChoice::File("/p/a.json".into()))
        );
        assert_eq!(SecurityOpt::parse("label=type:x"), SecurityOpt::Label("type:x".into()));
        assert_eq!(SecurityOpt::parse("systempaths=unconfined"), SecurityOpt::OpenSystemPaths);
    }
}
