use std::time::Duration;

use perry_sandbox_compose::Node;
use serde::{Serialize, Serializer};

use super::{At, Reader, read};

/// How it is found out whether a service is well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct HealthCheck {
    /// What is run; nothing: what the image says.
    pub test: Option<HealthTest>,
    /// Time between two checks.
    #[serde(rename = "interval-ms", serialize_with = "milliseconds")]
    pub interval: Option<Duration>,
    /// As long as a check may take.
    #[serde(rename = "timeout-ms", serialize_with = "milliseconds")]
    pub timeout: Option<Duration>,
    /// Failures in a row that make the service unwell.
    pub retries: Option<u32>,
    /// Time after the start in which failures do not count.
    #[serde(rename = "start-period-ms", serialize_with = "milliseconds")]
    pub start_period: Option<Duration>,
    /// Time between two checks meanwhile.
    #[serde(rename = "start-interval-ms", serialize_with = "milliseconds")]
    pub start_interval: Option<Duration>,
}

/// What is run inside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum HealthTest {
    /// Nothing: the image's own check is switched off.
    None,
    /// A program with its arguments.
    Command(Vec<String>),
    /// A line for the image's shell.
    Shell(String),
}

impl HealthCheck {
    /// The program that is asked; nothing where none is, or where the image is to say it.
    pub fn command(&self) -> Option<Vec<String>> {
        match self.test.as_ref()? {
            HealthTest::None => None,
            HealthTest::Command(command) => Some(command.clone()),
            HealthTest::Shell(line) => Some(vec!["/bin/sh".to_owned(), "-c".to_owned(), line.clone()]),
        }
    }
}

/// Times are numbers for programs.
#[expect(clippy::ref_option, reason = "serde hands fields over so")]
pub(crate) fn milliseconds<S: Serializer>(time: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    time.map(|time| time.as_millis()).serialize(serializer)
}

pub(super) fn read(service: &Node, reader: &mut Reader) -> Option<At<HealthCheck>> {
    let node = service.get("healthcheck")?;
    let test = if read::is_true(node, "disable") {
        Some(HealthTest::None)
    } else {
        node.get("test").and_then(|test| test_of(test, reader))
    };
    let mut time =
        |key: &str| node.get(key).and_then(|node| reader.time(node, &format!("healthcheck.{key}")));
    let check = HealthCheck {
        test,
        interval: time("interval"),
        timeout: time("timeout"),
        start_period: time("start_period"),
        start_interval: time("start_interval"),
        retries: node.get("retries").and_then(|node| reader.number(node, "healthcheck.retries")),
    };
    Some(At::new(check, node.span))
}

fn test_of(node: &Node, reader: &mut Reader) -> Option<HealthTest> {
    let words: Vec<String> = read::texts(Some(node)).into_iter().map(|word| word.value).collect();
    match words.split_first() {
        Some((kind, [])) if kind == "NONE" => Some(HealthTest::None),
        Some((kind, [line])) if kind == "CMD-SHELL" => Some(HealthTest::Shell(line.clone())),
        Some((kind, rest @ [_, ..])) if kind == "CMD" => Some(HealthTest::Command(rest.to_vec())),
        Some((kind, _)) => {
            let wanted = "`NONE`, `CMD` with a command, or `CMD-SHELL` with one line";
            reader.wrong(node.span, "healthcheck.test", kind, wanted);
            None
        }
        None => None,
    }
}
