//! nerdctl's words. Its lists have names and little more, so what they name is inspected. Not run on the real thing; flags and
//! answers are those of its source (cmd/nerdctl/network, volume and image).

use super::question::{Question, image_name, line, network_flags, volume_flags};
use super::words::StockName;

/// What nerdctl is called with, after the flags that every call of it has. Its part of containerd is ours alone, and images
/// in there need no filter.
pub(super) fn words(question: &Question<'_>) -> Vec<String> {
    match *question {
        Question::Images => line("image ls --no-trunc", ["--format={{json .}}"]),
        Question::Image(id) => line("image inspect --mode=dockercompat --", [image_name(id).as_str()]),
        Question::RemoveImage(id) => line("image rm --", [image_name(id).as_str()]),
        // Filters are newer than what we can do without; names are looked at here.
        Question::Find(kept, _) => line(&format!("{} ls", kept.word()), ["--format={{json .}}"]),
        Question::Describe(kept, names) => {
            line(&format!("{} inspect --", kept.word()), names.iter().map(StockName::as_str))
        }
        Question::CreateNetwork(new) => {
            let flags = network_flags(new);
            let rest = flags.iter().map(String::as_str).chain(["--", new.name.as_str()]);
            line("network create --driver=bridge", rest)
        }
        Question::CreateVolume(new) => {
            let flags = volume_flags(new);
            line("volume create", flags.iter().map(String::as_str).chain(["--", new.name.as_str()]))
        }
        Question::Remove(kept, id) => line(&format!("{} rm --", kept.word()), [id]),
    }
}
