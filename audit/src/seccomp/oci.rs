//! The form of the OCI specification with Docker's additions, which the Kubernetes operator has under `spec`.

use perry_sandbox_compose::{Node, Value, shown};

use super::action::CallAnswer;
use super::filter::{Arches, Evidence, Filter, FilterRule, Gate, KernelVersion};
use super::test::{ARGS, ArgTest, Compare};
use crate::input::{Unread, UnreadKind, nearest};
use crate::place::Placed;
use crate::shape::Shape;

const KEYS: [&str; 9] = [
    "defaultAction",
    "defaultErrnoRet",
    "defaultErrno",
    "architectures",
    "archMap",
    "syscalls",
    "flags",
    "listenerPath",
    "listenerMetadata",
];
const OPERATOR_KEYS: [&str; 2] = ["baseProfileName", "disabled"];
const RULE_KEYS: [&str; 9] =
    ["names", "name", "action", "errnoRet", "errno", "args", "comment", "includes", "excludes"];

/// Reads the operator's document.
pub(super) fn operator(shape: &mut Shape<'_>, document: &Node) -> Option<Filter> {
    let Some(spec) = document.get("spec") else {
        shape.wrong(shape.place(document), "a `SeccompProfile` has a `spec`");
        return None;
    };
    if let Some(base) = spec.get("baseProfileName") {
        let unread =
            Unread::new(UnreadKind::Gap, shape.place(base), "the rules of its base profile are not here");
        shape.unread.push(unread.help("audit the base profile as well, and accept this gap by name"));
    }
    let known: Vec<&str> = KEYS.into_iter().chain(OPERATOR_KEYS).collect();
    profile(shape, spec, &known)
}

/// Reads Docker's document.
pub(super) fn docker(shape: &mut Shape<'_>, document: &Node) -> Option<Filter> {
    let known: Vec<&str> = KEYS.into_iter().chain(["$schema", "comment"]).collect();
    profile(shape, document, &known)
}

fn profile(shape: &mut Shape<'_>, node: &Node, known: &[&str]) -> Option<Filter> {
    shape.keys(node, known);
    let Some(written) = node.get("defaultAction") else {
        shape.wrong(shape.place(node), "a profile says what it answers by default: `defaultAction`");
        return None;
    };
    let errno = node.get("defaultErrnoRet");
    let number = shape.number(errno);
    let mut default = action(shape, written)?;
    if let (CallAnswer::Errno(known), Some(_)) = (&mut default.value, number) {
        *known = number;
    }
    let default_errno = errno.map(|node| shape.place(node));
    let arches = arches(shape, node);
    let rules = shape.list(node.get("syscalls")).iter().filter_map(|node| rule(shape, node)).collect();
    Some(Filter { default, default_errno, arches, rules })
}

fn action(shape: &mut Shape<'_>, node: &Node) -> Option<Placed<CallAnswer>> {
    let written = shape.text(node)?;
    if let Some(answer) = CallAnswer::of_oci(&written.value) {
        return Some(Placed::new(answer, written.place));
    }
    let words: Vec<String> = CallAnswer::oci_words().collect();
    let near = nearest(&written.value, words.iter().map(String::as_str));
    let help = near
        .map_or_else(|| format!("known are {}", words.join(", ")), |near| format!("did you mean `{near}`?"));
    let message = format!("`{}` is no answer of a filter", shown(&written.value));
    shape.unread.push(Unread::new(UnreadKind::Malformed, written.place, message).help(help));
    None
}

fn arches(shape: &mut Shape<'_>, node: &Node) -> Arches {
    let mut listed: Vec<String> = Vec::new();
    listed.extend(shape.texts(node.get("architectures")).into_iter().map(|arch| arch.value));
    for entry in shape.list(node.get("archMap")) {
        shape.keys(entry, &["architecture", "subArchitectures"]);
        listed.extend(entry.get("architecture").and_then(|node| shape.text(node)).map(|arch| arch.value));
        listed.extend(shape.texts(entry.get("subArchitectures")).into_iter().map(|arch| arch.value));
    }
    let written = node.get("architectures").or_else(|| node.get("archMap"));
    let place = written.filter(|node| !node.is_null()).map(|node| shape.place(node));
    Arches::Listed(listed, place)
}

