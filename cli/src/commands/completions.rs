//! `completions` and `man`: both are made from the command line's own types, so they cannot be out of date.

use std::path::Path;

use anyhow::Context as _;
use clap::CommandFactory as _;

use crate::args::{Cli, CompletionsArgs, ManArgs};
use crate::exit::Exit;
use crate::output;

/// Prints the completions of one shell.
pub(crate) fn completions(args: &CompletionsArgs) -> Exit {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "perry-sandbox", &mut script);
    output::bytes(&script);
    Exit::Done
}

/// Prints the main manual page, or writes one page a command into a folder.
pub(crate) fn man(args: &ManArgs) -> anyhow::Result<Exit> {
    let mut command = Cli::command();
    command.build();
    let Some(dir) = &args.dir else {
        output::bytes(&page(&command)?);
        return Ok(Exit::Done);
    };
    std::fs::create_dir_all(dir).with_context(|| format!("making the folder `{}`", dir.display()))?;
    write_pages(&command, dir)?;
    Ok(Exit::Done)
}

fn write_pages(command: &clap::Command, dir: &Path) -> anyhow::Result<()> {
    let name = command.get_display_name().unwrap_or_else(|| command.get_name()).replace(' ', "-");
    let file = dir.join(format!("{name}.1"));
    std::fs::write(&file, page(command)?).with_context(|| format!("writing `{}`", file.display()))?;
    command.get_subcommands().filter(|sub| sub.get_name() != "help").try_for_each(|sub| write_pages(sub, dir))
}

fn page(command: &clap::Command) -> anyhow::Result<Vec<u8>> {
    let mut page = Vec::new();
    clap_mangen::Man::new(command.clone()).render(&mut page)?;
    Ok(page)
}
