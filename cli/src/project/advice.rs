//! What to write instead of a dead import: module by module, function by function.

use super::imports::{Form, Import};

/// The npm package that works.
pub(super) const PACKAGE: &str = "@perry-sandbox/perry";

/// One of Perry's own modules that do nothing.
#[derive(Debug)]
struct Module {
    specifier: &'static str,
    /// What takes its place in an import.
    export: &'static str,
    functions: &'static [(&'static str, &'static str)],
    /// Types that keep their names.
    types: &'static [&'static str],
    /// What to know whatever is imported.
    about: &'static str,
}

const MODULES: [Module; 4] = [
    Module {
        specifier: "perry/container",
        export: "container",
        functions: CONTAINER,
        types: &[
            "BackendInfo",
            "ContainerHandle",
            "ContainerInfo",
            "ContainerLogs",
            "ContainerSpec",
            "ImageInfo",
        ],
        about: OBJECTS,
    },
    Module {
        specifier: "perry/compose",
        export: "compose",
        functions: COMPOSE,
        types: &["ComposeHandle", "ComposeSpec", "UpOptions"],
        about: OBJECTS,
    },
    Module {
        specifier: "perry/container-compose",
        export: "compose",
        functions: COMPOSE,
        types: &["ComposeHandle", "ComposeSpec", "UpOptions"],
        about: OBJECTS,
    },
    Module {
        specifier: "perry/workloads",
        export: "workloads",
        functions: WORKLOADS,
        types: &["GraphStatus", "NodeInfo", "WorkloadGraph", "WorkloadNode", "WorkloadRef"],
        about: OBJECTS,
    },
];

const OBJECTS: &str = "results are objects, not JSON text: drop `JSON.parse`; a failure throws a `SandboxError` with `code` and `status`";

const CONTAINER: &[(&str, &str)] = &[
    (
        "run",
        "`container.run(spec)` gives `{ id, name }`; the spec names a `policy` or a `signer`, for nothing runs unsigned",
    ),
    (
        "create",
        "`container.create(spec)` gives `{ id, name }`; the spec names a `policy` or a `signer`, for nothing runs unsigned",
    ),
    ("start", "`container.start(id)`"),
    ("stop", "`container.stop(id, seconds)`"),
    ("remove", "`container.remove(id, force)`"),
    ("removeIfExists", "`container.removeIfExists(id, force)` gives a boolean, not the text \"true\""),
    ("list", "`container.list(all)` gives an array"),
    ("inspect", "`container.inspect(id)` gives an object"),
    (
        "logs",
        "`container.logs(id, { tail })` gives `{ stdout, stderr }`; with `follow: true`, an async iterator",
    ),
    (
        "exec",
        "`container.exec(id, command)` gives `{ exitCode, stdout, stderr, … }`; an exit code other than 0 is a result, not a rejection",
    ),
    ("pullImage", "`container.pullImage(reference)` gives what was pulled"),
    ("listImages", "`container.listImages()` gives an array"),
    ("removeImage", "`container.removeImage(reference, force)`"),
    ("getBackend", "`container.getBackend()`"),
    ("getBackendPriority", "`container.getBackendPriority()` gives an array"),
    ("detectBackend", "`container.detectBackend()` gives an object"),
    ("getAvailableBackends", "`container.getAvailableBackends()` gives an array"),
    ("setBackend", "`container.setBackend(name)`"),
    ("setBackends", "`container.setBackends(names)`"),
    ("selectBackendFor", "`container.selectBackendFor(spec)` takes the spec itself and gives a name or null"),
    ("composeUp", "`container.composeUp(spec, { policy })` gives a handle"),
    ("downByProject", "`container.downByProject(project, { volumes })` gives a report"),
    ("downAll", "`container.downAll({ volumes })` gives a report"),
];

const COMPOSE: &[(&str, &str)] = &[
    (
        "up",
        "`compose.up(spec, { policy })` gives a handle; every service needs an entry of the policy, for nothing runs unsigned",
    ),
    ("down", "`compose.down(handle, { volumes })`"),
    ("ps", "`compose.ps(handle)` gives an array"),
    ("logs", "`compose.logs(handle, { service, tail })` gives `{ stdout, stderr }`"),
    ("exec", "`compose.exec(handle, service, command)`; an exit code other than 0 is a result"),
    ("start", "`compose.start(handle, services)`"),
    ("stop", "`compose.stop(handle, services)`"),
    ("restart", "`compose.restart(handle, services)`"),
    ("config", "`compose.config(handle)` gives YAML at once"),
];

