//! Pages of rules.

use perry_sandbox_audit::{CATALOGUE, Listed, RuleId};
use serde_json::json;

use crate::exit::Exit;
use crate::output;
use crate::stop::Stop;

fn of_word(word: &str) -> Option<&'static Listed> {
    let number = word.strip_prefix("PSB").or_else(|| word.strip_prefix("psb")).unwrap_or(word);
    let id = number.parse().ok().map(RuleId);
    CATALOGUE.iter().find(|row| Some(row.id) == id || row.slug == word)
}

/// Prints a rule's page.
pub(super) fn explain(word: &str) -> anyhow::Result<Exit> {
    let row = of_word(word).ok_or_else(|| {
        Stop::usage(format!(
            "`{word}` is no rule: a rule is named as PSB410, or control-socket; `--rules` lists them"
        ))
    })?;
    output::result(row.rule.page);
    Ok(Exit::Done)
}

/// Lists all rules.
pub(super) fn list(as_json: bool) -> anyhow::Result<Exit> {
    let rules = CATALOGUE.iter().map(|row| (row, row.rule));
    if as_json {
        let rules = rules.map(|(row, rule)| {
            json!({ "rule": row.id, "slug": row.slug, "severity": row.severities, "title": rule.title, "cwe": rule.cwe, "cis": rule.cis })
        });
        output::json(
            &json!({ "schema": "perry-sandbox/audit-rules/v1", "rules": rules.collect::<Vec<_>>() }),
        )?;
    } else {
        let lines = rules
            .map(|(row, rule)| format!("{}  {:<24} {:<12} {}", row.id, row.slug, row.severities, rule.title));
        output::result(&lines.collect::<Vec<_>>().join("\n"));
    }
    Ok(Exit::Done)
}
