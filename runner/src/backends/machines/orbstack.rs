//! `OrbStack`: Docker's engine in a machine, at a socket in the user's own folder. Not run on the real thing.

use super::super::docker::{Docker, Socket};
use super::super::host::HostTools;
use super::super::order::System;
use super::super::script::Backend;
use super::super::survey::Absence;
use super::super::tool::find;

/// Where its programs are, in the user's own folder: the client of its engine is one of them.
const PROGRAMS: &str = ".orbstack/bin";
/// Where the engine listens (<https://docs.orbstack.dev/docker/>).
const SOCKET: &str = ".orbstack/run/docker.sock";

/// Finds it, and asks its engine what it is. Its own program is not asked for anything: most of its commands start the
/// machine, which nobody has asked for.
pub(in super::super) fn orbstack(tools: &HostTools) -> Result<Docker, Absence> {
    if tools.system() != System::MacOs {
        return Err(Absence::nowhere(&"it is there for macOS only", "use another backend"));
    }
    let mut folders = tools.folders().to_vec();
    folders.extend(tools.at_home(PROGRAMS));
    let install = "install OrbStack: https://orbstack.dev/download";
    find("orb", &folders).map_err(|why| Absence::nowhere(&why, install))?;
    let client = "start OrbStack once, which brings the `docker` client";
    let client =
        find("docker", &folders).map_err(|why| Absence::dead(&format!("docker: {why}"), Some(client)))?;
    let socket = tools.at_home(SOCKET).ok_or_else(|| Absence::dead(&"HOME is not set", Some("set HOME")))?;
    Docker::at(Backend::Orbstack, client, tools, Socket(socket), "start it: `orb start`")
}