const WORKLOADS: &[(&str, &str)] = &[
    ("graph", "`workloads.graph(name, nodes)` gives an object"),
    ("node", "`workloads.node(name, spec)` gives an object"),
    (
        "runGraph",
        "`workloads.runGraph(graph, { policy })` gives a handle; every node needs an entry of the policy, for nothing runs unsigned",
    ),
    ("inspectGraph", "`workloads.inspectGraph(graph)` gives an object"),
    ("policy", "`workloads.policy`: tiers of the policy, and nothing waives what one demands"),
    ("runtime", "`workloads.runtime`: the plan must have that isolation, or the graph is refused"),
];

/// What to write instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Advice {
    /// The line that replaces the import.
    pub(super) replacement: String,
    /// Then, name by name.
    pub(super) help: Vec<String>,
}

/// Whether it is one of the modules that do nothing, and if so what to write instead.
pub(super) fn instead_of(import: &Import<'_>) -> Option<Advice> {
    let module = MODULES.iter().find(|module| module.specifier == import.specifier)?;
    let mut help: Vec<String> = import.names.iter().map(|name| line(module, name.imported)).collect();
    help.dedup();
    help.push(module.about.to_owned());
    if import.form == Form::Dynamic || import.form == Form::Require {
        help.insert(
            0,
            "import it once, at the top of the file: a native library is linked, never loaded later"
                .to_owned(),
        );
    }
    Some(Advice { replacement: replacement(module, import), help })
}

fn replacement(module: &Module, import: &Import<'_>) -> String {
    let export = module.export;
    let types =
        import.type_only || (!import.names.is_empty() && import.names.iter().all(|name| name.type_only));
    let keyword = if import.form == Form::Export { "export" } else { "import" };
    let keyword = if types { format!("{keyword} type") } else { keyword.to_owned() };
    let name = match import.whole {
        // The namespace keeps its name, so its callers stay as they are.
        Some(whole) if whole != export && is_name(whole) => {
            format!("{export} as {whole}")
        }
        Some(_) | None => export.to_owned(),
    };
    format!("{keyword} {{ {name} }} from \"{PACKAGE}\";")
}

fn is_name(text: &str) -> bool {
    text.chars().all(super::tokens::is_word)
}

fn line(module: &Module, name: &str) -> String {
    if let Some((_, instead)) = module.functions.iter().find(|(function, _)| *function == name) {
        return format!("{name}: {instead}");
    }
    if module.types.contains(&name) {
        return format!("{name}: the type `{}.{name}`", module.export);
    }
    let name: String = name.chars().take(80).collect();
    format!("{name}: {PACKAGE} has nothing of that name")
}

#[cfg(test)]
mod tests {
    use super::super::imports::Imports;
    use super::super::tokens::Tokens;
    use super::*;

    fn advice(source: &str) -> Advice {
        let mut imports = Imports::default();
        let import = Tokens::of(source).find_map(|token| imports.next(&token)).unwrap();
        instead_of(&import).unwrap()
    }

    #[test]
    fn the_replacement_keeps_the_form_and_the_name() {
        for (before, after) in [
            ("import { run } from 'perry/container'", "import { container } from"),
            ("import * as box from 'perry/container'", "import { container as box } from"),
            ("import container from 'perry/container'", "import { container } from"),
            ("import type { ContainerSpec } from 'perry/container'", "import type { container } from"),
            ("import { type ContainerSpec } from 'perry/container'", "import type { container } from"),
            ("import { run, type ContainerSpec } from 'perry/container'", "import { container } from"),
            ("export { run } from 'perry/container'", "export { container } from"),
            ("export * as box from 'perry/container'", "export { container as box } from"),
            ("const c = require('perry/container')", "import { container } from"),
            ("import { up } from 'perry/compose'", "import { compose } from"),
            ("import * as w from 'perry/workloads'", "import { workloads as w } from"),
        ] {
            assert_eq!(advice(before).replacement, format!("{after} \"@perry-sandbox/perry\";"), "{before}");
        }
    }

    #[test]
    fn each_name_has_its_line() {
        let help = advice("import { exec, ContainerSpec, odd } from 'perry/container'").help;
        assert!(help[0].starts_with("exec: `container.exec(") && help[0].contains("exitCode"), "{help:?}");
        assert_eq!(help[1], "ContainerSpec: the type `container.ContainerSpec`");
        assert!(help[2].contains("nothing of that name") && help[3].contains("JSON.parse"), "{help:?}");
    }

    #[test]
    fn other_modules_are_left_alone() {
        for specifier in ["perry/containers", "./perry/container", "perry", "perry/ui", "perry/container/x"] {
            let source = format!("import '{specifier}'");
            let mut imports = Imports::default();
            let import = Tokens::of(&source).find_map(|token| imports.next(&token)).unwrap();
            assert_eq!(instead_of(&import), None, "{specifier}");
        }
    }
}
