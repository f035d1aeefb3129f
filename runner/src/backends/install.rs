//! What installs a backend on this system. It is shown to people, and run only where one of them has said so.

use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::unistd::geteuid;

use super::host::HostTools;
use super::order::System;
use super::tool::{ToolError, find, quoted};

/// Where a distribution of Linux says what it is (os-release(5)).
const OS_RELEASE: [&str; 2] = ["/etc/os-release", "/usr/lib/os-release"];
/// The most that is read of it.
const LONGEST: u64 = 64 << 10;

/// Systems whose packages we know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Distribution {
    Debian,
    Fedora,
    /// Those that are made of Fedora, and have fewer packages.
    RedHat,
    Suse,
    Arch,
    Alpine,
    /// With Homebrew.
    MacOs,
}

/// A command that installs a backend: every word of it, for no shell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstallCommand {
    program: String,
    args: Vec<String>,
}

impl InstallCommand {
    /// What installs this backend here, if that is known.
    pub fn here(backend: &str, tools: &HostTools) -> Option<Self> {
        let distribution = match tools.system() {
            System::MacOs => Distribution::MacOs,
            System::Other => distribution(&os_release()?)?,
        };
        command(backend, distribution, geteuid().is_root())
    }

    /// Runs it, with our terminal as its own; tells whether it says that it has done it.
    ///
    /// # Errors
    /// Its program is not there, or cannot be started.
    pub fn run(&self, tools: &HostTools) -> Result<bool, ToolError> {
        let failed = |program: &Path, source| ToolError::Start { program: program.to_owned(), source };
        let program = find(&self.program, tools.folders()).map_err(|why| {
            failed(Path::new(&self.program), io::Error::new(io::ErrorKind::NotFound, why.to_string()))
        })?;
        let mut command = Command::new(&program);
        command.args(&self.args).env_clear().envs(tools.environment());
        Ok(command.status().map_err(|source| failed(&program, source))?.success())
    }
}

impl fmt::Display for InstallCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&quoted(&self.program))?;
        self.args.iter().try_for_each(|word| write!(f, " {}", quoted(word)))
    }
}

