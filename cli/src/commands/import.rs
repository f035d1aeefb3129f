//! `policy import`.

use std::fs::OpenOptions;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use perry_sandbox_audit::{ImportLoss, Imported, LossKind, import};
use perry_sandbox_pipeline::{MAX_POLICY, into_text, read};
use serde_json::{Value, json};

use crate::args::ImportArgs;
use crate::exit::Exit;
use crate::output;
use crate::stop::Stop;

/// Writes a trust policy of another tool as a policy; nothing is written that leaves something out, unless that is asked for.
pub(super) fn import_policy(args: &ImportArgs) -> anyhow::Result<Exit> {
    let name = args.file.display().to_string();
    let text = text_of(&args.file)?;
    let imported = import(&name, &text).map_err(|error| Stop::usage(format!("`{name}`: {error}")))?;
    let is_whole = imported.left_out().next().is_none();
    let is_written = is_whole || args.partial;
    if is_written && args.output.is_none() && !imported.keys.is_empty() {
        return Err(Stop::usage(
            "the file holds keys, which become files beside the policy: say where it is to be, `--output FILE`",
        ));
    }
    if let (true, Some(file)) = (is_written, &args.output) {
        write_all(file, &imported)?;
    }
    if args.json {
        output::json(&report(args, &imported, is_written))?;
    } else {
        tell(&name, &imported);
        match &args.output {
            None if is_written => output::result(&imported.policy),
            Some(file) if is_written => output::note(&format!(
                "wrote {0}: it says whose images may run; `perry-sandbox audit {0}` says what to mend",
                file.display()
            )),
            _ => output::error(
                "nothing is written, because of what would be left out: `--partial` writes the rest",
            ),
        }
    }
    Ok(if is_whole { Exit::Done } else { Exit::Differs })
}

fn text_of(file: &Path) -> anyhow::Result<String> {
    if file != Path::new("-") {
        return Ok(into_text(read(file, MAX_POLICY)?, file)?);
    }
    let mut bytes = Vec::new();
    let mut input = std::io::stdin().lock().take(MAX_POLICY.saturating_add(1));
    input.read_to_end(&mut bytes).context("reading standard input")?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > MAX_POLICY) {
        return Err(Stop::usage(format!(
            "standard input is larger than the {MAX_POLICY} bytes that are read"
        )));
    }
    String::from_utf8(bytes).map_err(|_| Stop::usage("standard input is not text in UTF-8"))
}

/// Writes the policy and the keys, and no file that is there already.
fn write_all(file: &Path, imported: &Imported) -> anyhow::Result<()> {
    let keys = imported.keys.iter().map(|key| (file.with_file_name(&key.name), key.pem.as_str()));
    let mut files: Vec<(PathBuf, &str)> = keys.collect();
    files.push((file.to_owned(), imported.policy.as_str()));
    if let Some((there, _)) = files.iter().find(|(path, _)| path.symlink_metadata().is_ok()) {
        return Err(Stop::usage(format!("`{}` is there already, and is not overwritten", there.display())));
    }
    for (path, text) in files {
        let failed = || format!("writing `{}`", path.display());
        let mut new = OpenOptions::new().write(true).create_new(true).open(&path).with_context(failed)?;
        new.write_all(text.as_bytes()).with_context(failed)?;
    }
    Ok(())
}

fn tell(name: &str, imported: &Imported) {
    for loss in &imported.losses {
        let position = imported.texts.position(loss.place);
        let told = |what| format!("{name}:{}:{}: {what}: {}", position.line, position.column, loss.message);
        match loss.kind {
            LossKind::LeftOut => output::error(&told("left out")),
            LossKind::Changed => output::note(&told("not as it was")),
        }
    }
}

fn report(args: &ImportArgs, imported: &Imported, is_written: bool) -> Value {
    let loss = |loss: &ImportLoss| {
        let position = imported.texts.position(loss.place);
        let kind = if loss.kind == LossKind::LeftOut { "left-out" } else { "changed" };
        json!({ "kind": kind, "line": position.line, "column": position.column, "message": loss.message })
    };
    let file = args.output.as_ref().filter(|_| is_written).map(|file| file.display().to_string());
    let text = (is_written && args.output.is_none()).then_some(&imported.policy);
    json!({
        "schema": "perry-sandbox/policy-import/v1",
        "file": file,
        "text": text,
        "keys": imported.keys.iter().map(|key| &key.name).collect::<Vec<_>>(),
        "losses": imported.losses.iter().map(loss).collect::<Vec<_>>(),
    })
}
