//! A control socket.

use super::socket::{Handed, handed};
use crate::grade::{Derivation, Grade, Precondition, Reach};
use crate::launch::Launch;
use crate::rule::{Check, Persona, Remedy, Reporter, Rule, RuleId};
use perry_sandbox_compose::shown;

const GRADE: Derivation = Derivation::of(Precondition::SupportedCall, Reach::Host);

pub(super) static RULE: Rule = Rule {
    id: RuleId(410),
    slug: "control-socket",
    title: "a control socket",
    grades: &[Grade::Derived(GRADE)],
    persona: Persona::Everyone,
    remedy: Remedy::ByHand(
        "take the mount out; where a program must ask the engine, put a proxy between that lets only single questions pass",
    ),
    cwe: &[250, 668],
    cis: &["5.31"],
    page: include_str!("../../pages/PSB410.md"),
    checks: &[Check::Launch(check)],
};

fn check(launch: &Launch, reporter: &mut Reporter<'_>) {
    if let Some(said) = launch.api_socket.as_ref().filter(|said| said.value) {
        let message = format!("`{}` gets the engine's own socket", launch.target.name);
        reporter
            .found(GRADE, &launch.target, said.place, "use_api_socket", message)
            .label("its holder commands the engine");
    }
    for mount in &launch.mounts {
        let Some(host) = &mount.host else { continue };
        let Some(handed) = handed(&host.value) else { continue };
        let (what, label) = match handed {
            Handed::Socket => ("a control socket", "its holder commands what listens behind it, as root"),
            Handed::SocketFolder => ("a folder with control sockets", "every socket in it is handed over"),
        };
        let message = format!("`{}` gets {what} of the host: `{}`", launch.target.name, shown(&host.value));
        let found = reporter.found(GRADE, &launch.target, host.place, host.value.clone(), message);
        found.label(label);
        if mount.read_only {
            found.help("take the mount out: read-only keeps the file from being replaced, and changes nothing about who may talk to it");
        }
    }
    // An engine binds the file of a config or secret as it binds a mount.
    for file in &launch.host_files {
        if handed(&file.path.value).is_some() {
            let (name, path) = (shown(&file.name), shown(&file.path.value));
            let message =
                format!("`{}` gets a control socket of the host as `{name}`: `{path}`", launch.target.name);
            reporter
                .found(GRADE, &launch.target, file.path.place, file.path.value.clone(), message)
                .label("its holder commands what listens behind it, as root");
        }
    }
}
