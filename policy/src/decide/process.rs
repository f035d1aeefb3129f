//! What is executed: from the policy's command or the image's own, with everything hostile left out.

use std::collections::BTreeMap;

use crate::ceiling::UserRule;
use crate::denial::{DenyCode, DenyReason, Reasons};
use crate::entries::ArgLimits;
use crate::pattern::{is_at_or_below, is_loader_variable, is_normal, is_variable};
use crate::plan::{EGRESS_PROXY_PORT, Process, Terminal, User};
use crate::request::{ImageDefaults, Request};
use crate::require::Entry;

/// The kernel's own bound on one argument or variable (`MAX_ARG_STRLEN`), less the NUL.
const LONGEST: usize = 131_071;
/// Arguments and variables of a process; a kernel takes more, nobody needs them.
const MOST: usize = 4096;
/// All arguments and variables together; a quarter of the smallest stack limit in use (8 MiB).
const MOST_BYTES: usize = 2 << 20;
/// Who the program is where the image names nobody that can be trusted.
const NOBODY: User = User { uid: 65_534, gid: 65_534 };
const ROOT: User = User { uid: 0, gid: 0 };
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Makes the process of a plan; `notes` gets a sentence for everything that the image wanted and does not get.
pub(crate) fn process(
    request: &Request,
    entry: &Entry<'_>,
    user: UserRule,
    image: &ImageDefaults,
    notes: &mut Vec<String>,
    reasons: &mut Reasons,
) -> Process {
    let argv = argv(request, entry, image, reasons);
    let env = env(request, image, notes);
    let bytes = argv
        .iter()
        .map(String::len)
        .chain(env.iter().map(|(name, value)| name.len().saturating_add(value.len())));
    let bytes = bytes.fold(0, usize::saturating_add);
    if bytes > MOST_BYTES {
        let found = format!("they have {bytes} bytes");
        let wish = format!("arguments and variables of at most {MOST_BYTES} bytes");
        reasons.add(DenyReason::new(DenyCode::Arguments, "process", wish, found, [entry.span]));
    }
    Process {
        argv,
        env,
        cwd: cwd(image, reasons),
        user: self::user(user, image, notes),
        terminal: request.terminal,
    }
}

fn argv(request: &Request, entry: &Entry<'_>, image: &ImageDefaults, reasons: &mut Reasons) -> Vec<String> {
    let mut argv: Vec<String> = match (entry.capability, &request.entrypoint) {
        (Some(capability), given) => {
            if given.is_some() {
                let found = "a capability's program is fixed by the policy";
                let spans = [capability.command.span];
                reasons.add(DenyReason::new(
                    DenyCode::Entrypoint,
                    "process",
                    "another entry point",
                    found,
                    spans,
                ));
            }
            let most = capability.args.map(|args| args.value);
            let span = capability.args.map_or(entry.span, |args| args.span);
            check_args(&request.args, most, span, reasons);
            capability.command.value.clone()
        }
        (None, Some(entrypoint)) => vec![entrypoint.clone()],
        (None, None) => {
            let mut own = image.entrypoint.clone();
            if request.args.is_empty() {
                own.extend(image.cmd.iter().cloned());
            }
            own
        }
    };
    argv.extend(request.args.iter().cloned());
    if argv.first().is_none_or(String::is_empty) {
        let found = "the image has neither an entry point nor a command";
        let reason =
            DenyReason::new(DenyCode::NoCommand, "process", "something to execute", found, [entry.span]);
        reasons.add(reason.remedy("name the program after `--`"));
    }
    let unusable = argv.iter().any(|arg| arg.contains('\0') || arg.len() > LONGEST);
    if unusable || argv.len() > MOST {
        let wish = format!("at most {MOST} arguments of at most {LONGEST} bytes without NUL");
        let found = "there are more, or one is longer or has a NUL";
        reasons.add(DenyReason::new(DenyCode::Arguments, "process", wish, found, [entry.span]));
    }
    argv
}

