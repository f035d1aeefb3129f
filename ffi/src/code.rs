//! The one table of error codes: each with a status in HTTP's manner and one meaning.

use std::fmt::Write as _;

/// What kind of an error a reply carries. A code never changes its meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Code {
    /// The request cannot be used.
    BadRequest,
    /// The request is not text.
    BadEncoding,
    /// A policy does not load.
    BadPolicy,
    /// The policy says no.
    Denied,
    /// The image is not proved to be what is required.
    NotVerified,
    /// Something that was named is not there.
    NotFound,
    /// The program is not in the image.
    ProgramNotFound,
    /// The program is in the image and cannot be executed.
    ProgramNotExecutable,
    /// It does not go together with what is there.
    Conflict,
    /// The engine was closed.
    Closed,
    /// No reply waits under the ticket.
    Ticket,
    /// The stream is over, or never was.
    Stream,
    /// The request is larger than anything useful.
    TooLarge,
    /// Too many calls wait.
    Busy,
    /// A part of a graph is up, and the rest was halted.
    Halted,
    /// What was waited for did not become well.
    Unhealthy,
    /// The caller cancelled the call.
    Cancelled,
    /// We failed.
    Internal,
    /// The system or a file is in the way.
    Io,
    /// A registry did not give what it was asked for.
    Registry,
    /// Isolation level, control or backend are not here.
    NotAvailable,
    /// A reply is not the one that was waited for.
    Mismatch,
}

impl Code {
    /// Every code, in the order of status and of this file.
    pub const ALL: [Self; 22] = [
        Self::BadRequest,
        Self::BadEncoding,
        Self::BadPolicy,
        Self::Denied,
        Self::NotVerified,
        Self::NotFound,
        Self::ProgramNotFound,
        Self::ProgramNotExecutable,
        Self::Conflict,
        Self::Closed,
        Self::Ticket,
        Self::Stream,
        Self::TooLarge,
        Self::Halted,
        Self::Unhealthy,
        Self::Busy,
        Self::Cancelled,
        Self::Internal,
        Self::Io,
        Self::Registry,
        Self::NotAvailable,
        Self::Mismatch,
    ];

    /// Name, status and meaning.
    const fn row(self) -> (&'static str, u16, &'static str) {
        match self {
            Self::BadRequest => (
                "BAD_REQUEST",
                400,
                "a field is missing, unknown, repeated or of the wrong type, or a value cannot be used; nothing was started",
            ),
            Self::BadEncoding => {
                ("BAD_ENCODING", 400, "the request is not UTF-8 text, or has half a surrogate pair")
            }
            Self::BadPolicy => {
                ("BAD_POLICY", 400, "a policy does not load; `details.refusals` has every mistake")
            }
            Self::Denied => ("DENIED", 403, "the policy says no; `details` has every reason"),
            Self::NotVerified => (
                "NOT_VERIFIED",
                403,
                "the image is not proved to be what is required; `details` has every candidate and why it does not count",
            ),
            Self::NotFound => ("NOT_FOUND", 404, "an image, a sandbox or a file that was named is not there"),
            Self::ProgramNotFound => ("PROGRAM_NOT_FOUND", 404, "the program is not in the image"),
            Self::ProgramNotExecutable => {
                ("PROGRAM_NOT_EXECUTABLE", 422, "the program is in the image and cannot be executed")
            }
            Self::Conflict => {
                ("CONFLICT", 409, "it does not go together with what is there or was done before")
            }
            Self::Closed => ("CLOSED", 410, "the call came after `close`"),
            Self::Ticket => ("TICKET", 410, "no reply waits under this ticket: unknown, or taken before"),
            Self::Stream => ("STREAM", 410, "the stream has ended, was cancelled, or never was"),
            Self::TooLarge => ("TOO_LARGE", 413, "the request is larger than 16 MiB"),
            Self::Busy => ("BUSY", 429, "too many calls wait already; ask again when some have ended"),
            Self::Halted => (
                "HALTED",
                424,
                "a node failed and the graph was halted, as its strategy says; `details.nodes` has what is up and stays",
            ),
            Self::Unhealthy => (
                "UNHEALTHY",
                424,
                "a service or node ended or did not become well while others waited for it; what the call had made is undone",
            ),
            Self::Cancelled => {
                ("CANCELLED", 499, "the caller cancelled the call; the sandbox that it had started is gone")
            }
            Self::Internal => ("INTERNAL", 500, "a failure of the library itself"),
            Self::Io => ("IO", 500, "the system, a file or the store is in the way"),
            Self::Registry => ("REGISTRY", 502, "a registry did not give what it was asked for"),
            Self::NotAvailable => (
                "NOT_AVAILABLE",
                503,
                "an isolation level, a control or a backend that is demanded is not here; nothing weaker was used",
            ),
            Self::Mismatch => (
                "MISMATCH",
                500,
                "a reply is not the one that was waited for; only the TypeScript side says this",
            ),
        }
    }

    /// As it stands in a reply.
    pub const fn name(self) -> &'static str {
        self.row().0
    }

    /// The status, in HTTP's manner.
    pub const fn status(self) -> u16 {
        self.row().1
    }

    /// What it means, in one sentence.
    pub const fn meaning(self) -> &'static str {
        self.row().2
    }

    /// The whole table as Markdown.
    pub fn markdown() -> String {
        let mut text = "| code | status | meaning |\n| --- | --- | --- |\n".to_owned();
        for code in Self::ALL {
            // Writing into a string has no way to fail.
            let _ = writeln!(text, "| `{}` | {} | {} |", code.name(), code.status(), code.meaning());
        }
        text
    }

    /// The whole table as JSON: a list of `{code, status, meaning}`.
    pub fn json() -> String {
        let rows: Vec<_> = Self::ALL
            .iter()
            .map(|code| {
                serde_json::json!({ "code": code.name(), "status": code.status(), "meaning": code.meaning() })
            })
            .collect();
        serde_json::Value::Array(rows).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_code_has_its_own_name_and_an_error_status() {
        let names: BTreeSet<_> = Code::ALL.iter().map(|code| code.name()).collect();
        assert_eq!(names.len(), Code::ALL.len());
        assert!(Code::ALL.iter().all(|code| (400..600).contains(&code.status())));
    }

    #[test]
    fn both_forms_of_the_table_have_every_code() {
        let (markdown, json) = (Code::markdown(), Code::json());
        for code in Code::ALL {
            assert!(markdown.contains(&format!("| `{}` | {} |", code.name(), code.status())));
            assert!(json.contains(&format!("\"{}\"", code.name())));
        }
    }
}
