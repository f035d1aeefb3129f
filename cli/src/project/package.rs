//! What a `package.json` says about native libraries.

use std::ops::Range;
use std::path::Path;

use jsonc_parser::ast::{Object, Value};
use jsonc_parser::common::Ranged as _;
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};

use super::advice::PACKAGE;

/// Lists of packages that a `package.json` can have.
const LISTS: [&str; 4] = ["dependencies", "devDependencies", "optionalDependencies", "peerDependencies"];

/// Nothing but JSON, as npm reads it.
const STRICT: ParseOptions = ParseOptions {
    allow_comments: false,
    allow_loose_object_property_names: false,
    allow_trailing_commas: false,
    allow_missing_commas: false,
    allow_single_quoted_strings: false,
    allow_hexadecimal_numbers: false,
    allow_unary_plus_numbers: false,
    allow_bare_decimal_point_numbers: false,
    allow_non_finite_numbers: false,
    allow_extended_string_escapes: false,
};

/// What matters of a `package.json`. Every place is one to point at.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Package {
    /// Whether it is `@perry-sandbox/perry` itself.
    pub(super) is_ours: bool,
    /// Where it names `@perry-sandbox/perry` as a dependency.
    pub(super) dependency: Option<Range<usize>>,
    /// Whether `perry.allow.nativeLibrary` has it.
    pub(super) allowed: bool,
    /// Where `perry.allow.nativeLibrary`, `perry.allow` or `perry` stands, whichever is innermost.
    pub(super) allow: Option<Range<usize>>,
    /// Where lockdown is turned on.
    pub(super) lockdown: Option<Range<usize>>,
    /// Whether a package that is installed as `perry` is compiled in place of Perry's own modules.
    pub(super) shim_active: bool,
    /// The modules that its `exports` name, such as `./container`.
    pub(super) exports: Vec<String>,
}

/// Reads a `package.json`.
///
/// # Errors
/// It is no JSON object; the message says where.
pub(super) fn read(text: &str) -> Result<Package, String> {
    // This reader first: it has a bound for the depth.
    serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(text)
        .map_err(|error| error.to_string())?;
    let parsed =
        parse_to_ast(text, &CollectOptions::default(), &STRICT).map_err(|error| error.to_string())?;
    let Some(Value::Object(top)) = parsed.value else { return Err("it is not an object".to_owned()) };
    let mut package = Package {
        is_ours: text_at(&top, "name") == Some(PACKAGE),
        dependency: dependency(&top, PACKAGE),
        ..Package::default()
    };
    if let Some(exports) = top.get_object("exports") {
        package.exports =
            exports.properties.iter().map(|property| property.name.as_str().to_owned()).collect();
    }
    if let Some(scripts) = top.get_object("scripts") {
        package.lockdown = scripts
            .properties
            .iter()
            .find(|property| asks_for_lockdown(&property.value))
            .map(|it| range(&it.value));
    }
    let Some(perry) = top.get("perry") else { return Ok(package) };
    package.allow = Some(range(&perry.name));
    let Some(perry) = perry.value.as_object() else { return Ok(package) };
    if perry.get_boolean("lockdown").is_some_and(|it| it.value) {
        package.lockdown = perry.get("lockdown").map(|it| it.range().start..it.range().end);
    }
    let compiled = lists(perry, "compilePackages", &["perry"]);
    if let Some(allow) = perry.get("allow") {
        package.allow = Some(range(&allow.name));
        if let Some(allow) = allow.value.as_object() {
            package.shim_active = compiled && lists(allow, "compilePackages", &["perry"]);
            package.allowed = lists(allow, "nativeLibrary", &[PACKAGE, "@perry-sandbox/*", "*"]);
            if let Some(list) = allow.get("nativeLibrary") {
                package.allow = Some(range(&list.name));
            }
        }
    }
    Ok(package)
}

