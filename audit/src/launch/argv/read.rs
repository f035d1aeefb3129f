//! From words to a launch.

use super::Words;
use super::options::{GLOBAL_VALUES, Takes, names, option};
use crate::finding::{Target, TargetKind};
use crate::input::{Unread, UnreadKind};
use crate::launch::{Engine, Launch, Origin, Stack};
use crate::place::{FileId, Place, Placed};

/// Reads a command line that stands in `file`.
pub(crate) fn read_argv(
    words: &Words,
    file: FileId,
    folder: Option<&str>,
    home: Option<&str>,
) -> Result<Stack, Unread> {
    let mut argv = Argv { words, file, at: 0, home };
    let whole = argv.whole();
    let (engine, verb) = argv.verb()?;
    let target = Target::new(TargetKind::Invocation, argv.program());
    let mut launch = Launch::new(target, Origin::Argv(engine), verb, folder.map(str::to_owned));
    launch.removed = Some(false);
    argv.options(&mut launch)?;
    argv.image(&mut launch)?;
    Ok(Stack {
        origin: Origin::Argv(engine),
        folder: folder.map(str::to_owned),
        place: whole,
        launches: vec![launch],
    })
}

struct Argv<'a> {
    words: &'a Words,
    file: FileId,
    at: usize,
    home: Option<&'a str>,
}

/// A word that a caller fills in, by the signs of shells and templates.
fn is_open(word: &str) -> bool {
    ["$", "{", "%s", "<", "\"$"].iter().any(|sign| word.starts_with(sign))
}

impl Argv<'_> {
    fn whole(&self) -> Place {
        Place { file: self.file, start: 0, end: self.words.text.len() }
    }

    fn program(&self) -> String {
        let word = self.words.list.first().map_or("", |(word, _)| word.as_str());
        word.rsplit('/').next().unwrap_or(word).to_owned()
    }

    fn peek(&self) -> Option<(&str, Place)> {
        let (word, range) = self.words.list.get(self.at)?;
        Some((word, Place { file: self.file, start: range.start, end: range.end }))
    }

    fn next(&mut self) -> Option<(String, Place)> {
        let (word, place) = self.peek().map(|(word, place)| (word.to_owned(), place))?;
        self.at = self.at.saturating_add(1);
        Some((word, place))
    }

    /// The engine, and the place of the word that says "run".
    fn verb(&mut self) -> Result<(Engine, Place), Unread> {
        let whole = self.whole();
        let Some((_, place)) = self.next() else {
            return Err(Unread::new(UnreadKind::Malformed, whole, "there is no command line")
                .help("write it behind `--argv --`"));
        };
        let engine = match self.program().as_str() {
            "docker" => Engine::Docker,
            "podman" => Engine::Podman,
            "nerdctl" => Engine::Nerdctl,
            runtime @ ("runc" | "crun" | "runsc" | "youki" | "kata-runtime") => {
                let message = format!(
                    "`{runtime}` does what its bundle's `config.json` says, which is not on the command line"
                );
                return Err(Unread::new(UnreadKind::Gap, place, message)
                    .help("audit the invocation or stack that makes the bundle"));
            }
            _ => {
                let message = "this program's command lines are not known";
                return Err(Unread::new(UnreadKind::Malformed, place, message)
                    .help("known are docker, podman, nerdctl, and the runtimes runc, crun and runsc"));
            }
        };
        let mut place = place;
        while let Some((word, at)) = self.next() {
            place = at;
            match word.as_str() {
                "run" | "create" => return Ok((engine, at)),
                "container" => {}
                flag if flag.starts_with('-') => {
                    let name = flag.trim_start_matches('-');
                    if !name.contains('=') && GLOBAL_VALUES.contains(&name) {
                        self.next();
                    }
                }
                _ => break,
            }
        }
        Err(Unread::new(UnreadKind::Gap, place, "only `run` and `create` start something of their own")
            .help("give the invocation that makes the container"))
    }

    fn options(&mut self, launch: &mut Launch) -> Result<(), Unread> {
        while let Some((word, place)) = self.peek().map(|(word, place)| (word.to_owned(), place)) {
            if word == "--" {
                self.at = self.at.saturating_add(1);
                return Ok(());
            }
            if !word.starts_with('-') || word == "-" {
                if is_open(&word) {
                    launch.open_words.push(Placed::new(word, place));
                }
                return Ok(());
            }
            self.at = self.at.saturating_add(1);
            match word.strip_prefix("--") {
                Some(long) => self.long(long, place, launch)?,
                None => self.short(word.trim_start_matches('-'), place, launch)?,
            }
        }
        Ok(())
    }

    fn long(&mut self, text: &str, place: Place, launch: &mut Launch) -> Result<(), Unread> {
        let (name, given) = text.split_once('=').map_or((text, None), |(name, value)| (name, Some(value)));
        let Some((takes, means)) = option(name) else {
            return Err(unknown(&format!("--{name}"), name, place));
        };
        match (takes, given) {
            (Takes::Nothing, given) => launch.switch(means, given.unwrap_or("true"), place),
            (Takes::Value, Some(value)) => launch.value(means, value, place, self.home),
            (Takes::Value, None) => {
                let (value, end) = self.value(name, place)?;
                launch.value(means, &value, Place { end: end.end, ..place }, self.home);
            }
        }
        Ok(())
    }

    /// `-it`, `-p 80:80`, `-p80:80`.
    fn short(&mut self, text: &str, place: Place, launch: &mut Launch) -> Result<(), Unread> {
        for (at, letter) in text.char_indices() {
            let name = letter.to_string();
            let Some((takes, means)) = option(&name) else {
                return Err(unknown(&format!("-{name}"), &name, place));
            };
            let rest = text.get(at.saturating_add(letter.len_utf8())..).unwrap_or_default();
            match takes {
                Takes::Nothing => match rest.strip_prefix('=') {
                    Some(value) => {
                        launch.switch(means, value, place);
                        return Ok(());
                    }
                    None => launch.switch(means, "true", place),
                },
                Takes::Value if rest.is_empty() => {
                    let (value, end) = self.value(&name, place)?;
                    launch.value(means, &value, Place { end: end.end, ..place }, self.home);
                    return Ok(());
                }
                Takes::Value => {
                    launch.value(means, rest.strip_prefix('=').unwrap_or(rest), place, self.home);
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn value(&mut self, name: &str, place: Place) -> Result<(String, Place), Unread> {
        let missing = || Unread::new(UnreadKind::Malformed, place, format!("option `{name}` has no value"));
        self.next().ok_or_else(missing)
    }

    fn image(&mut self, launch: &mut Launch) -> Result<(), Unread> {
        let whole = self.whole();
        let Some((image, place)) = self.next() else {
            return Err(Unread::new(UnreadKind::Malformed, whole, "the command line names no image"));
        };
        launch.image = Some(Placed::new(image, place));
        Ok(())
    }
}

fn unknown(shown: &str, name: &str, place: Place) -> Unread {
    let shown = perry_sandbox_compose::shown(shown);
    let unread = Unread::new(UnreadKind::UnknownKey, place, format!("option `{shown}` is not known"));
    match crate::input::nearest(name, names()) {
        Some(near) => unread.help(format!("did you mean `--{near}`?")),
        None => unread.help("an option that is not known may take the next word as its value, so nothing behind it can be read"),
    }
}
