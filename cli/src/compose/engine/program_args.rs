use clap::Args;
use perry_sandbox_policy::{Protocol, Publication};
use perry_sandbox_stack::user_numbers;

use super::args::StoreArgs;
use crate::planner::DeskArgs;

/// `exec`. A program that joins a sandbox has its user, and somebody who waits for it: docker compose's flags for anything
/// else are not taken.
#[derive(Debug, Args)]
pub(crate) struct ExecArgs {
    /// Service
    #[arg(value_name = "SERVICE")]
    pub(crate) service: String,

    /// Program and arguments
    #[arg(value_name = "COMMAND", required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) command: Vec<String>,

    /// Variable that the program gets; without a value, with ours
    #[arg(short, long, value_name = "NAME[=VALUE]")]
    pub(crate) env: Vec<String>,

    /// Folder in the sandbox that the program begins in
    #[arg(short, long, value_name = "DIR")]
    pub(crate) workdir: Option<String>,

    /// Refused: a program that joins is the service's user
    #[arg(short, long, hide = true)]
    pub(crate) user: Option<String>,

    /// Which replica of the service
    #[arg(long, value_name = "N")]
    pub(crate) index: Option<u32>,

    /// Give the program no terminal; else it has one of its own where our input and output are one
    #[arg(short = 'T', long = "no-tty", alias = "no-TTY")]
    pub(crate) no_tty: bool,

    /// Pass standard input on, as is done anyway
    #[arg(short, long)]
    pub(crate) interactive: bool,

    /// Give the program a terminal of its own, whatever ours are
    #[arg(short, long, conflicts_with = "no_tty")]
    pub(crate) tty: bool,

    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

/// `run`.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line of its own")]
pub(crate) struct RunArgs {
    /// Service whose image and settings are taken
    #[arg(value_name = "SERVICE")]
    pub(crate) service: String,

    /// Program and arguments in the place of the service's
    #[arg(value_name = "COMMAND", trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) command: Vec<String>,

    #[command(flatten)]
    pub(crate) desks: DeskArgs,

    /// Print the id and return; else the program's output is shown, and its code is ours
    #[arg(short, long)]
    pub(crate) detach: bool,

    /// Remove the sandbox when the program has ended
    #[arg(long, conflicts_with = "detach")]
    pub(crate) rm: bool,

    /// Variable that the program gets; without a value, with ours
    #[arg(short, long, value_name = "NAME[=VALUE]")]
    pub(crate) env: Vec<String>,

    /// Program in the place of the image's entry point
    #[arg(long, value_name = "PROGRAM")]
    pub(crate) entrypoint: Option<String>,

    /// Folder in the sandbox that the program begins in
    #[arg(short, long, value_name = "DIR")]
    pub(crate) workdir: Option<String>,

    /// User that the program runs as, in numbers; root only where the tier lets any user in
    #[arg(short, long, value_name = "UID[:GID]", value_parser = user_numbers)]
    pub(crate) user: Option<(u32, Option<u32>)>,

    /// Name of the sandbox
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,

    /// Build the images of services first, where the policy grants it
    #[arg(long)]
    pub(crate) build: bool,

    /// Do not bring up the services that it depends on
    #[arg(long)]
    pub(crate) no_deps: bool,

    /// Publish the service's ports
    #[arg(short = 'P', long)]
    pub(crate) service_ports: bool,

    /// Publish a port of it, on 127.0.0.1 where no address is named
    #[arg(short, long, value_name = "[[ADDRESS:]PORT:]PORT[/udp]", value_parser = publication)]
    pub(crate) publish: Vec<Publication>,

    /// Give the program a terminal of its own; it has pipes else
    #[arg(short, long, conflicts_with_all = ["no_tty", "detach"])]
    pub(crate) tty: bool,

    /// Give the program no terminal, as is done anyway
    #[arg(short = 'T', long = "no-tty", alias = "no-TTY")]
    pub(crate) no_tty: bool,

    /// Pass standard input on, as is done anyway
    #[arg(short, long, hide = true)]
    pub(crate) interactive: bool,
}

/// A port as docker compose's flag has it: the last number is the one inside.
fn publication(text: &str) -> Result<Publication, String> {
    let (place, protocol) = match text.rsplit_once('/') {
        None | Some((_, "tcp")) => (text.trim_end_matches("/tcp"), Protocol::Tcp),
        Some((place, "udp")) => (place, Protocol::Udp),
        Some((_, other)) => return Err(format!("`{other}`: tcp or udp is expected")),
    };
    let (on, port) = place.rsplit_once(':').unwrap_or(("free", place));
    let port = port.parse().map_err(|_| format!("`{port}`: a port of 1 to 65535 is expected"))?;
    let on = on.parse().map_err(|error| format!("`{on}`: {error}"))?;
    Ok(Publication { on, port, protocol })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_read_from_its_end() {
        let shown =
            |text: &str| publication(text).map(|one| format!("{} {} {:?}", one.on, one.port, one.protocol));
        assert_eq!(shown("8080:80").unwrap(), "127.0.0.1:8080 80 Tcp");
        assert_eq!(shown("127.0.0.1:8080:80/tcp").unwrap(), "127.0.0.1:8080 80 Tcp");
        assert_eq!(shown("[::1]:5353:53/udp").unwrap(), "[::1]:5353 53 Udp");
        assert!(shown("80").unwrap().ends_with(" 80 Tcp"));
        for text in ["", "web:80", "80:0", "80:80/sctp", "70000:80", "1:2:3"] {
            shown(text).unwrap_err();
        }
    }
}
