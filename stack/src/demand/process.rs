use perry_sandbox_compose::{Node, Span};
use perry_sandbox_policy::Terminal;

use super::asker::Asker;

pub(super) fn image(asker: &mut Asker<'_>, _: Span, _: &Node) {
    asker.demand.image.clone_from(&asker.service.container.image);
}

/// A command without an entry point replaces the image's; what both are together is the entry point's business.
pub(super) fn command(asker: &mut Asker<'_>, span: Span, _: &Node) {
    let container = &asker.service.container;
    let Some(command) = &container.command else { return };
    if container.entrypoint.is_some() {
        return;
    }
    if command.value.is_empty() {
        return asker.not_yet(
            span,
            "command: []",
            "write the whole command, or leave it out for the image's",
        );
    }
    asker.demand.args.clone_from(&command.value);
}

/// An entry point drops the image's command, whether there is another or not.
pub(super) fn entrypoint(asker: &mut Asker<'_>, span: Span, _: &Node) {
    let container = &asker.service.container;
    let Some(entrypoint) = &container.entrypoint else { return };
    let command = container.command.as_ref().map(|command| command.value.as_slice()).unwrap_or_default();
    let mut words = entrypoint.value.iter().filter(|word| !word.is_empty()).chain(command).cloned();
    let Some(program) = words.next() else {
        let instead = "name the program in `command`, or leave it out for the image's";
        return asker.not_yet(span, "entrypoint: []", instead);
    };
    let args = words.collect();
    asker.demand.entrypoint = Some(program);
    asker.demand.args = args;
}

pub(super) fn environment(asker: &mut Asker<'_>, _: Span, _: &Node) {
    let variables = asker.service.container.environment.iter();
    asker.demand.env = variables.map(|(name, value)| (name.clone(), value.value.clone())).collect();
}

pub(super) fn tty(asker: &mut Asker<'_>, _: Span, _: &Node) {
    if asker.service.container.tty {
        asker.demand.terminal = Terminal::Own;
    }
}

pub(super) fn working_dir(asker: &mut Asker<'_>, _: Span, _: &Node) {
    asker.demand.working_dir = asker.service.container.working_dir.as_ref().map(|dir| dir.value.clone());
}

pub(super) fn user(asker: &mut Asker<'_>, span: Span, _: &Node) {
    let Some(user) = &asker.service.container.user else { return };
    match user_numbers(&user.value) {
        Ok(numbers) => asker.demand.run_as(numbers, user.span),
        Err(instead) => asker.not_yet(span, &format!("user: {}", user.value), instead),
    }
}

/// A user, and a group where one is named, in numbers or as `root`.
///
/// SECURITY: another name would be looked up in the image's own list of users, which may call anybody 0.
///
/// # Errors
/// What to write instead.
pub fn user_numbers(text: &str) -> Result<(u32, Option<u32>), &'static str> {
    let (user, group) = text.split_once(':').map_or((text, None), |(user, group)| (user, Some(group)));
    let number = |text: &str| if text == "root" { Some(0) } else { text.parse().ok() };
    let uid = number(user).ok_or("write the user's number")?;
    let gid = group.map(|group| number(group).ok_or("write the group's number")).transpose()?;
    Ok((uid, gid))
}
