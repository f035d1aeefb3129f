//! Where the value of a variable comes from, and what it goes into.

use perry_sandbox_compose::{Files as _, Loaded, Node, Request, Sources, Value, variables};

use crate::output::{self, Failure};
use crate::redact::is_secret;
use perry_sandbox_stack::Disk;

/// The most that is read of a file of variables to find a line in it: the loader's own bound.
const MOST: usize = 1 << 20;
/// What is hidden is shown as this.
const HIDDEN: &str = "********";

/// Says where a variable's value comes from, which other values it hides, and where the files name it.
pub(crate) fn explain(loaded: &Loaded, request: &Request, name: &str, reveal: bool) -> Result<(), Failure> {
    let shown = |value: &str| if is_secret(name) && !reveal { HIDDEN.to_owned() } else { value.to_owned() };
    let given = request.environment.contains_key(name);
    let mut places: Vec<String> =
        given.then(|| "the environment of this command".to_owned()).into_iter().collect();
    let disk = Disk::of(request);
    for file in loaded.env_files.iter().rev() {
        let text = disk.read(file, MOST).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        places.extend(lines_of(&text, name).into_iter().rev().map(|line| format!("{file}:{line}")));
    }
    let mut lines = match loaded.environment.get(name) {
        Some(value) => vec![format!("{name} = {}", shown(value))],
        None => vec![format!("{name} is not set")],
    };
    let mut places = places.into_iter();
    lines.extend(places.next().map(|place| format!("  from    {place}")));
    lines.extend(places.map(|place| format!("  hidden  {place}")));
    let mut uses = Vec::new();
    collect(&loaded.model, (name, &loaded.sources, reveal), &mut Vec::new(), &mut uses);
    if uses.is_empty() {
        uses.push("  no file names it".to_owned());
    }
    lines.extend(uses);
    output::lines(lines.iter().map(|line| output::printable(line)))
}

/// The lines of a file of variables that set a variable, from one.
fn lines_of(text: &str, name: &str) -> Vec<usize> {
    let sets = |line: &str| {
        let line = line.trim_start();
        let line = line.strip_prefix("export ").map_or(line, str::trim_start);
        let rest = line.strip_prefix(name).map(str::trim_start);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['=', ':']))
    };
    let numbered = (1_usize..).zip(text.lines());
    numbered.filter(|(_, line)| sets(line)).map(|(number, _)| number).collect()
}

/// Every text that names the variable, with its place and the path to it.
fn collect<'a>(
    node: &'a Node,
    (name, sources, reveal): (&str, &Sources, bool),
    path: &mut Vec<&'a str>,
    uses: &mut Vec<String>,
) {
    match &node.value {
        Value::Text(text) if variables(node).contains_key(name) => {
            let place = sources.place(node.span).unwrap_or_else(|| "a file".to_owned());
            let line = format!("  used    {place}  {}", path.join("."));
            // A default is the value where nothing sets the variable.
            let hides = !reveal
                && (path.iter().copied().any(is_secret) || variables(node).keys().any(|one| is_secret(one)));
            uses.push(if hides { line } else { format!("{line}: {text}") });
        }
        Value::Sequence(items) => {
            for item in items {
                collect(item, (name, sources, reveal), path, uses);
            }
        }
        Value::Mapping(entries) => {
            for (key, value) in entries.iter() {
                path.push(&key.name);
                collect(value, (name, sources, reveal), path, uses);
                path.pop();
            }
        }
        Value::Text(_)
        | Value::Null
        | Value::Bool(_)
        | Value::Integer(_)
        | Value::Float(_)
        | Value::Timestamp(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_that_set_a_variable_are_found() {
        let text = "A=1\n# B=2\nexport B = 3\nBB=4\n B: 5\nC=B\nB\n";
        assert_eq!(lines_of(text, "B"), [3, 5, 7]);
        assert_eq!(lines_of(text, "D"), [0; 0]);
    }
}
