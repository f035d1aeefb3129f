//! The labels by which what belongs to a project is found again: by nothing else.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::desired::StopHow;

/// The project's name.
pub(crate) const PROJECT: &str = "perry-compose.project";
/// Where the project comes from, digested.
pub(crate) const ORIGIN: &str = "perry-compose.origin";
/// What the project calls a network that is called otherwise outside.
pub(crate) const NETWORK: &str = "perry-compose.network";
/// The address of a network that no sandbox gets.
pub(crate) const GATEWAY: &str = "perry-compose.gateway";
/// The addresses of a network for who asks for none.
pub(crate) const RANGE: &str = "perry-compose.ip-range";
/// The service whose own a volume is.
pub(crate) const VOLUME_OF: &str = "perry-compose.volume-of";
const SERVICE: &str = "perry-compose.service";
const REPLICA: &str = "perry-compose.replica";
/// The run that made it.
pub(crate) const RUN: &str = "perry-compose.run";
const CONFIG: &str = "perry-compose.config";
const NEEDS: &str = "perry-compose.needs";
const BESIDE: &str = "perry-compose.beside";
const BORROWS: &str = "perry-compose.borrows";
const ROLE: &str = "perry-compose.role";
const STOP: &str = "perry-compose.stop";
const STOP_SIGNAL: &str = "perry-compose.stop-signal";
const SECRETS: &str = "perry-compose.secrets";

/// What a sandbox is to its project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// A replica of a service.
    Replica,
    /// A program that was run once beside them.
    OneOff,
}

/// What a sandbox's labels say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    /// The project.
    pub project: String,
    /// A digest of where the project comes from: two folders may have projects of one name.
    pub origin: String,
    /// The service.
    pub service: String,
    /// Which of its replicas, from one.
    pub replica: u32,
    /// The run that made it.
    pub run: String,
    /// A digest of all that its files say of it and its plan does not.
    pub config: String,
    /// Services that are to end after it.
    pub needs: Vec<String>,
    /// The service whose network it shares, and loses when that starts again.
    pub beside: Option<String>,
    /// Services whose own volumes it sees.
    pub borrows: Vec<String>,
    /// What it is.
    pub role: Role,
    /// How long it may take to end, in milliseconds.
    pub stop_ms: Option<u64>,
    /// The signal that asks it to end; nothing: the image's own.
    pub stop_signal: Option<i32>,
    /// Whether it is given secrets, which whoever starts it again must have.
    pub secrets: bool,
}

impl Membership {
    /// The labels that say this.
    pub fn labels(&self) -> BTreeMap<String, String> {
        let role = match self.role {
            Role::Replica => "replica",
            Role::OneOff => "one-off",
        };
        let mut labels = BTreeMap::from([
            (PROJECT.to_owned(), self.project.clone()),
            (ORIGIN.to_owned(), self.origin.clone()),
            (SERVICE.to_owned(), self.service.clone()),
            (REPLICA.to_owned(), self.replica.to_string()),
            (RUN.to_owned(), self.run.clone()),
            (CONFIG.to_owned(), self.config.clone()),
            (ROLE.to_owned(), role.to_owned()),
        ]);
        labels.extend(needs_labels(&self.needs));
        if let Some(beside) = &self.beside {
            labels.insert(BESIDE.to_owned(), beside.clone());
        }
        if !self.borrows.is_empty() {
            labels.insert(BORROWS.to_owned(), self.borrows.join(","));
        }
        if let Some(stop) = self.stop_ms {
            labels.insert(STOP.to_owned(), stop.to_string());
        }
        if let Some(signal) = self.stop_signal {
            labels.insert(STOP_SIGNAL.to_owned(), signal.to_string());
        }
        if self.secrets {
            labels.insert(SECRETS.to_owned(), "yes".to_owned());
        }
        labels
    }

    /// Reads labels; nothing for what belongs to no project.
    pub fn read(labels: &BTreeMap<String, String>) -> Option<Self> {
        let text = |key: &str| labels.get(key).cloned();
        let mut needs = text(NEEDS)?;
        for more in (2..).map_while(|part| text(&needs_label(part))) {
            needs.push(',');
            needs.push_str(&more);
        }
        Some(Self {
            project: text(PROJECT)?,
            origin: text(ORIGIN)?,
            service: text(SERVICE)?,
            replica: text(REPLICA)?.parse().ok()?,
            run: text(RUN)?,
            config: text(CONFIG)?,
            needs: names(&needs),
            beside: text(BESIDE),
            borrows: text(BORROWS).map(|borrows| names(&borrows)).unwrap_or_default(),
            role: match text(ROLE)?.as_str() {
                "replica" => Role::Replica,
                "one-off" => Role::OneOff,
                _ => return None,
            },
            stop_ms: text(STOP).and_then(|stop| stop.parse().ok()),
            stop_signal: text(STOP_SIGNAL).and_then(|signal| signal.parse().ok()),
            secrets: labels.contains_key(SECRETS),
        })
    }

