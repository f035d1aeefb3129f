//! Writes a profile as the TOML that the reader reads: the same entries in the same order, so the same bytes.

use std::fmt::Write as _;

use super::entry::{Entry, NamedTest, Verb};
use super::profile::SeccompProfile;
use super::reader::SCHEMA;
use super::recorded::Recorded;
use crate::arch::Arch;

/// How wide a line of calls may be.
const WIDTH: usize = 110;

impl SeccompProfile {
    /// Gives the profile's source: reading it gives an equal profile with the same entries, and writing that the same
    /// bytes.
    ///
    /// Comments of an author are not part of a profile and are not written.
    pub fn to_toml(&self) -> String {
        let mut text = String::new();
        line(&mut text, "schema", &quoted(SCHEMA));
        line(&mut text, "name", &quoted(self.name().as_str()));
        line(&mut text, "description", &quoted(self.description()));
        line(&mut text, "unknown", &quoted(&self.unknown().to_string()));
        if let Some(recorded) = self.recorded() {
            write_recorded(&mut text, recorded);
        }
        for entry in self.entries() {
            write_entry(&mut text, entry);
        }
        text
    }
}

fn line(text: &mut String, key: &str, value: &str) {
    // INVARIANT: writing to a text cannot fail.
    let _infallible = writeln!(text, "{key} = {value}");
}

fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

fn list<'a>(key: &str, items: impl Iterator<Item = &'a str>) -> String {
    let items: Vec<String> = items.map(quoted).collect();
    let one = items.join(", ");
    if one.len().saturating_add(key.len()) < WIDTH {
        return format!("[{one}]");
    }
    let mut lines = vec![String::new()];
    for item in items {
        match lines.last_mut() {
            Some(last) if last.len().saturating_add(item.len()) < WIDTH => {
                let between = if last.is_empty() { "    " } else { " " };
                last.push_str(between);
                last.push_str(&item);
                last.push(',');
            }
            _ => lines.push(format!("    {item},")),
        }
    }
    format!("[\n{}\n]", lines.join("\n"))
}

fn write_recorded(text: &mut String, recorded: &Recorded) {
    text.push_str("\n[recorded]\n");
    let Recorded { recorder, kernel, libc, image, tier, under, .. } = recorded;
    let words = [("recorder", recorder), ("kernel", kernel), ("libc", libc), ("image", image)];
    for (key, word) in words.into_iter().chain([("tier", tier), ("under", under)]) {
        line(text, key, &quoted(word));
    }
    line(text, "command", &list("command", recorded.command.iter().map(String::as_str)));
    line(text, "runs", &recorded.runs.to_string());
    line(text, "settled", &recorded.settled.to_string());
    line(text, "proved", &recorded.proved.to_string());
    let missing = recorded.not_exercised.iter().map(String::as_str);
    line(text, "not-exercised", &list("not-exercised", missing));
}

fn write_entry(text: &mut String, entry: &Entry) {
    let table = match entry.verb() {
        Verb::Allow => "allow",
        Verb::Refuse(_) => "refuse",
    };
    let _infallible = write!(text, "\n[[{table}]]\n");
    line(text, "reason", &quoted(entry.reason()));
    if let Verb::Refuse(answer) = entry.verb() {
        line(text, "answer", &quoted(&answer.to_string()));
    }
    if let Some(runs) = entry.seen() {
        line(text, "seen", &runs.to_string());
    }
    if let Some(runtime) = entry.runtime() {
        line(text, "runtime", &quoted(runtime));
    }
    if entry.arches() != Arch::ALL {
        line(text, "arch", &list("arch", entry.arches().iter().map(|arch| arch.name())));
    }
    line(text, "calls", &list("calls", entry.calls().iter().map(|call| call.name())));
    for test in entry.when() {
        write_test(text, test);
    }
}

fn write_test(text: &mut String, condition: &NamedTest) {
    text.push_str("[[allow.when]]\n");
    line(text, "arg", &condition.arg().to_string());
    let narrow = u32::try_from(condition.mask()).is_ok();
    let width = if narrow { u64::from(u32::MAX) } else { u64::MAX };
    line(text, "bits", if narrow { "32" } else { "64" });
    if condition.mask() != width {
        line(text, "mask", &format!("{:#x}", condition.mask()));
    }
    let values = condition.values();
    if let Some((name, value)) = values.first_key_value()
        && values.len() == 1
        && *name == format!("{value:#x}")
    {
        return line(text, "equals", &format!("{value:#x}"));
    }
    text.push_str("[allow.when.one-of]\n");
    for (name, value) in values {
        line(text, &quoted(name), &format!("{value:#x}"));
    }
}