fn rule(shape: &mut Shape<'_>, node: &Node) -> Option<FilterRule> {
    shape.keys(node, &RULE_KEYS);
    let mut names = shape.texts(node.get("names"));
    names.extend(node.get("name").and_then(|name| shape.text(name)));
    let Some(written) = node.get("action") else {
        shape.wrong(shape.place(node), "a rule says what it answers: `action`");
        return None;
    };
    let mut answer = action(shape, written)?.value;
    if let (CallAnswer::Errno(known), Some(number)) = (&mut answer, shape.number(node.get("errnoRet"))) {
        *known = Some(number);
    }
    let tests =
        shape.list(node.get("args")).iter().map(|node| test(shape, node)).collect::<Option<Vec<_>>>()?;
    let gate = gate(shape, node);
    Some(FilterRule { names, answer, tests: combined(tests), gate, evidence: Evidence::None })
}

/// Runtimes join the tests of a rule by "and", but all of them by "or" where two are on one argument.
fn combined(tests: Vec<ArgTest>) -> Vec<Vec<ArgTest>> {
    let repeats = (0..ARGS).any(|index| tests.iter().filter(|test| test.index == index).count() > 1);
    match (tests.is_empty(), repeats) {
        (true, _) => Vec::new(),
        (false, true) => tests.into_iter().map(|test| vec![test]).collect(),
        (false, false) => vec![tests],
    }
}

fn test(shape: &mut Shape<'_>, node: &Node) -> Option<ArgTest> {
    shape.keys(node, &["index", "value", "valueTwo", "op"]);
    let index = shape.number(node.get("index")).unwrap_or(0);
    let value = shape.number(node.get("value")).unwrap_or(0);
    let two = shape.number(node.get("valueTwo")).unwrap_or(0);
    let Some(index) = usize::try_from(index).ok().filter(|index| *index < ARGS) else {
        shape.wrong(shape.place(node), "a call has arguments 0 to 5");
        return None;
    };
    let op = node.get("op").and_then(|op| shape.text(op))?;
    let (mask, compare) = match op.value.strip_prefix("SCMP_CMP_") {
        Some("NE") => (u64::MAX, Compare::Not(value)),
        Some("LT") => (u64::MAX, Compare::Less(value)),
        Some("LE") => (u64::MAX, Compare::LessOrSame(value)),
        Some("EQ") => (u64::MAX, Compare::OneOf(vec![value])),
        Some("GE") => (u64::MAX, Compare::GreaterOrSame(value)),
        Some("GT") => (u64::MAX, Compare::Greater(value)),
        // Here `value` is the mask.
        Some("MASKED_EQ") => (value, Compare::OneOf(vec![two])),
        _ => {
            shape.wrong(op.place, format!("`{}` compares nothing", shown(&op.value)));
            return None;
        }
    };
    Some(ArgTest { index, mask, compare })
}

fn gate(shape: &mut Shape<'_>, node: &Node) -> Gate {
    let mut gate = Gate::default();
    let keys = ["caps", "arches", "minKernel"];
    if let Some(includes) = node.get("includes").filter(|node| !matches!(node.value, Value::Null)) {
        shape.keys(includes, &keys);
        gate.caps = values(shape, includes.get("caps"));
        gate.arches = values(shape, includes.get("arches"));
        gate.min_kernel = version(shape, includes.get("minKernel"));
    }
    if let Some(excludes) = node.get("excludes").filter(|node| !matches!(node.value, Value::Null)) {
        shape.keys(excludes, &keys);
        gate.without_caps = values(shape, excludes.get("caps"));
        gate.without_arches = values(shape, excludes.get("arches"));
        gate.below_kernel = version(shape, excludes.get("minKernel")).map(|version| version.value);
    }
    gate
}

fn values(shape: &mut Shape<'_>, node: Option<&Node>) -> Vec<String> {
    shape.texts(node).into_iter().map(|text| text.value).collect()
}

fn version(shape: &mut Shape<'_>, node: Option<&Node>) -> Option<Placed<KernelVersion>> {
    let node = node.filter(|node| !node.is_null())?;
    let place = shape.place(node);
    let text = shape.texts.at(place).trim_matches(['"', '\'']).to_owned();
    let version = KernelVersion::parse(&text);
    if version.is_none() {
        shape.wrong(place, "a kernel's version stands here, such as \"5.10\"");
    }
    Some(Placed::new(version?, place))
}
