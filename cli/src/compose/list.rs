//! Parts of a project, one a line.

use std::collections::BTreeMap;

use perry_sandbox_compose::{Loaded, Project, Variable, variables as find_variables, yaml_scalar};

use crate::args::{Format, PartArgs};
use crate::output::{self, Failure};

/// Whether a part was asked for.
pub(crate) fn is_wanted(part: &PartArgs) -> bool {
    part.services
        || part.volumes
        || part.networks
        || part.models
        || part.images
        || part.profiles
        || part.hash.is_some()
        || part.variables
        || part.environment
}

/// Prints the part that was asked for.
pub(crate) fn print(project: &Project, part: &PartArgs) -> Result<(), Failure> {
    if part.services {
        output::lines(project.service_names())
    } else if part.volumes {
        output::lines(project.names("volumes"))
    } else if part.networks {
        output::lines(project.names("networks"))
    } else if part.models {
        output::lines(project.models())
    } else if part.images {
        output::lines(project.images())
    } else if part.profiles {
        output::lines(project.all_profiles())
    } else if let Some(names) = &part.hash {
        hashes(project, names)
    } else {
        output::lines(project.environment.iter().map(|(name, value)| format!("{name}={value}")))
    }
}

fn hashes(project: &Project, names: &str) -> Result<(), Failure> {
    let all = project.names("services");
    let mut names: Vec<&str> =
        if names == "*" { all.iter().map(String::as_str).collect() } else { names.split(',').collect() };
    names.sort_unstable();
    let mut lines = Vec::new();
    for name in names {
        lines.push({
            let hash = project.service_hash(name)?.ok_or_else(|| Failure::NoService(name.to_owned()))?;
            format!("{name} {hash}")
        });
    }
    output::lines(lines)
}

/// Prints the names of the services of files without their variables put in.
pub(crate) fn raw_services(loaded: &Loaded) -> Result<(), Failure> {
    let services = loaded.model.get("services").and_then(|services| services.mapping());
    let mut names: Vec<&str> = services
        .map(|services| services.iter().map(|(key, _)| key.name.as_str()).collect())
        .unwrap_or_default();
    names.sort_unstable();
    output::lines(names)
}

/// Prints the variables that files name.
pub(crate) fn variables(loaded: &Loaded, format: Option<Format>) -> Result<(), Failure> {
    let found = find_variables(&loaded.model);
    match format {
        Some(Format::Json) => {
            let all: Vec<String> = found.iter().map(|(name, variable)| as_json(name, variable)).collect();
            output::text(&format!("{{\n{}\n}}\n\n", all.join(",\n")))
        }
        Some(Format::Yaml) => output::lines(found.iter().map(|(name, variable)| {
            format!(
                "{0}:\n    name: {0}\n    defaultvalue: {1}\n    presencevalue: {2}\n    required: {3}",
                yaml_scalar(name),
                yaml_scalar(&variable.default),
                yaml_scalar(&variable.replacement),
                variable.required
            )
        })),
        None => table(&found),
    }
}

fn as_json(name: &str, variable: &Variable) -> String {
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let members = [
        format!("\"Name\": {}", quoted(name)),
        format!("\"DefaultValue\": {}", quoted(&variable.default)),
        format!("\"PresenceValue\": {}", quoted(&variable.replacement)),
        format!("\"Required\": {}", variable.required),
    ];
    format!("    {}: {{\n        {}\n    }}", quoted(name), members.join(",\n        "))
}

fn table(found: &BTreeMap<String, Variable>) -> Result<(), Failure> {
    let head = ["NAME", "REQUIRED", "DEFAULT VALUE", "ALTERNATE VALUE"].map(str::to_owned);
    let rows = found.iter().map(|(name, variable)| {
        [name.clone(), variable.required.to_string(), variable.default.clone(), variable.replacement.clone()]
    });
    let rows: Vec<[String; 4]> = std::iter::once(head).chain(rows).collect();
    let mut widths = [20_usize; 3];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count().saturating_add(3));
        }
    }
    output::lines(rows.iter().map(|[name, required, default, alternate]| {
        let [first, second, third] = widths;
        format!("{name:first$}{required:second$}{default:third$}{alternate}")
    }))
}
