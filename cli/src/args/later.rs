//! Arguments of a command that are described only when the command is named: most of what a short run does at its start
//! would be to describe the flags of all the other commands.

use std::ops::Deref;

use clap::error::Error;
use clap::{ArgMatches, Args, Command, FromArgMatches};

/// Commands that speak of all others.
const OF_ALL: [&str; 2] = ["completions", "man"];

/// The arguments of a command that has no other name.
#[derive(Debug)]
pub(crate) struct Later<T>(T);

impl<T> Deref for Later<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

/// Whether one of our own words may mean that command. A word that only looks like its name costs a little time.
fn is_named(command: &Command) -> bool {
    let means = |word: &str| word == command.get_name() || OF_ALL.contains(&word);
    cfg!(test) || std::env::args_os().any(|word| word.to_str().is_some_and(means))
}

impl<T: Args> Args for Later<T> {
    fn augment_args(command: Command) -> Command {
        if is_named(&command) { T::augment_args(command) } else { command }
    }

    fn augment_args_for_update(command: Command) -> Command {
        T::augment_args_for_update(command)
    }
}

impl<T: FromArgMatches> FromArgMatches for Later<T> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        T::from_arg_matches(matches).map(Self)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        self.0.update_from_arg_matches(matches)
    }
}
