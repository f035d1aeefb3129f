//! Seccomp profiles of files: read, held against the digest that the policy pins, and looked up by name.

use std::collections::BTreeMap;

use perry_sandbox_profiles::{ProfileName, SeccompProfile};

use super::file::FileResolver;
use crate::at::At;
use crate::read::ProfileDoc;
use crate::refusal::{Refusal, RefusalCode, Refusals, shown, suggestion};
use crate::seccomp::SharedProfile;
use crate::source::Span;

/// The profiles of one file by name; nothing for one that was refused.
pub(super) type Profiles = BTreeMap<String, Option<SharedProfile>>;

/// More than a profile may have.
const MAX_PROFILE_BYTES: usize = 256 << 10;

impl FileResolver<'_> {
    /// Reads the profiles that a file names.
    pub(super) fn profiles(&mut self, written: &BTreeMap<ProfileName, At<ProfileDoc>>) -> Profiles {
        let named = written.iter();
        named.map(|(name, profile)| (name.to_string(), self.profile(name, profile))).collect()
    }

    fn profile(&mut self, name: &ProfileName, written: &At<ProfileDoc>) -> Option<SharedProfile> {
        let span = written.span?;
        if SeccompProfile::builtin(name.as_str()).is_some() {
            let message = format!("`{name}` is a built-in seccomp profile, and cannot be another one");
            self.refuse(RefusalCode::Conflict, span, message, "give the file and its profile another name");
            return None;
        }
        let ProfileDoc { path, sha256 } = &written.value;
        let text = self.pinned(path, sha256, MAX_PROFILE_BYTES)?;
        match SeccompProfile::parse(&text) {
            Ok(profile) if profile.name() == name => Some(profile.into()),
            Ok(profile) => {
                let message =
                    format!("`{}` holds the profile `{}`, not `{name}`", path.value, profile.name());
                self.refuse(
                    RefusalCode::File,
                    span,
                    message,
                    "call both the same, so that reports name one thing",
                );
                None
            }
            Err(error) => {
                let message = format!("`{}` is no seccomp profile: {error}", path.value);
                self.refuse(
                    RefusalCode::File,
                    span,
                    message,
                    "`perry-sandbox profile check` reads it by itself",
                );
                None
            }
        }
    }

    fn refuse(&mut self, code: RefusalCode, span: Span, message: String, help: &str) {
        self.refusals.push(Refusal::new(code, span, message).help(help));
    }
}

/// Looks a name up among the file's own profiles and the built-in ones.
pub(super) fn lookup(
    name: &At<String>,
    own: &Profiles,
    refusals: &mut Refusals,
) -> Option<At<SharedProfile>> {
    let at = |value| At { value, span: name.span };
    if let Some(own) = own.get(&name.value) {
        // One that was refused has said so.
        return own.clone().map(at);
    }
    if let Some(builtin) = SharedProfile::builtin(&name.value) {
        return Some(at(builtin));
    }
    let known = SharedProfile::names().iter().copied().chain(own.keys().map(String::as_str));
    let message = format!("there is no seccomp profile `{}`", shown(&name.value));
    let refusal = Refusal::new(RefusalCode::UnknownName, name.span?, message);
    refusals.push(refusal.help(suggestion(&name.value, known)));
    None
}