/// The modules (`./container`, …) that a package answers in place of Perry's own, installed as `perry`.
pub(super) fn shim(text: &str) -> Vec<String> {
    read(text).map(|package| package.exports).unwrap_or_default()
}

/// Where the shim's `package.json` is, seen from the folder of a `package.json`.
pub(super) fn shim_below(folder: &Path) -> std::path::PathBuf {
    folder.join("node_modules/perry/package.json")
}

fn range(node: &impl jsonc_parser::common::Ranged) -> Range<usize> {
    node.range().start..node.range().end
}

fn text_at<'a>(object: &'a Object<'_>, name: &str) -> Option<&'a str> {
    object.get_string(name).map(|text| text.value.as_ref())
}

fn dependency(top: &Object<'_>, name: &str) -> Option<Range<usize>> {
    let lists = LISTS.iter().filter_map(|list| top.get_object(list));
    lists.into_iter().find_map(|list| list.get(name)).map(|entry| range(&entry.name))
}

/// Whether the list of that name has one of these entries.
fn lists(object: &Object<'_>, name: &str, wanted: &[&str]) -> bool {
    let Some(list) = object.get_array(name) else { return false };
    let mut texts = list.elements.iter().filter_map(Value::as_string_lit);
    texts.any(|text| wanted.contains(&text.value.as_ref()))
}

fn asks_for_lockdown(script: &Value<'_>) -> bool {
    let Some(script) = script.as_string_lit() else { return false };
    script.value.split_whitespace().any(|word| word == "--lockdown")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_opt_in_is_found_in_its_forms() {
        for (allow, allowed) in [
            (r#"["@perry-sandbox/perry"]"#, true),
            (r#"["@perry-sandbox/*"]"#, true),
            (r#"["other"]"#, false),
            (r#""@perry-sandbox/perry""#, false),
        ] {
            let text = format!(r#"{{ "perry": {{ "allow": {{ "nativeLibrary": {allow} }} }} }}"#);
            let package = read(&text).unwrap();
            assert_eq!(package.allowed, allowed, "{allow}");
            assert_eq!(text.get(package.allow.unwrap()), Some("\"nativeLibrary\""));
        }
    }

    #[test]
    fn dependencies_lockdown_and_scripts_are_found() {
        let text =
            r#"{ "devDependencies": { "@perry-sandbox/perry": "^0.1" }, "perry": { "lockdown": true } }"#;
        let package = read(text).unwrap();
        assert_eq!(text.get(package.dependency.unwrap()), Some("\"@perry-sandbox/perry\""));
        assert_eq!(text.get(package.lockdown.unwrap()), Some("\"lockdown\": true"));
        let package = read(r#"{ "scripts": { "build": "perry compile --lockdown main.ts" } }"#).unwrap();
        assert!(package.lockdown.is_some());
        assert_eq!(read(r#"{ "perry": { "lockdown": false } }"#).unwrap().lockdown, None);
    }

    #[test]
    fn the_shim_takes_both_lists_of_the_host_and_its_own_exports() {
        let host =
            r#"{ "perry": { "compilePackages": ["perry"], "allow": { "compilePackages": ["perry"] } } }"#;
        assert!(read(host).unwrap().shim_active);
        assert!(!read(r#"{ "perry": { "compilePackages": ["perry"] } }"#).unwrap().shim_active);
        assert_eq!(shim(r#"{ "exports": { "./container": "./container.ts" } }"#), ["./container"]);
        assert_eq!(shim(r#"{ "exports": "./index.ts" }"#), [""; 0]);
    }

    #[test]
    fn what_is_no_package_json_is_refused_with_a_place() {
        for text in
            ["", "[]", "{ \"a\": 1, }", "{ // no\n}", &"[".repeat(100_000), &"{\"a\":".repeat(100_000)]
        {
            assert!(read(text).is_err());
        }
        assert!(read("{\n \"a\": }").unwrap_err().contains("line 2"));
    }
}
