use perry_sandbox_stack::draw;

use super::args::{GraphArgs, GraphFormat};
use super::question::Question;
use crate::args::Cli;
use crate::output::{self, Failure};

/// Draws which services need which.
pub(crate) fn graph(cli: &Cli, args: &GraphArgs) -> Result<(), Failure> {
    let Question { stack, order, .. } = Question::read(cli, &args.services)?;
    match args.format {
        GraphFormat::Mermaid => output::text(&draw::mermaid(&stack)),
        GraphFormat::Dot => output::text(&draw::dot(&stack)),
        GraphFormat::Json => output::lines([format!("{:#}", draw::json(&stack, &order))]),
    }
}
