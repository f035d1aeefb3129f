use perry_sandbox_compose::{Problem, Reason, Sources, Span};
use serde::Serialize;

/// Something that a file asks for, and that no policy can allow here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedField {
    /// Where.
    pub span: Span,
    /// `service web`, or the network, volume or secret that it is about.
    pub subject: String,
    /// The attribute, with the value where that matters.
    pub attribute: String,
    /// For ever, or for now.
    pub refusing: Refusing,
    /// Why.
    pub why: String,
    /// What to do.
    pub instead: String,
}

/// For how long something is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Refusing {
    /// It will stay refused.
    Never,
    /// It is not done here yet.
    NotYet,
}

impl RefusedField {
    /// The refusal as a problem of the file.
    pub fn problem(&self) -> Problem {
        let message = format!("{}: `{}` is refused: {}", self.subject, self.attribute, self.why);
        Problem::new(Reason::Unsupported, self.span, message).help(self.instead.clone())
    }

    /// The refusal for programs.
    pub fn to_json(&self, sources: &Sources) -> serde_json::Value {
        serde_json::json!({
            "place": sources.place(self.span),
            "subject": self.subject,
            "attribute": self.attribute,
            "refusing": self.refusing,
            "why": self.why,
            "instead": self.instead,
        })
    }
}
