use std::path::{Path, PathBuf};

use perry_sandbox_runner::CopyBounds;

use super::look_args::CpArgs;
use super::pausing::running;
use super::there::There;
use crate::args::Cli;
use crate::exit::Exit;
use crate::output::Failure;

/// One end of a copy.
#[derive(Debug, PartialEq, Eq)]
enum End<'a> {
    Inside { service: &'a str, path: &'a Path },
    Host(PathBuf),
}

impl<'a> End<'a> {
    /// A path of the host has a slash before its first colon, as other programs have it.
    fn read(text: &'a str) -> Result<Self, Failure> {
        match text.split_once(':') {
            _ if text == "-" => {
                Err(usage("an archive on a standard stream is not done here yet: name a file or folder"))
            }
            Some((service, path)) if !service.is_empty() && !service.contains('/') && service != "." => {
                Ok(Self::Inside { service, path: Path::new(path) })
            }
            _ => Ok(Self::Host(PathBuf::from(text))),
        }
    }
}

fn usage(why: &str) -> Failure {
    Failure::Usage(format!("cp: {why}"))
}

/// Copies files into a sandbox of a service, or out of it.
pub(crate) fn cp(cli: &Cli, args: &CpArgs) -> Result<Exit, Failure> {
    if args.archive || args.follow_link {
        return Err(usage("--archive and --follow-link are not done here yet: leave them out"));
    }
    let ends = (End::read(&args.from)?, End::read(&args.to)?);
    let (service, from, to, outwards) = match &ends {
        (End::Inside { service, path }, End::Host(to)) => (*service, *path, to.as_path(), true),
        (End::Host(from), End::Inside { service, path }) => (*service, from.as_path(), *path, false),
        (End::Host(_), End::Host(_)) => return Err(usage("one of both must be SERVICE:PATH")),
        (End::Inside { .. }, End::Inside { .. }) => {
            return Err(usage("copy to the host first: two sandboxes have nothing in common"));
        }
    };
    let there = There::open(cli, &args.store)?;
    let found = running(&there, &[service.to_owned()])?;
    let index = args.index.unwrap_or(1);
    let one = found.iter().find(|(member, _)| args.index.is_none() || member.replica == index);
    let (_, info) =
        one.ok_or_else(|| Failure::NotRunning { service: format!("{service}, number {index}") })?;
    let files = there.site.pipeline.sandboxes()?.files(&info.id)?;
    let bounds = CopyBounds::default();
    if outwards {
        files.copy_out(from, to, bounds)?;
    } else {
        files.copy_in(from, to, bounds)?;
    }
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_stands_before_a_colon_and_a_slash_before_a_path() {
        let inside = End::Inside { service: "web", path: Path::new("/tmp/a:b") };
        assert_eq!(End::read("web:/tmp/a:b").unwrap(), inside);
        for host in ["./a:b", "/a:b", "a", "a/b", ":a"] {
            assert_eq!(End::read(host).unwrap(), End::Host(PathBuf::from(host)));
        }
        assert!(End::read("-").is_err());
    }
}