fn check_args(
    args: &[String],
    most: Option<ArgLimits>,
    span: Option<crate::source::Span>,
    reasons: &mut Reasons,
) {
    let (max, each_max) = most.map_or((0, 0), |most| (most.max.get(), most.each_max.get()));
    let above = |count: usize, most: u32| u32::try_from(count).map_or(true, |count| count > most);
    let mut deny = |wish: String, found: String| {
        let reason = DenyReason::new(DenyCode::Arguments, "process", wish, found, [span]);
        reasons.add(reason.remedy("shorten the arguments, or raise `args` of the capability"));
    };
    if above(args.len(), max) {
        deny(format!("at most {max} arguments"), format!("{} were given", args.len()));
    } else if let Some(longest) =
        args.iter().map(String::len).max().filter(|longest| above(*longest, each_max))
    {
        deny(format!("arguments of at most {each_max} bytes"), format!("one has {longest}"));
    }
}

/// The environment: a few defaults, then the image's harmless variables, then what the caller was granted.
fn env(request: &Request, image: &ImageDefaults, notes: &mut Vec<String>) -> BTreeMap<String, String> {
    let mut env = BTreeMap::from([
        ("PATH".to_owned(), DEFAULT_PATH.to_owned()),
        ("HOME".to_owned(), "/tmp".to_owned()),
    ]);
    if request.terminal == Terminal::Own {
        env.insert("TERM".to_owned(), "xterm".to_owned());
    }
    for entry in image.env.iter().take(MOST) {
        let (name, value) = entry.split_once('=').unwrap_or((entry, ""));
        match dropped(name, value) {
            None => drop(env.insert(name.to_owned(), value.to_owned())),
            Some(why) => {
                notes
                    .push(format!("the image's variable {} is left out: {why}", crate::refusal::shown(name)));
            }
        }
    }
    env.extend(request.env.iter().map(|(name, value)| (name.clone(), value.clone())));
    env
}

/// Programs that can use a proxy are told of the egress proxy, unless the caller says otherwise. The image does not: what it
/// was built behind is not there.
pub(crate) fn through_proxy(process: &mut Process, request: &Request) {
    let proxy = format!("http://127.0.0.1:{EGRESS_PROXY_PORT}");
    let told = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"].map(|name| (name, proxy.as_str()));
    for (name, value) in told.into_iter().chain([("NO_PROXY", "")]) {
        for name in [name.to_owned(), name.to_ascii_lowercase()] {
            if !request.env.contains_key(&name) {
                process.env.insert(name, value.to_owned());
            }
        }
    }
}

/// Why a variable of the image is left out.
fn dropped(name: &str, value: &str) -> Option<&'static str> {
    let is_folder =
        |folder: &str| is_normal(folder.strip_suffix('/').filter(|f| !f.is_empty()).unwrap_or(folder));
    if !is_variable(name) {
        Some("it is no name of a variable")
    } else if value.len() > LONGEST || value.contains('\0') {
        Some("its value is too long, or has a NUL")
    } else if is_loader_variable(name) {
        // SECURITY: a signed image is trusted to be what its signer built, not to steer every program in it.
        Some("it makes loaders or interpreters run other code")
    } else if name == "PATH" && !value.split(':').all(is_folder) {
        Some("not all of its folders are absolute")
    } else if name == "HOME" && !is_folder(value) {
        Some("it is not an absolute folder")
    } else {
        None
    }
}

fn cwd(image: &ImageDefaults, reasons: &mut Reasons) -> String {
    let wanted = image.working_dir.as_deref().filter(|dir| !dir.is_empty()).unwrap_or("/");
    let dir = wanted.strip_suffix('/').filter(|dir| !dir.is_empty()).unwrap_or(wanted);
    let kernel = ["/proc", "/sys", "/dev"].iter().any(|root| is_at_or_below(dir, root));
    if is_normal(dir) && !kernel {
        return dir.to_owned();
    }
    // SECURITY: a working directory under /proc has led out of containers (CVE-2024-21626).
    let found = format!("it would begin in {}", crate::refusal::shown(wanted));
    let wish = "an absolute, normal working directory outside of /proc, /sys and /dev";
    let reason = DenyReason::new(DenyCode::WorkingDirectory, "process", wish, found, []);
    reasons.add(reason.remedy("name another folder, or have the image rebuilt with another WORKDIR"));
    "/".to_owned()
}