    /// How it is asked to end.
    pub fn stop_how(&self) -> StopHow {
        StopHow { signal: self.stop_signal, grace: self.stop_ms.map(Duration::from_millis) }
    }
}

fn names(text: &str) -> Vec<String> {
    text.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

/// The most bytes of one label's value.
const LONGEST: usize = 1024;
/// The most labels of what is needed: a sandbox has at most 64, and the others here are fewer than sixteen.
const MOST_NEEDS: usize = 48;

/// The label of a part of what is needed, counted from 1.
fn needs_label(part: usize) -> String {
    if part == 1 { NEEDS.to_owned() } else { format!("{NEEDS}.{part}") }
}

/// Names of services, as many to a label as fit.
fn needs_labels(needs: &[String]) -> impl Iterator<Item = (String, String)> {
    let mut parts = vec![String::new()];
    for name in needs {
        let fits = |part: &String| part.len().saturating_add(name.len()) < LONGEST;
        match parts.last_mut().filter(|part| fits(part)) {
            Some(part) if part.is_empty() => part.push_str(name),
            Some(part) => {
                part.push(',');
                part.push_str(name);
            }
            None => parts.push(name.clone()),
        }
    }
    parts.into_iter().enumerate().map(|(at, part)| (needs_label(at.saturating_add(1)), part))
}

/// Whether labels can say that all of these are needed, however they fall into parts: a part has always room for one more
/// name than is left empty at its end.
pub(crate) fn can_be_said<'a>(needs: impl Iterator<Item = &'a str>) -> bool {
    let (mut bytes, mut longest) = (0_usize, 0_usize);
    for name in needs {
        bytes = bytes.saturating_add(name.len()).saturating_add(1);
        longest = longest.max(name.len().saturating_add(1));
    }
    let part = LONGEST.saturating_sub(longest);
    bytes <= part.saturating_mul(MOST_NEEDS)
}

/// The labels of a project's networks and volumes.
pub(crate) fn of_resource(project: &str, origin: &str, run: &str) -> [String; 3] {
    [format!("{PROJECT}={project}"), format!("{ORIGIN}={origin}"), format!("{RUN}={run}")]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_labels_say_is_read_again() {
        for (role, stop_ms, secrets) in [(Role::Replica, Some(5000), true), (Role::OneOff, None, false)] {
            let is = Membership { role, stop_ms, stop_signal: stop_ms.map(|_| 3), secrets, ..member() };
            assert_eq!(Membership::read(&is.labels()), Some(is));
        }
        assert_eq!(Membership::read(&BTreeMap::new()), None);
    }

    #[test]
    fn what_is_needed_stands_in_as_many_labels_as_it_takes() {
        let names = |count: usize| (0..count).map(|at| format!("service-number-{at:04}")).collect::<Vec<_>>();
        for (count, labels) in [(0, 1), (1, 1), (51, 1), (52, 2), (1_000, 20)] {
            let needs = names(count);
            let said: BTreeMap<_, _> = needs_labels(&needs).collect();
            assert_eq!(said.len(), labels, "{count}");
            assert!(said.values().all(|value| value.len() <= LONGEST), "{count}");
            let mut is = member();
            is.needs = needs;
            assert_eq!(Membership::read(&is.labels()), Some(is));
        }
        let said = |count: usize| can_be_said(names(count).iter().map(String::as_str));
        assert!(said(0) && said(2_000) && !said(3_000));
        assert!(needs_labels(&names(2_000)).count() <= MOST_NEEDS);
        assert!(!can_be_said(["x".repeat(LONGEST + 1).as_str()].into_iter()));
    }

    fn member() -> Membership {
        Membership {
            project: "shop".to_owned(),
            origin: "0123".to_owned(),
            service: "web".to_owned(),
            replica: 3,
            run: "r1".to_owned(),
            config: "c".to_owned(),
            needs: vec!["db".to_owned(), "cache".to_owned()],
            beside: Some("db".to_owned()),
            borrows: vec!["db".to_owned(), "cache".to_owned()],
            role: Role::Replica,
            stop_ms: Some(5000),
            stop_signal: Some(3),
            secrets: true,
        }
    }
}
