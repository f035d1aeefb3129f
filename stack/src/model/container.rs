use std::collections::BTreeMap;
use std::time::Duration;

use perry_sandbox_compose::Node;

use super::{At, Reader, read};

/// What of a service concerns its process alone.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Container {
    /// The image, as written.
    pub image: Option<At<String>>,
    /// What replaces the image's command.
    pub command: Option<At<Vec<String>>>,
    /// What replaces the image's entry point, and its command with it.
    pub entrypoint: Option<At<Vec<String>>>,
    /// Variables. Those without a value are not set.
    pub environment: BTreeMap<String, At<String>>,
    /// The user, as written.
    pub user: Option<At<String>>,
    /// Where the program begins.
    pub working_dir: Option<At<String>>,
    /// The signal that asks it to end.
    pub stop_signal: Option<At<String>>,
    /// How long it has to end after that.
    pub stop_grace: Option<At<Duration>>,
    /// Whether it gets a terminal.
    pub tty: bool,
    /// Whether its standard input stays open.
    pub stdin_open: bool,
    /// Whether its root file system must be read-only.
    pub read_only: Option<At<bool>>,
    /// Linux caps that it wants.
    pub cap_add: Vec<At<String>>,
    /// Linux caps that it must not have.
    pub cap_drop: Vec<At<String>>,
}

pub(super) fn read(service: &Node, reader: &mut Reader) -> Container {
    let environment = read::entries(service.get("environment"))
        .into_iter()
        .filter_map(|(key, node)| Some((key.name.clone(), At::new(node.text()?.to_owned(), key.span))));
    let stop_grace = service
        .get("stop_grace_period")
        .and_then(|node| reader.time(node, "stop_grace_period").map(|time| At::new(time, node.span)));
    let read_only =
        service.get("read_only").map(|node| At::new(read::is_true(service, "read_only"), node.span));
    Container {
        image: read::text_at(service, "image"),
        command: read::words(service.get("command")),
        entrypoint: read::words(service.get("entrypoint")),
        environment: environment.collect(),
        user: read::text_at(service, "user"),
        working_dir: read::text_at(service, "working_dir"),
        stop_signal: read::text_at(service, "stop_signal"),
        stop_grace,
        tty: read::is_true(service, "tty"),
        stdin_open: read::is_true(service, "stdin_open"),
        read_only: read_only.filter(|read_only| read_only.value),
        cap_add: read::texts(service.get("cap_add")),
        cap_drop: read::texts(service.get("cap_drop")),
    }
}