/// The user: a number that the image gives, else nobody. A name would be looked up in the image's own passwd file.
fn user(rule: UserRule, image: &ImageDefaults, notes: &mut Vec<String>) -> User {
    let wanted = image.user.as_deref().unwrap_or_default();
    let (user, group) = wanted.split_once(':').map_or((wanted, None), |(user, group)| (user, Some(group)));
    // The kernel takes the greatest number for "leave it as it is".
    let number = |text: &str| text.parse::<u32>().ok().filter(|number| *number != u32::MAX);
    let uid = number(user);
    let gid = match group {
        Some(group) => number(group),
        None => uid,
    };
    match (rule, uid, gid) {
        (UserRule::Any, _, _) if matches!(user, "" | "root") => ROOT,
        (UserRule::Any, Some(uid), Some(gid)) => User { uid, gid },
        (UserRule::NonRoot, Some(uid), Some(gid)) if uid != 0 && gid != 0 => User { uid, gid },
        (UserRule::NonRoot, Some(uid), _) if uid != 0 => {
            notes.push(format!(
                "the image's group {} is left out: 65534 is used",
                crate::refusal::shown(wanted)
            ));
            User { uid, gid: NOBODY.gid }
        }
        (UserRule::Any | UserRule::NonRoot, _, _) => {
            if !wanted.is_empty() {
                let wanted = crate::refusal::shown(wanted);
                notes.push(format!("the image's user {wanted} is not a number above 0: 65534 is used"));
            }
            NOBODY
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user_of(rule: UserRule, text: &str) -> (u32, u32) {
        let image = ImageDefaults { user: Some(text.to_owned()), ..ImageDefaults::default() };
        let user = user(rule, &image, &mut Vec::new());
        (user.uid, user.gid)
    }

    #[test]
    fn root_is_nobody_unless_any_user_is_allowed() {
        for text in ["", "0", "0:0", "root", "root:root", "www-data", "4294967295", "-1", "0:5", "+0"] {
            assert_eq!(user_of(UserRule::NonRoot, text), (65_534, 65_534), "{text}");
        }
        assert_eq!(user_of(UserRule::NonRoot, "1000"), (1000, 1000));
        assert_eq!(user_of(UserRule::NonRoot, "1000:100"), (1000, 100));
        assert_eq!(user_of(UserRule::NonRoot, "1000:0"), (1000, 65_534));
        assert_eq!(user_of(UserRule::Any, ""), (0, 0));
        assert_eq!(user_of(UserRule::Any, "0:0"), (0, 0));
        assert_eq!(user_of(UserRule::Any, "www-data"), (65_534, 65_534));
    }

    #[test]
    fn a_working_directory_of_the_kernel_is_refused() {
        let refused = |dir: &str| {
            let image = ImageDefaults { working_dir: Some(dir.to_owned()), ..ImageDefaults::default() };
            let anchor = crate::source::Span { source: 0, start: 0, end: 0 };
            let mut reasons = Reasons::new(anchor);
            cwd(&image, &mut reasons);
            !reasons.is_empty()
        };
        for dir in ["/proc/self/fd/8", "/proc", "/sys/fs", "/dev/shm", "relative", "/a/../b", "/a//b", "/\0"]
        {
            assert!(refused(dir), "{dir}");
        }
        for dir in ["", "/", "/app", "/app/", "/procx"] {
            assert!(!refused(dir), "{dir}");
        }
    }

    #[test]
    fn variables_that_steer_loaders_are_dropped() {
        for name in [
            "LD_PRELOAD",
            "BASH_ENV",
            "ENV",
            "PYTHONSTARTUP",
            "NODE_OPTIONS",
            "PERL5OPT",
            "RUBYOPT",
            "GCONV_PATH",
        ] {
            assert!(dropped(name, "x").is_some(), "{name}");
        }
        assert!(dropped("PATH", "/bin:.").is_some() && dropped("PATH", "/bin:").is_some());
        assert_eq!(dropped("PATH", "/app/bin:/usr/bin/"), None);
        assert_eq!(dropped("LANG", "C.UTF-8"), None);
    }
}
