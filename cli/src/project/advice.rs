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
        about: "results are objects, not JSON text: drop `JSON.parse`; a failure throws a `SandboxError` with `code` and `status`",
    },
    Module {
        specifier: "perry/compose",
        export: "container",
        functions: COMPOSE,
        types: &[],
        about: NO_COMPOSE,
    },
    Module {
        specifier: "perry/container-compose",
        export: "container",
        functions: COMPOSE,
        types: &[],
        about: NO_COMPOSE,
    },
    Module {
        specifier: "perry/workloads",
        export: "runCapability",
        functions: WORKLOADS,
        types: &[],
        about: "there are no workload graphs yet: make each node a capability of the policy, and run them in the order that they need",
    },
];

const NO_COMPOSE: &str = "there is no Compose yet: start each service with `container.run`, in the order that they need, and find them by their labels";

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
    ("composeUp", "there is no Compose yet: `container.run` for each service, in the order that they need"),
    (
        "downByProject",
        "there is no Compose yet: `container.list({ all: true, labels })`, then `container.remove(id, true)` for each",
    ),
    (
        "downAll",
        "there is no Compose yet: `container.list(true)`, then `container.remove(id, true)` for each",
    ),
];

const COMPOSE: &[(&str, &str)] = &[
    ("up", "`container.run(spec)` for each service"),
    ("down", "`container.remove(id, true)` for each service"),
    ("ps", "`container.list({ all: true, labels })`"),
    ("logs", "`container.logs(id, { tail })` for each service"),
    ("exec", "`container.exec(id, command)`"),
    ("start", "`container.start(id)` for each service"),
    ("stop", "`container.stop(id, seconds)` for each service"),
    ("restart", "`container.stop(id, seconds)`, then `container.start(id)`, for each service"),
    ("config", "nothing: keep the file that you wrote"),
];

const WORKLOADS: &[(&str, &str)] = &[
    ("graph", "nothing: call `runCapability` in the order that the nodes need"),
    ("node", "a capability of the policy, with its image, tier and grants"),
    ("runGraph", "`runCapability(name, options)` for each node"),
    ("inspectGraph", "the results of `runCapability`"),
    ("policy", "`tier: \"isolated\"`, `\"hardened\"` or `\"untrusted\"` in the options, or in the policy"),
    (
        "runtime",
        "nothing: the tier demands the isolation level, and a backend that does not give it is refused",
    ),
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
    let keyword = if types && export == "container" { format!("{keyword} type") } else { keyword.to_owned() };
    let name = match import.whole {
        // The namespace keeps its name, so its callers stay as they are.
        Some(whole) if export == "container" && whole != export && is_name(whole) => {
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
        return format!("{name}: the type `container.{name}`");
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
            ("import { up } from 'perry/compose'", "import { container } from"),
            ("import * as w from 'perry/workloads'", "import { runCapability } from"),
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
