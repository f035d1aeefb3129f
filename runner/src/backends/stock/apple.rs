//! The words of Apple's `container`. Its lists say all, and have no filters. Not run on the real thing; flags are those of its
//! documentation (<https://github.com/apple/container/blob/main/docs/command-reference.md>).

use super::question::{Question, image_name, line, network_flags, volume_flags};
use super::words::StockName;

/// What `container` is called with.
pub(super) fn words(question: &Question<'_>) -> Vec<String> {
    match *question {
        Question::Images => line("image list --format json", []),
        Question::Image(id) => line("image inspect", [image_name(id).as_str()]),
        Question::RemoveImage(id) => line("image delete", [image_name(id).as_str()]),
        Question::Find(kept, _) => line(&format!("{} list --format json", kept.word()), []),
        Question::Describe(kept, names) => {
            line(&format!("{} inspect", kept.word()), names.iter().map(StockName::as_str))
        }
        Question::CreateNetwork(new) => {
            let flags = network_flags(new);
            line("network create", flags.iter().map(String::as_str).chain([new.name.as_str()]))
        }
        Question::CreateVolume(new) => {
            let flags = volume_flags(new);
            line("volume create", flags.iter().map(String::as_str).chain([new.name.as_str()]))
        }
        Question::Remove(kept, id) => line(&format!("{} delete", kept.word()), [id]),
    }
}