fn os_release() -> Option<String> {
    let file = OS_RELEASE.into_iter().map(PathBuf::from).find_map(|path| File::open(path).ok())?;
    let mut bytes = Vec::new();
    file.take(LONGEST).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// Reads which one it is: by its own name, else by the nearest that it says it is like.
fn distribution(os_release: &str) -> Option<Distribution> {
    let value = |name: &str| {
        let mut lines = os_release.lines().map(str::trim);
        let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        value.unwrap_or_default().trim_matches(['"', '\''])
    };
    std::iter::once(value("ID")).chain(value("ID_LIKE").split_whitespace()).find_map(|id| match id {
        "debian" | "ubuntu" => Some(Distribution::Debian),
        "fedora" if value("ID") == "fedora" => Some(Distribution::Fedora),
        "rhel" | "centos" | "fedora" => Some(Distribution::RedHat),
        "suse" | "opensuse" | "sles" => Some(Distribution::Suse),
        "arch" => Some(Distribution::Arch),
        "alpine" => Some(Distribution::Alpine),
        _ => None,
    })
}

fn command(backend: &str, distribution: Distribution, is_root: bool) -> Option<InstallCommand> {
    let (manager, verb): (&str, &[&str]) = match distribution {
        Distribution::Debian => ("apt-get", &["install"]),
        Distribution::Fedora | Distribution::RedHat => ("dnf", &["install"]),
        Distribution::Suse => ("zypper", &["install"]),
        Distribution::Arch => ("pacman", &["-S"]),
        Distribution::Alpine => ("apk", &["add"]),
        Distribution::MacOs => ("brew", &["install"]),
    };
    let packages = packages(backend, distribution)?;
    // Homebrew refuses root.
    let sudo = (!is_root && distribution != Distribution::MacOs).then_some("sudo");
    let mut words =
        sudo.into_iter().chain([manager]).chain(verb.iter().copied()).chain(packages.iter().copied());
    let program = words.next()?.to_owned();
    Some(InstallCommand { program, args: words.map(str::to_owned).collect() })
}

/// The packages that a system itself has; what it has not is for its user to decide about.
fn packages(backend: &str, distribution: Distribution) -> Option<&'static [&'static str]> {
    use Distribution::{Alpine, Arch, Debian, Fedora, MacOs, RedHat, Suse};
    Some(match (backend, distribution) {
        ("podman", _) => &["podman"],
        ("docker", Debian) => &["docker.io"],
        ("docker", Fedora) => &["moby-engine"],
        ("docker", Suse | Arch | Alpine) => &["docker"],
        ("nerdctl", Arch | Alpine) => &["nerdctl"],
        ("apple", MacOs) => &["container"],
        ("orbstack", MacOs) => &["--cask", "orbstack"],
        // The client of its engine is not part of it.
        ("colima", MacOs) => &["colima", "docker"],
        ("rancher-desktop", MacOs) => &["--cask", "rancher"],
        ("lima", MacOs) => &["lima"],
        (_, Debian | Fedora | RedHat | Suse | Arch | Alpine | MacOs) => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn systems_are_known_by_their_own_name_or_by_what_they_are_like() {
        let known = [
            (
                "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nID=debian\nVERSION_ID=\"12\"\n",
                Distribution::Debian,
            ),
            ("ID=ubuntu\nID_LIKE=debian\n", Distribution::Debian),
            ("ID=linuxmint\nID_LIKE=\"ubuntu debian\"\n", Distribution::Debian),
            ("ID=fedora\n", Distribution::Fedora),
            ("ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n", Distribution::RedHat),
            ("ID=\"amzn\"\nID_LIKE=\"fedora\"\n", Distribution::RedHat),
            ("ID=\"opensuse-tumbleweed\"\nID_LIKE=\"opensuse suse\"\n", Distribution::Suse),
            ("ID='arch'\n", Distribution::Arch),
            ("ID=alpine\n", Distribution::Alpine),
        ];
        for (text, wanted) in known {
            assert_eq!(distribution(text), Some(wanted), "{text}");
        }
    }

    #[test]
    fn what_is_no_system_gives_no_command() {
        let flood = "ID_LIKE=".to_owned() + &"x ".repeat(1 << 19);
        for text in ["", "ID=", "ID=nixos", "ID=$(reboot)", "XID=debian", "\0\u{1b}[2J", &flood] {
            assert_eq!(distribution(text), None, "{}", text.get(..20).unwrap_or(text));
        }
    }

    #[test]
    fn the_command_is_the_one_of_the_system() {
        let shown = |backend, distribution, is_root| {
            command(backend, distribution, is_root).map(|command| command.to_string())
        };
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(shown("podman", Distribution::Debian, false), some("sudo apt-get install podman"));
        assert_eq!(shown("podman", Distribution::RedHat, true), some("dnf install podman"));
        assert_eq!(shown("docker", Distribution::Debian, true), some("apt-get install docker.io"));
        assert_eq!(shown("docker", Distribution::Fedora, false), some("sudo dnf install moby-engine"));
        assert_eq!(shown("docker", Distribution::RedHat, false), None);
        assert_eq!(shown("docker", Distribution::Suse, false), some("sudo zypper install docker"));
        assert_eq!(shown("nerdctl", Distribution::Arch, false), some("sudo pacman -S nerdctl"));
        assert_eq!(shown("nerdctl", Distribution::Alpine, true), some("apk add nerdctl"));
        assert_eq!(shown("nerdctl", Distribution::Debian, true), None);
        assert_eq!(shown("colima", Distribution::MacOs, false), some("brew install colima docker"));
        assert_eq!(shown("orbstack", Distribution::MacOs, true), some("brew install --cask orbstack"));
        assert_eq!(shown("apple", Distribution::Debian, true), None);
        assert_eq!(shown("native", Distribution::Debian, true), None);
    }
}
